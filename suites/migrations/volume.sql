-- What MIG-10 fills a scratch server with: 20 000 rows in each table that grows, 200 a user, of which a few are unfinished.
-- As generated they need no triggers and no checks of their keys.
set session_replication_role = replica;
create function pg_temp.id(number bigint) returns uuid language sql immutable as
    $$ select ('00000000-0000-4000-8000-' || lpad(number::text, 12, '0'))::uuid $$;
insert into accounts (id, email, password_hash)
    select pg_temp.id(n), 'trial' || n || '@example.test', '$argon2id$' || repeat('x', 80) from generate_series(1, 20000) n;
insert into sessions (id, account_id, created_at, expires_at)
    select pg_temp.id(n), pg_temp.id(n % 100), now() - n * interval '1 minute', now() + (n - 100) * interval '1 minute'
    from generate_series(1, 20000) n;
insert into refresh_tokens (token_sha256, session_id)
    select sha256(n::text::bytea), pg_temp.id(n) from generate_series(1, 20000) n;
insert into assets (id, account_id, title, filename, content_type, size_bytes, sha256, status, progress, created_at)
    select pg_temp.id(n), pg_temp.id(n % 100), 'Film ' || n, n || '.mp4', 'video/mp4', n, repeat('0f', 32), 'ready', 100,
           now() - n * interval '1 minute'
    from generate_series(1, 20000) n;
insert into idempotency_keys (account_id, key, request_sha256, asset_id)
    select pg_temp.id(n % 100), 'key-' || n, sha256('x'), pg_temp.id(n) from generate_series(1, 20000) n;
insert into jobs (id, asset_id, kind, state, created_at)
    select pg_temp.id(n), pg_temp.id(n), 'preview', case when n <= 20 then 'queued' else 'done' end,
           now() - n * interval '1 minute'
    from generate_series(1, 20000) n;
insert into outbox (job_id, created_at, sent_at)
    select pg_temp.id(n), now() - n * interval '1 minute', case when n > 20 then now() end from generate_series(1, 20000) n;
analyze;
