-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
alter table assets add constraint assets_title_not_blank check (title <> '') not valid;

-- migrate:down
alter table assets drop constraint assets_title_not_blank;
