-- outage: nobody reads or writes the table until it is written anew in another order
-- source: https://www.postgresql.org/docs/16/sql-cluster.html
-- refused by: clock rows of jobs read in a revision that takes AccessExclusiveLock on it
-- phase: expand
-- lock_timeout: 500ms
-- statement_timeout: 1min

-- migrate:up
cluster jobs using jobs_pkey;

-- migrate:down
select 1;
