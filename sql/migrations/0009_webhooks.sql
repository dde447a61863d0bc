-- Webhooks: what became of each delivery, and which endpoints are left alone.
--
-- A webhook is an item of the inbox like any other; how it is delivered stands in
-- its column `webhook`. What is kept here is for people and for those who deliver:
-- a log by weeks, and one row for each endpoint which failed too often.
--
-- Locks: everything here is new, nobody waits.

-- Endpoints ----------------------------------------------------------------------

create table hearken.endpoints (
    key              text not null,
    state            text not null default 'active',
    failures         integer not null default 0,
    paused_until     timestamptz,
    last_status      integer,
    last_error       text,
    last_success_at  timestamptz,
    changed_at       timestamptz not null default hearken.now(),

    constraint endpoints_pkey primary key (key),
    constraint endpoints_state_is_known check (state in ('active', 'paused', 'trying')),
    constraint endpoints_pause_has_an_end check ((state = 'active') = (paused_until is null)),
    constraint endpoints_failures_are_counted check (failures >= 0)
);

comment on table hearken.endpoints is
    'Endpoints of webhooks which failed several times in a row, or did before. Deliverers share it: whoever finds that an endpoint fails says it to the others. One which never failed has no row; a row of an active one may be deleted.';
comment on column hearken.endpoints.key is
    'NAME:ID for a row of [endpoint.NAME]; scheme://host:port for a plain url. See hearken.endpoint_of().';
comment on column hearken.endpoints.state is
    'active: it is delivered to. paused: not before paused_until. trying: one delivery is on its way to find out whether it answers again.';
comment on column hearken.endpoints.failures is 'Failures in a row, as its last change found them. Decides how long a pause is.';
comment on column hearken.endpoints.paused_until is
    'paused: when one delivery will try again. trying: when another one may, if nobody has heard of this one.';
comment on column hearken.endpoints.last_status is 'The HTTP status of the failure which paused it last; null if there was no answer.';
comment on column hearken.endpoints.last_error is 'That failure, for people.';
comment on column hearken.endpoints.last_success_at is 'When a delivery last ended a pause. Successes of an active endpoint are not written down here.';
comment on column hearken.endpoints.changed_at is 'When the row was last changed.';

-- What deliverers read every few seconds.
create index endpoints_not_active_idx on hearken.endpoints (key) where state <> 'active';

-- In PL/pgSQL, since it is asked of many rows and a function in SQL of this form
-- takes five times as long.
create function hearken.endpoint_of(webhook jsonb) returns text
    language plpgsql immutable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
declare
    url    text := webhook #>> '{to,url}';
    origin text;
begin
    if url is null then
        return (webhook #>> '{to,endpoint,name}') || ':' || (webhook #>> '{to,endpoint,id}');
    end if;
    -- Scheme and host, without the port which goes without saying.
    origin := lower(substring(url from '^[^:/?#]+://[^/?#\\]*') collate "C");
    if origin like 'https://%:443' then
        return left(origin, -4);
    elsif origin like 'http://%:80' then
        return left(origin, -3);
    end if;
    return origin;
end $$;

comment on function hearken.endpoint_of(jsonb) is
    'The key in hearken.endpoints of what stands in inbox_items.webhook; null if that is no delivery.';

create function hearken.resume_endpoint(key text) returns text
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    queues text[];
    queue  text;
begin
    update hearken.endpoints e
    set state = 'active', failures = 0, paused_until = null, changed_at = hearken.now()
    where e.key = resume_endpoint.key and e.state <> 'active';
    if not found then
        return 'not paused';
    end if;
    -- Deliverers read the table every three seconds: before that they would put them off again.
    with moved as (
        update hearken.inbox_items i
        set due_at = hearken.now() + interval '4 seconds'
        where i.id = any (array(
            select o.id
            from hearken.inbox_items o
            where o.state in ('waiting', 'failed') and o.webhook is not null
              and hearken.endpoint_of(o.webhook) = resume_endpoint.key
              and o.due_at > hearken.now() + interval '4 seconds'
            for update skip locked))
        returning i.queue
    )
    select array_agg(distinct m.queue) into queues from moved m;
    foreach queue in array coalesce(queues, '{}') loop
        perform hearken.ring_queue(queue);
    end loop;
    return 'resumed';
end $$;

comment on function hearken.resume_endpoint(text) is
    'Ends the pause of an endpoint by hand: resumed, or not paused. Its items are due a few seconds later, those which wait for their next attempt as well. For operators.';

-- The log ------------------------------------------------------------------------

create sequence hearken.deliveries_id_seq;

comment on sequence hearken.deliveries_id_seq is 'Numbers the rows of hearken.deliveries.';

create table hearken.deliveries (
    at           timestamptz not null default hearken.now(),
    id           bigint not null default nextval('hearken.deliveries_id_seq'),
    item_id      bigint not null,
    attempt      integer not null,
    status       integer,
    duration_ms  integer not null,
    outcome      text not null,
    endpoint     text,
    url          text,
    error        text,
    response     text,
    worker       text,

    constraint deliveries_outcome_is_known check (outcome in ('delivered', 'retried', 'failed', 'paused')),
    constraint deliveries_took_some_time check (duration_ms >= 0)
) partition by range (at);

comment on table hearken.deliveries is
    'Each attempt to deliver a webhook, kept as long as [retention] deliveries says. Written a moment after the attempt: what a deliverer which dies had in memory is not in it.';
comment on column hearken.deliveries.at is 'When the attempt began, by the clock of the database.';
comment on column hearken.deliveries.item_id is 'The item; it may be in hearken.history by now.';
comment on column hearken.deliveries.attempt is 'Which attempt of the item it was, from 1.';
comment on column hearken.deliveries.status is 'The HTTP status; null if there was no answer, or nothing was sent.';
comment on column hearken.deliveries.duration_ms is 'From looking up the name to the end of the answer, in milliseconds; 0 if nothing was sent.';
comment on column hearken.deliveries.outcome is
    'delivered. retried: it failed, and will be tried again. paused: the same, and the endpoint was paused for it. failed: it failed for good.';
comment on column hearken.deliveries.endpoint is 'The endpoint: key in hearken.endpoints.';
comment on column hearken.deliveries.url is 'Where it was sent, without the query; null if it was not known.';
comment on column hearken.deliveries.error is 'Why it failed, for people.';
comment on column hearken.deliveries.response is 'The beginning of the answer''s body. Text of a stranger.';
comment on column hearken.deliveries.worker is 'Who delivered.';

create index deliveries_item_idx on hearken.deliveries (item_id);
create index deliveries_endpoint_idx on hearken.deliveries (endpoint, at);

do $$
declare
    monday timestamptz := date_trunc('week', hearken.now() at time zone 'UTC') at time zone 'UTC';
    upper_bound timestamptz := monday + interval '1 week';
    name text := 'deliveries_floor';
    lower_bound text := 'minvalue';
begin
    for week in 1 .. 5 loop
        execute format('create table hearken.%I partition of hearken.deliveries for values from (%s) to (%s)',
            name, lower_bound, case when week = 5 then 'maxvalue' else quote_literal(upper_bound) end);
        name := 'deliveries_' || to_char(upper_bound at time zone 'UTC', 'YYYYMMDD');
        lower_bound := quote_literal(upper_bound);
        upper_bound := upper_bound + interval '1 week';
    end loop;
end $$;

revoke execute on function hearken.resume_endpoint(text) from public;
