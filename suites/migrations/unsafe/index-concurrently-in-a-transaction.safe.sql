-- phase: expand
-- lock_timeout: 500ms

-- migrate:up transaction:false
create index concurrently if not exists assets_filename_idx on assets (filename);

-- migrate:down transaction:false
drop index concurrently if exists assets_filename_idx;
