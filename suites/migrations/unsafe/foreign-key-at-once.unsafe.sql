-- outage: writes to both tables wait until every row is looked up
-- source: https://squawkhq.com/docs/adding-foreign-key-constraint
-- refused by: lint adding-foreign-key-constraint
-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
alter table outbox add constraint outbox_job_fkey foreign key (job_id) references jobs;

-- migrate:down
alter table outbox drop constraint outbox_job_fkey;
