-- outage: every write to the table waits until the index is built
-- source: https://squawkhq.com/docs/require-concurrent-index-creation
-- refused by: lint require-concurrent-index-creation
-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
create index assets_sha256_idx on assets (sha256);

-- migrate:down
drop index assets_sha256_idx;
