-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
-- What was answered to a call with an Idempotency-Key, until it expires; without an answer the call is under way.
create table idempotent_answers (
    account_id uuid not null references accounts on delete cascade,
    key text not null constraint idempotent_answers_key_length check (length(key) between 1 and 128),
    request_sha256 bytea not null,
    owner uuid not null,
    answer jsonb,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    primary key (account_id, key)
);
create index idempotent_answers_expires_at_idx on idempotent_answers (expires_at);

grant select, insert, update, delete on idempotent_answers to api;

-- migrate:down
drop table idempotent_answers;
