-- Rows for MIG-04: for each revision that makes tables, what they hold before the next one. Values at the bounds of what
-- the product accepts, so that whatever is cut, rounded, folded or filled anew shows.

-- after: 20261102090000
insert into accounts (id, email, password_hash, created_at, updated_at) values
    ('00000000-0000-4000-8000-000000000001', 'a@b', '$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$' || repeat('x', 43),
     '2026-01-01 00:00:00.000001+00', '2026-01-01 23:59:59.999999+00'),
    ('ffffffff-ffff-4fff-bfff-ffffffffffff', repeat('l', 241) || '@example.test', '$argon2id$' || repeat('y', 400),
     '1999-12-31 23:59:59.123456+00', '2038-01-19 03:14:08.5+00');
insert into sessions (id, account_id, created_at, expires_at, revoked_at, revoked_because) values
    ('00000000-0000-4000-8000-0000000000a1', '00000000-0000-4000-8000-000000000001', '2026-01-01 00:00:00.000001+00',
     '2026-01-31 00:00:00.000001+00', null, null),
    ('00000000-0000-4000-8000-0000000000a2', 'ffffffff-ffff-4fff-bfff-ffffffffffff', '2026-01-01 12:00:00.25+00',
     '2026-01-31 12:00:00.75+00', '2026-01-02 01:02:03.040506+00', 'signed out, with a long reason: ' || repeat('é ', 200));
insert into refresh_tokens (token_sha256, session_id, created_at, used_at) values
    (decode(repeat('00', 32), 'hex'), '00000000-0000-4000-8000-0000000000a1', '2026-01-01 00:00:00.000001+00', null),
    (decode(repeat('ff', 31) || '00', 'hex'), '00000000-0000-4000-8000-0000000000a2', '2026-01-01 00:00:01.5+00',
     '2026-01-01 00:15:01.999999+00');

-- after: 20261102090100
insert into assets (id, account_id, title, filename, content_type, size_bytes, sha256, multipart, upload_id, status, progress,
                    failure_reason, claim_owner, claim_until, master_bucket, master_key, master_version_id,
                    master_retained_until, created_at, updated_at) values
    ('00000000-0000-4000-8000-0000000000b1', '00000000-0000-4000-8000-000000000001', repeat('長', 200),
     repeat('f', 251) || '.mp4', 'video/mp4', 9223372036854775807, repeat('0f', 32), true, 'upload-' || repeat('u', 200),
     'processing', 99, null, '00000000-0000-4000-8000-0000000000c1', '2026-03-01 00:00:00.000001+00', null, null, null,
     null, '2026-02-28 23:59:59.999999+00', '2026-02-28 23:59:59.999998+00'),
    ('00000000-0000-4000-8000-0000000000b2', 'ffffffff-ffff-4fff-bfff-ffffffffffff', ' ', ' Ein Film,  zwei Räume.MOV ',
     'video/quicktime', 0, repeat('f0', 32), false, null, 'failed', 0, E'line one\nline two\t🎬', null, null, 'masters',
     'a/b c/' || repeat('k', 300), 'v' || repeat('1', 63), '2033-05-18 03:33:20.000001+00',
     '2026-02-01 00:00:00.5+00', '2026-02-01 00:00:00.25+00');
insert into idempotency_keys (account_id, key, request_sha256, asset_id, created_at) values
    ('00000000-0000-4000-8000-000000000001', repeat('K', 128), decode(repeat('a0', 32), 'hex'),
     '00000000-0000-4000-8000-0000000000b1', '2026-02-28 23:59:59.999999+00');

-- after: 20261102090200
insert into jobs (id, asset_id, kind, state, attempts, lease_owner, lease_until, error, created_at, updated_at) values
    ('00000000-0000-4000-8000-0000000000d1', '00000000-0000-4000-8000-0000000000b1', 'preview', 'running', 2147483647,
     'worker-' || repeat('w', 100), '2026-03-01 00:00:05.000001+00', null, '2026-02-28 23:59:59.999999+00',
     '2026-03-01 00:00:00.000001+00'),
    ('00000000-0000-4000-8000-0000000000d2', '00000000-0000-4000-8000-0000000000b2', 'preview', 'failed', 0, null, null,
     repeat('reason ', 300), '2026-02-01 00:00:00.5+00', '2026-02-01 00:00:00.75+00');
insert into outbox (job_id, trace, created_at, sent_at) values
    ('00000000-0000-4000-8000-0000000000d1', '00-' || repeat('a', 32) || '-' || repeat('b', 16) || '-01',
     '2026-02-28 23:59:59.999999+00', '2026-03-01 00:00:00.000001+00'),
    ('00000000-0000-4000-8000-0000000000d2', '', '2026-02-01 00:00:00.5+00', null);

-- after: 20261127090000
insert into idempotent_answers (account_id, key, request_sha256, owner, answer, created_at, expires_at) values
    ('00000000-0000-4000-8000-000000000001', repeat('K', 128), decode(repeat('0a', 32), 'hex'),
     '00000000-0000-4000-8000-0000000000e1', '{"title": "長\t🎬", "size_bytes": 9223372036854775807, "master": null}',
     '2026-02-28 23:59:59.999999+00', '2026-03-01 23:59:59.999999+00'),
    ('ffffffff-ffff-4fff-bfff-ffffffffffff', '.', decode(repeat('ff', 32), 'hex'),
     'ffffffff-ffff-4fff-bfff-ffffffffffff', null, '2026-02-28 23:59:59.5+00', '2038-01-19 03:14:08.25+00');
