-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
create table remarks (id bigint generated always as identity primary key, remark text not null);

-- migrate:down
drop table remarks;
