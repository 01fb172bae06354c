-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
grant usage on schema public to api, worker, observer;
alter default privileges in schema public grant select on tables to observer;
grant select on table schema_migrations to observer;

create function set_updated_at() returns trigger language plpgsql as $$
begin
    new.updated_at := now();
    return new;
end
$$;

create table accounts (
    id uuid primary key default gen_random_uuid(),
    email text not null constraint accounts_email_key unique,
    password_hash text not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint accounts_email_is_lower_case check (email = lower(email) and length(email) between 3 and 254),
    constraint accounts_password_is_argon2id check (password_hash like '$argon2id$%')
);
create trigger accounts_updated_at before update on accounts for each row execute function set_updated_at();

-- One row for each sign-in; it is the family of the refresh tokens that descend from it.
create table sessions (
    id uuid primary key default gen_random_uuid(),
    account_id uuid not null references accounts on delete cascade,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    revoked_at timestamptz,
    revoked_because text,
    constraint sessions_revoked_with_reason check ((revoked_at is null) = (revoked_because is null))
);
create index sessions_account_id_idx on sessions (account_id, expires_at);

create table refresh_tokens (
    token_sha256 bytea primary key,
    session_id uuid not null references sessions on delete cascade,
    created_at timestamptz not null default now(),
    used_at timestamptz,
    constraint refresh_tokens_hash_length check (length(token_sha256) = 32)
);
create index refresh_tokens_session_id_idx on refresh_tokens (session_id);

grant select, insert, update (password_hash) on accounts to api;
grant select, insert, update (revoked_at, revoked_because), delete on sessions to api;
grant select, insert, update (used_at) on refresh_tokens to api;

-- migrate:down
drop table refresh_tokens;
drop table sessions;
drop table accounts;
drop function set_updated_at();
revoke select on table schema_migrations from observer;
alter default privileges in schema public revoke select on tables from observer;
revoke usage on schema public from api, worker, observer;
