-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
alter table assets validate constraint assets_title_not_blank;

-- migrate:down
select 1;
