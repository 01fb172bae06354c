-- outage: the release that still runs asks for the old name, and every query of it fails
-- source: https://squawkhq.com/docs/renaming-table
-- refused by: lint renaming-table
-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
alter table assets rename to films;

-- migrate:down
alter table films rename to assets;
