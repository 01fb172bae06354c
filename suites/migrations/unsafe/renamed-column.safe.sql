-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
alter table assets add column caption text;

-- migrate:down
alter table assets drop column caption;
