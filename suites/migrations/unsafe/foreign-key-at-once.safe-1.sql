-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
alter table outbox add constraint outbox_job_fkey foreign key (job_id) references jobs not valid;

-- migrate:down
alter table outbox drop constraint outbox_job_fkey;
