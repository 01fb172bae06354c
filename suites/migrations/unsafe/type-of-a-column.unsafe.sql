-- outage: nobody reads or writes the table until every row is written anew
-- source: https://squawkhq.com/docs/changing-column-type
-- refused by: lint changing-column-type
-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
alter table assets alter column progress type bigint;

-- migrate:down
alter table assets alter column progress type integer;
