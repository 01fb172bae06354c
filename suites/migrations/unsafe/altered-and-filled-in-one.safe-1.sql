-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
alter table sessions add column device text;

-- migrate:down
alter table sessions drop column device;
