-- phase: backfill
-- lock_timeout: 500ms

-- migrate:up transaction:false
update sessions set device = 'unknown' where id in (select id from sessions where device is null limit 500);

-- migrate:down transaction:false
select 1;
