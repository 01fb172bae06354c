-- phase: expand
-- lock_timeout: 500ms

-- migrate:up transaction:false
reindex index concurrently assets_page_idx;

-- migrate:down transaction:false
select 1;
