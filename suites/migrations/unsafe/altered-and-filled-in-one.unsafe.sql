-- outage: the lock of ALTER TABLE is held until the last row is filled
-- source: https://www.postgresql.org/docs/16/explicit-locking.html#LOCKING-TABLES
-- refused by: clock rows of sessions read in a revision that takes AccessExclusiveLock on it
-- phase: expand
-- lock_timeout: 500ms
-- statement_timeout: 1min

-- migrate:up
alter table sessions add column device text;
update sessions set device = 'unknown';

-- migrate:down
alter table sessions drop column device;
