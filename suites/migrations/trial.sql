-- What MIG-08 adds to a scratch server: a trigger where a revision is recorded, which is the last statement of each.
create schema trial;
create table trial.plan (ending text not null);
insert into trial.plan values ('ends well');
-- Used once two migrators have met, and no transaction takes that back.
create sequence trial.met;
-- As its owner: the migrator may neither read this schema nor end its own connection otherwise.
create function trial.end_as_planned() returns trigger language plpgsql security definer as $$
declare
    planned text := (select ending from trial.plan);
    until timestamptz := clock_timestamp() + interval '2 seconds';  -- below the runner's limit for a statement
begin
    if planned = 'fails' then
        raise exception 'trial: the last statement fails';
    elsif planned = 'is interrupted' then
        perform pg_terminate_backend(pg_backend_pid());
        perform pg_sleep(60);
    elsif planned = 'waits for another' and not (select is_called from trial.met) then
        while clock_timestamp() < until loop
            perform pg_stat_clear_snapshot();
            if (select count(*) > 1 from pg_stat_activity
                where datname = current_database() and usename = session_user and backend_type = 'client backend') then
                perform nextval('trial.met');
                -- The other one has the time to come as far as it may.
                perform pg_sleep(0.5);
                return new;
            end if;
            perform pg_sleep(0.05);
        end loop;
        -- Whatever a migrator does about a lock that it cannot have, it does here: it tries again.
        raise exception 'trial: no second migrator yet' using errcode = 'lock_not_available';
    end if;
    return new;
end
$$;
create trigger trial before insert on public.schema_migrations for each row execute function trial.end_as_planned();
