-- outage: each row stays locked from its own update to the end of them all
-- source: https://www.postgresql.org/docs/16/explicit-locking.html#LOCKING-ROWS
-- refused by: clock a query waited
-- phase: expand
-- lock_timeout: 500ms
-- statement_timeout: 1min

-- migrate:up
update assets set title = title || '';
-- Stands for the rows of years, which would take this long and more.
select pg_sleep(4);

-- migrate:down
select 1;
