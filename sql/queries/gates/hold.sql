-- Holds drafts, new ones and known ones alike.
insert into hearken.held as h (
    id, phase, gate, due_at, since, count, event_seq, tick, routine, version, item, queue, tenant,
    dedup_key, collect_key, open_key, supersede_key, overlap_key, waits_open, waits_overlap, reason, draft, request)
select * from unnest(
    $1::bigint[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::integer[], $7::bigint[],
    $8::timestamptz[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[],
    $14::bytea[], $15::bytea[], $16::bytea[], $17::bytea[], $18::bytea[], $19::boolean[], $20::boolean[], $21::text[],
    $22::json[], $23::json[])
on conflict (id) do update
set phase = excluded.phase, gate = excluded.gate, due_at = excluded.due_at, count = excluded.count,
    event_seq = excluded.event_seq, tick = excluded.tick, version = excluded.version, queue = excluded.queue,
    tenant = excluded.tenant, collect_key = excluded.collect_key, open_key = excluded.open_key,
    supersede_key = excluded.supersede_key, overlap_key = excluded.overlap_key,
    waits_open = excluded.waits_open, waits_overlap = excluded.waits_overlap, reason = excluded.reason,
    draft = excluded.draft, request = excluded.request
