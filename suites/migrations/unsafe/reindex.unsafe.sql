-- outage: reads by this index and all writes wait while it is built anew
-- source: https://squawkhq.com/docs/require-concurrent-reindex
-- refused by: lint require-concurrent-reindex
-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
reindex index assets_page_idx;

-- migrate:down
select 1;
