-- outage: nobody reads or writes the table until every row is written anew
-- source: https://squawkhq.com/docs/adding-field-with-default
-- refused by: lint adding-field-with-default
-- phase: expand
-- lock_timeout: 500ms
-- statement_timeout: 1min

-- migrate:up
alter table assets add column trace uuid not null default gen_random_uuid();

-- migrate:down
alter table assets drop column trace;
