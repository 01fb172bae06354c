-- phase: backfill
-- lock_timeout: 500ms

-- migrate:up transaction:false
update assets set filename = lower(filename)
where id in (select id from assets where filename <> lower(filename) limit 500);

-- migrate:down transaction:false
select 1;
