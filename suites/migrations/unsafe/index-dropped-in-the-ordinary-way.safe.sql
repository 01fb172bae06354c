-- phase: expand
-- lock_timeout: 500ms

-- migrate:up transaction:false
drop index concurrently if exists assets_page_idx;

-- migrate:down transaction:false
create index concurrently if not exists assets_page_idx on assets (account_id, created_at desc, id desc);
