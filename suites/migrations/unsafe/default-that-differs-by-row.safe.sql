-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
alter table assets add column trace uuid;
alter table assets alter column trace set default gen_random_uuid();

-- migrate:down
alter table assets drop column trace;
