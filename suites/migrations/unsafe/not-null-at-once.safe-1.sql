-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
alter table assets add constraint assets_upload_id_given check (upload_id is not null) not valid;

-- migrate:down
alter table assets drop constraint assets_upload_id_given;
