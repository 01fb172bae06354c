-- outage: the release that still runs asks for the old name, and every query of it fails
-- source: https://squawkhq.com/docs/renaming-column
-- refused by: lint renaming-column
-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
alter table assets rename column title to caption;

-- migrate:down
alter table assets rename column caption to title;
