-- outage: the deploy stops half-way: PostgreSQL refuses it there
-- source: https://squawkhq.com/docs/ban-concurrent-index-creation-in-transaction
-- refused by: lint ban-concurrent-index-creation-in-transaction
-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
create index concurrently assets_filename_idx on assets (filename);

-- migrate:down
drop index assets_filename_idx;
