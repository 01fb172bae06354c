-- outage: nobody reads or writes the table until every row is written anew
-- source: https://www.postgresql.org/docs/16/sql-altertable.html#SQL-ALTERTABLE-NOTES
-- refused by: lint adding-field-with-default
-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
alter table assets add column folded text generated always as (lower(title)) stored;

-- migrate:down
alter table assets drop column folded;
