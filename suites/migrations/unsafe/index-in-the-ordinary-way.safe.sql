-- phase: expand
-- lock_timeout: 500ms

-- migrate:up transaction:false
create index concurrently if not exists assets_sha256_idx on assets (sha256);

-- migrate:down transaction:false
drop index concurrently if exists assets_sha256_idx;
