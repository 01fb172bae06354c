-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
-- A preview that is lost is made again by a new job, which takes the place of the one that has ended.
grant delete on jobs to api;

-- migrate:down
revoke delete on jobs from api;
