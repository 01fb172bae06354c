-- outage: the release that still runs asks for the column, and every query of it fails
-- source: https://squawkhq.com/docs/ban-drop-column
-- refused by: lint ban-drop-column
-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
alter table assets drop column upload_id;

-- migrate:down
alter table assets add column upload_id text;
