-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
comment on column assets.upload_id is 'read by no release since 2.0; dropped by the contract after 2.1';

-- migrate:down
comment on column assets.upload_id is null;
