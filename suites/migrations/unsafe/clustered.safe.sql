-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
alter table jobs set (fillfactor = 90);

-- migrate:down
alter table jobs reset (fillfactor);
