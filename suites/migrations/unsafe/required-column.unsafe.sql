-- outage: the release that still runs inserts without the column, and every insert fails
-- source: https://squawkhq.com/docs/adding-required-field
-- refused by: lint adding-required-field
-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
alter table assets add column language text not null;

-- migrate:down
alter table assets drop column language;
