-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
alter table assets validate constraint assets_upload_id_given;

-- migrate:down
select 1;
