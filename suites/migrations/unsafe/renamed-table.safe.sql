-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
create view films with (security_invoker = true) as select id, account_id, title from assets;

-- migrate:down
drop view films;
