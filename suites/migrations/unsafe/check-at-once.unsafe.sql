-- outage: nobody reads or writes the table until every row is checked
-- source: https://squawkhq.com/docs/constraint-missing-not-valid
-- refused by: lint constraint-missing-not-valid
-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
alter table assets add constraint assets_title_not_blank check (title <> '');

-- migrate:down
alter table assets drop constraint assets_title_not_blank;
