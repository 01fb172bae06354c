-- phase: expand
-- lock_timeout: 500ms

-- migrate:up transaction:false
create unique index concurrently if not exists assets_upload_id_key on assets (upload_id);

-- migrate:down transaction:false
drop index concurrently if exists assets_upload_id_key;
