-- The queries that the product runs all the time, word for word as they stand in its source: MIG-10 looks for them there,
-- and asks a filled server how it would run them. Beside each: its file, the index it is for, and its values.

-- name: page of an owner's assets
-- file: system/api/assets.py
-- index: assets_page_idx
-- values: ["00000000-0000-4000-8000-000000000007", 9999999999999999, "ffffffff-ffff-ffff-ffff-ffffffffffff", 51]
select *, (extract(epoch from created_at) * 1000000)::bigint as microseconds from assets
               where account_id = %s
                 and (created_at, id) < (timestamptz 'epoch' + %s * interval '1 microsecond', %s::uuid)
               order by created_at desc, id desc limit %s;

-- name: one asset of its owner
-- file: system/api/rows.py
-- index: assets_pkey
-- values: ["00000000-0000-4000-8000-000000000007", "00000000-0000-4000-8000-000000000007"]
select * from assets where id = %s and account_id = %s;

-- name: sign-in
-- file: system/api/sessions.py
-- index: accounts_email_key
-- values: ["trial7@example.test"]
select id::text, password_hash from accounts where email = %s;

-- name: session of a request
-- file: system/api/sessions.py
-- index: sessions_pkey
-- values: ["00000000-0000-4000-8000-000000000007", "00000000-0000-4000-8000-000000000007"]
select 1 from sessions where id = %s and account_id = %s and revoked_at is null and expires_at > now();

-- name: sessions that are over
-- file: system/api/sessions.py
-- index: sessions_account_id_idx
-- values: ["00000000-0000-4000-8000-000000000007"]
delete from sessions where account_id = %s and expires_at < now();

-- name: upload that is repeated
-- file: system/api/uploads.py
-- index: idempotency_keys_pkey
-- values: ["00000000-0000-4000-8000-000000000007", "key-7"]
select k.request_sha256, a.* from idempotency_keys k join assets a on a.id = k.asset_id
           where k.account_id = %s and k.key = %s;

-- name: answers that nobody asks for any more
-- file: system/api/idempotency.py
-- index: idempotent_answers_expires_at_idx
-- values: []
delete from idempotent_answers where (account_id, key) in (
    select account_id, key from idempotent_answers where expires_at < now()
    order by expires_at limit 20 for update skip locked);

-- name: messages to send
-- file: system/worker/relay.py
-- index: outbox_unsent_idx
-- values: {"older_s": 0.5, "batch": 100}
select outbox.id, outbox.job_id, jobs.asset_id, outbox.trace, job_kinds.stream
from outbox join jobs on jobs.id = outbox.job_id join job_kinds on job_kinds.kind = jobs.kind
where outbox.sent_at is null and outbox.created_at < now() - make_interval(secs => %(older_s)s)
order by outbox.id limit %(batch)s for update of outbox skip locked;

-- name: jobs that were lost
-- file: system/worker/relay.py
-- index: jobs_unfinished_idx
-- values: {"grace_s": 60.0, "batch": 1000}
select id from jobs
where (state = 'queued' and updated_at < now() - make_interval(secs => %(grace_s)s)
    or state = 'running' and lease_until < now() - make_interval(secs => %(grace_s)s))
    and not exists (select from outbox where outbox.job_id = jobs.id and outbox.sent_at is null)
order by created_at limit %(batch)s;
