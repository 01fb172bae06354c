-- outage: nobody reads or writes the table until every row is read
-- source: https://squawkhq.com/docs/adding-not-nullable-field
-- refused by: lint adding-not-nullable-field
-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
alter table assets alter column upload_id set not null;

-- migrate:down
alter table assets alter column upload_id drop not null;
