-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
alter table assets add column progress_permille bigint;

-- migrate:down
alter table assets drop column progress_permille;
