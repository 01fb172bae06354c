-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
alter table accounts add column plan text;

-- migrate:down
alter table accounts drop column plan;
