-- What migrations make, as pg_catalog has it: one named query a kind, read by _schema.py.
-- What belongs to PostgreSQL itself or to an extension (pg_depend, deptype e) is not the migrations' work.

-- name: schemas
select n.nspname as name, n.nspowner::regrole::text as owner,
       array(select distinct coalesce(g.rolname, 'public') || ': ' || lower(a.privilege_type)
             from aclexplode(n.nspacl) a left join pg_roles g on g.oid = a.grantee
             where a.grantee <> n.nspowner) as grants
from pg_namespace n
where n.nspname !~ '^(pg_|information_schema$)';

-- name: relations
select n.nspname || '.' || c.relname as name, c.relowner::regrole::text as owner,
       case c.relkind when 'r' then 'table' when 'p' then 'partitioned table' when 'v' then 'view'
                      when 'm' then 'materialized view' when 'S' then 'sequence' else c.relkind::text end as kind,
       c.relpersistence = 'p' as permanent, c.relrowsecurity as row_security, pg_get_viewdef(c.oid) as view,
       array(select distinct coalesce(g.rolname, 'public') || ': ' || lower(a.privilege_type)
             from aclexplode(c.relacl) a left join pg_roles g on g.oid = a.grantee
             where a.grantee <> c.relowner) as grants
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname !~ '^(pg_|information_schema$)' and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
  and not exists (select from pg_depend e where e.objid = c.oid and e.classid = 'pg_class'::regclass and e.deptype = 'e');

-- name: functions
select p.oid::regprocedure::text as name, p.proowner::regrole::text as owner, pg_get_functiondef(p.oid) as definition,
       array(select distinct coalesce(g.rolname, 'public') || ': ' || lower(a.privilege_type)
             from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
             left join pg_roles g on g.oid = a.grantee where a.grantee <> p.proowner) as grants
from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where n.nspname !~ '^(pg_|information_schema$)' and p.prokind in ('f', 'p')
  and not exists (select from pg_depend e where e.objid = p.oid and e.classid = 'pg_proc'::regclass and e.deptype = 'e');

-- name: types
select n.nspname || '.' || t.typname as name,
       case t.typtype when 'e' then 'enum' when 'd' then 'domain' else 'range' end as kind,
       nullif(t.typbasetype, 0)::regtype::text as base,
       array(select e.enumlabel::text from pg_enum e where e.enumtypid = t.oid order by e.enumsortorder) as labels
from pg_type t join pg_namespace n on n.oid = t.typnamespace
where n.nspname !~ '^(pg_|information_schema$)' and t.typtype in ('e', 'd', 'r')
  and not exists (select from pg_depend e where e.objid = t.oid and e.classid = 'pg_type'::regclass and e.deptype = 'e');

-- name: default_privileges
select d.defaclrole::regrole::text || ' in ' || coalesce(n.nspname, 'every schema') || ' for ' || d.defaclobjtype::text
           as name,
       array(select distinct coalesce(g.rolname, 'public') || ': ' || lower(a.privilege_type)
             from aclexplode(d.defaclacl) a left join pg_roles g on g.oid = a.grantee) as grants
from pg_default_acl d left join pg_namespace n on n.oid = d.defaclnamespace;

-- name: columns
select n.nspname || '.' || c.relname as relation, a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
       row_number() over (partition by c.oid order by a.attnum) as position, a.attnotnull as not_null,
       pg_get_expr(d.adbin, d.adrelid) as default, a.attgenerated = 's' as generated,
       case a.attidentity when 'a' then 'always' when 'd' then 'by default' end as identity,
       array(select distinct coalesce(g.rolname, 'public') || ': ' || lower(p.privilege_type)
             from aclexplode(a.attacl) p left join pg_roles g on g.oid = p.grantee
             where p.grantee <> c.relowner) as grants
from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
where n.nspname !~ '^(pg_|information_schema$)' and c.relkind in ('r', 'p', 'v', 'm', 'f')
  and a.attnum > 0 and not a.attisdropped;

-- name: constraints
select n.nspname || '.' || c.relname as relation, k.conname as name, pg_get_constraintdef(k.oid) as definition,
       k.convalidated as valid
from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
where n.nspname !~ '^(pg_|information_schema$)';

-- name: indexes
select n.nspname || '.' || c.relname as relation, x.relname as name, pg_get_indexdef(i.indexrelid) as definition,
       i.indisvalid and i.indisready and i.indislive as valid
from pg_index i join pg_class c on c.oid = i.indrelid join pg_class x on x.oid = i.indexrelid
join pg_namespace n on n.oid = c.relnamespace
where n.nspname !~ '^(pg_|information_schema$)';

-- name: triggers
select n.nspname || '.' || c.relname as relation, t.tgname as name, pg_get_triggerdef(t.oid) as definition,
       t.tgenabled = 'O' as enabled
from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
where n.nspname !~ '^(pg_|information_schema$)' and not t.tgisinternal;

-- name: policies
select schemaname || '.' || tablename as relation, policyname as name, permissive, roles::text[] as roles, cmd as command,
       qual as using, with_check
from pg_policies;
