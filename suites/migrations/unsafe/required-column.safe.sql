-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
alter table assets add column language text;

-- migrate:down
alter table assets drop column language;
