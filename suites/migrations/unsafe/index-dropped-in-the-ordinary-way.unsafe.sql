-- outage: reads and writes wait behind the drop, which waits for the slowest reader
-- source: https://squawkhq.com/docs/require-concurrent-index-deletion
-- refused by: lint require-concurrent-index-deletion
-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
drop index assets_page_idx;

-- migrate:down
create index assets_page_idx on assets (account_id, created_at desc, id desc);
