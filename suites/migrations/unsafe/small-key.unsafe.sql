-- outage: at 2 147 483 647 rows every insert fails, and the way out is a rewrite of the table
-- source: https://squawkhq.com/docs/prefer-bigint-over-int
-- refused by: lint prefer-bigint-over-int
-- phase: expand
-- lock_timeout: 500ms

-- migrate:up
create table remarks (id integer generated always as identity primary key, remark text not null);

-- migrate:down
drop table remarks;
