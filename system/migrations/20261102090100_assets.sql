-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
create table assets (
    id uuid primary key default gen_random_uuid(),
    account_id uuid not null references accounts on delete cascade,
    title text not null constraint assets_title_length check (length(title) between 1 and 200),
    filename text not null constraint assets_filename_length check (length(filename) between 1 and 255),
    content_type text not null constraint assets_content_type_is_video check (content_type like 'video/%'),
    size_bytes bigint not null constraint assets_size_is_not_negative check (size_bytes >= 0),
    sha256 text not null constraint assets_sha256_is_hex check (sha256 ~ '^[0-9a-f]{64}$'),
    multipart boolean not null default false,
    upload_id text,
    status text not null default 'awaiting_upload',
    progress integer not null default 0 constraint assets_progress_is_percent check (progress between 0 and 100),
    failure_reason text,
    -- Whoever promotes or deletes claims the asset first: objects cannot be locked by a row lock held across calls.
    claim_owner uuid,
    claim_until timestamptz,
    master_bucket text,
    master_key text,
    master_version_id text,
    master_retained_until timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint assets_status_is_known
        check (status in ('awaiting_upload', 'queued', 'processing', 'ready', 'failed')),
    constraint assets_failed_with_reason check ((status = 'failed') = (failure_reason is not null)),
    constraint assets_claim_has_an_end check ((claim_owner is null) = (claim_until is null)),
    constraint assets_master_is_whole
        check (num_nulls(master_bucket, master_key, master_version_id, master_retained_until) in (0, 4))
);
create trigger assets_updated_at before update on assets for each row execute function set_updated_at();

create table idempotency_keys (
    account_id uuid not null references accounts on delete cascade,
    key text not null constraint idempotency_keys_length check (length(key) between 1 and 128),
    request_sha256 bytea not null,
    asset_id uuid not null references assets on delete cascade,
    created_at timestamptz not null default now(),
    primary key (account_id, key)
);
create index idempotency_keys_asset_id_idx on idempotency_keys (asset_id);

grant select, insert, update, delete on assets to api;
grant select, insert on idempotency_keys to api;
grant select, update (status, progress, failure_reason) on assets to worker;

-- migrate:down
drop table idempotency_keys;
drop table assets;
