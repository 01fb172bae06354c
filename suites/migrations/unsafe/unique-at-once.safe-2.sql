-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
alter table assets add constraint assets_upload_id_key unique using index assets_upload_id_key;

-- migrate:down
alter table assets drop constraint assets_upload_id_key;
