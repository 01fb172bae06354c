-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
-- What can be queued, and on which stream. A release cannot enqueue a kind that has no row here.
create table job_kinds (
    kind text primary key,
    stream text not null constraint job_kinds_stream_key unique
);
insert into job_kinds (kind, stream) values ('preview', 'jobs:preview');

create table jobs (
    id uuid primary key default gen_random_uuid(),
    asset_id uuid not null references assets on delete cascade,
    kind text not null references job_kinds,
    state text not null default 'queued',
    attempts integer not null default 0 constraint jobs_attempts_is_not_negative check (attempts >= 0),
    lease_owner text,
    lease_until timestamptz,
    error text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint jobs_asset_kind_key unique (asset_id, kind),
    constraint jobs_state_is_known check (state in ('queued', 'running', 'done', 'failed')),
    constraint jobs_lease_is_whole check ((lease_owner is null) = (lease_until is null)),
    constraint jobs_running_has_lease check (state <> 'running' or lease_owner is not null),
    constraint jobs_failed_with_error check (state <> 'failed' or error is not null)
);
create trigger jobs_updated_at before update on jobs for each row execute function set_updated_at();
create index jobs_unfinished_idx on jobs (created_at) where state in ('queued', 'running');

-- Every job is a row before it is a message: this one is written with the job, and marked once the stream has it.
create table outbox (
    id bigint generated always as identity primary key,
    job_id uuid not null references jobs on delete cascade,
    trace text not null default '',
    created_at timestamptz not null default now(),
    sent_at timestamptz
);
create index outbox_job_id_idx on outbox (job_id);

grant select on job_kinds to api, worker;
grant select, insert on jobs to api;
grant select, insert, update (sent_at) on outbox to api;
grant select, update (state, attempts, lease_owner, lease_until, error) on jobs to worker;
grant select, update (sent_at) on outbox to worker;

-- migrate:down
drop table outbox;
drop table jobs;
drop table job_kinds;
