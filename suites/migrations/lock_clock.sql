-- What the lock clock adds to a scratch server: where a revision is recorded, the last statement of its transaction, everything that
-- this transaction has locked is still locked.
create schema clock;
create table clock.held (version text not null, name text not null, mode text not null);
-- As its owner: the migrator may not write here.
create function clock.note() returns trigger language plpgsql security definer as $$
begin
    insert into clock.held
        select new.version, c.relname, l.mode from pg_locks l join pg_class c on c.oid = l.relation
        where l.pid = pg_backend_pid() and l.granted and l.locktype = 'relation' and c.relkind in ('r', 'p')
          and c.relnamespace = 'public'::regnamespace;
    return new;
end
$$;
create trigger clock before insert on schema_migrations for each row execute function clock.note();
