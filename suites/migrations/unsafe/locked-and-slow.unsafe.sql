-- outage: nobody reads or writes the table while the transaction waits for something else
-- source: https://www.postgresql.org/docs/16/explicit-locking.html#LOCKING-TABLES
-- refused by: clock AccessExclusiveLock on accounts for
-- phase: expand
-- lock_timeout: 500ms
-- statement_timeout: 1min

-- migrate:up
alter table accounts add column plan text;
select pg_sleep(1.5);

-- migrate:down
alter table accounts drop column plan;
