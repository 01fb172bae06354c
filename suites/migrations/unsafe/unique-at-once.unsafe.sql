-- outage: nobody reads or writes the table until its index is built
-- source: https://squawkhq.com/docs/disallowed-unique-constraint
-- refused by: lint disallowed-unique-constraint
-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
alter table assets add constraint assets_upload_id_key unique (upload_id);

-- migrate:down
alter table assets drop constraint assets_upload_id_key;
