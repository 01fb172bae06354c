-- phase: expand
-- lock_timeout: 500ms

-- migrate:up transaction:false
-- Pages of an owner's assets, newest first.
create index concurrently if not exists assets_page_idx on assets (account_id, created_at desc, id desc);
-- What the relay still has to send.
create index concurrently if not exists outbox_unsent_idx on outbox (created_at) where sent_at is null;

-- migrate:down transaction:false
drop index concurrently if exists outbox_unsent_idx;
drop index concurrently if exists assets_page_idx;
