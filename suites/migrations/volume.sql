-- What the lock clock and MIG-10 fill a scratch server with, by the revision that makes the tables: as many rows in each as the
-- setting trial.<table> says, 200 a user, of which a few are unfinished. As generated they need no triggers and no checks of
-- their keys.
set session_replication_role = replica;
create function pg_temp.id(number bigint) returns uuid language sql immutable as
    $$ select ('00000000-0000-4000-8000-' || lpad(number::text, 12, '0'))::uuid $$;
create function pg_temp.rows(name text) returns bigint language sql stable as
    $$ select current_setting('trial.' || name)::bigint $$;

-- after: 20261102090000
insert into accounts (id, email, password_hash)
    select pg_temp.id(n), 'trial' || n || '@example.test', '$argon2id$' || repeat('x', 80)
    from generate_series(1, pg_temp.rows('accounts')) n;
insert into sessions (id, account_id, created_at, expires_at)
    select pg_temp.id(n), pg_temp.id(n % 100), now() - n * interval '1 minute', now() + (n - 100) * interval '1 minute'
    from generate_series(1, pg_temp.rows('sessions')) n;
insert into refresh_tokens (token_sha256, session_id)
    select sha256(n::text::bytea), pg_temp.id(n) from generate_series(1, pg_temp.rows('refresh_tokens')) n;

-- after: 20261102090100
insert into assets (id, account_id, title, filename, content_type, size_bytes, sha256, upload_id, status, progress,
                    created_at)
    select pg_temp.id(n), pg_temp.id(n % 100), 'Film ' || n, n || '.mp4', 'video/mp4', n, repeat('0f', 32), 'upload-' || n,
           'ready', 100, now() - n * interval '1 minute'
    from generate_series(1, pg_temp.rows('assets')) n;
insert into idempotency_keys (account_id, key, request_sha256, asset_id)
    select pg_temp.id(n % 100), 'key-' || n, sha256('x'), pg_temp.id(n)
    from generate_series(1, pg_temp.rows('idempotency_keys')) n;

-- after: 20261102090200
insert into jobs (id, asset_id, kind, state, created_at)
    select pg_temp.id(n), pg_temp.id(n), 'preview', case when n <= 20 then 'queued' else 'done' end,
           now() - n * interval '1 minute'
    from generate_series(1, pg_temp.rows('jobs')) n;
insert into outbox (job_id, created_at, sent_at)
    select pg_temp.id(n), now() - n * interval '1 minute', case when n > 20 then now() end
    from generate_series(1, pg_temp.rows('outbox')) n;

-- after: 20261127090000
insert into idempotent_answers (account_id, key, request_sha256, owner, answer, expires_at)
    select pg_temp.id(n % 100), 'key-' || n, sha256('x'), pg_temp.id(n), '{}', now() + (n - 100) * interval '1 minute'
    from generate_series(1, pg_temp.rows('idempotent_answers')) n;
