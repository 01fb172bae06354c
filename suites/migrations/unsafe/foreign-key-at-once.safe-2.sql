-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
alter table outbox validate constraint outbox_job_fkey;

-- migrate:down
select 1;
