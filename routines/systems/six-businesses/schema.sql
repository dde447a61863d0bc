-- One database for six businesses: leads and calls, content, the memory of the
-- agents, and a queue of tasks for Claude Code. A prefix tells the businesses
-- apart: none (Load Bearing Capital, which was first), pn_ (Petroleum Noir),
-- sc_ (StructCalc) and demo_ (the demo company).
--
-- Whatever is a process has a status of five words and nothing else, and every
-- table has row-level security. The daemon's own role is in daemon.sql.

-- Where the application runs behind PostgREST, as on Supabase, the schema `auth`
-- is there already and tells who asks. Elsewhere this stands in for it.
create schema if not exists auth;

do $$
begin
    if to_regprocedure('auth.role()') is null then
        create function auth.role() returns text
            language sql stable
            set search_path = pg_catalog, pg_temp
            return nullif(current_setting('request.jwt.claim.role', true), '');
        comment on function auth.role() is 'The role of the key with which somebody asks: anon or service_role.';
    end if;
end $$;

-- Load Bearing Capital ---------------------------------------------------------

create table public.leads (
    id               uuid not null default gen_random_uuid(),
    county           text not null,
    address          text not null,
    owner_name       text,
    owner_phone      text,
    owner_email      text,
    distress_score   numeric not null default 0,
    equity_estimate  numeric,
    scrape_source    text not null,
    do_not_call      boolean not null default false,
    status           text not null default 'pending',
    created_at       timestamptz not null default now(),
    updated_at       timestamptz not null default now(),

    constraint leads_pkey primary key (id),
    constraint leads_score_is_a_percentage check (distress_score between 0 and 100),
    constraint leads_status_is_known check (
        status = any (array['pending', 'in_progress', 'done', 'failed', 'cancelled']))
);
comment on table public.leads is 'Properties in distress, from 14 counties.';
comment on column public.leads.distress_score is 'From 0 to 100: how likely the owner has to sell.';
comment on column public.leads.scrape_source is 'Which scraper found it.';

create table public.dial_queue (
    id               uuid not null default gen_random_uuid(),
    lead_id          uuid not null,
    status           text not null default 'pending',
    attempts         integer not null default 0,
    max_attempts     integer not null default 3,
    assigned_agent   text not null,
    scheduled_at     timestamptz not null default now(),
    last_attempt_at  timestamptz,
    created_at       timestamptz not null default now(),
    updated_at       timestamptz not null default now(),

    constraint dial_queue_pkey primary key (id),
    constraint dial_queue_lead_fkey foreign key (lead_id) references public.leads (id) on delete cascade,
    constraint dial_queue_attempts_are_bounded check (attempts between 0 and max_attempts),
    constraint dial_queue_status_is_known check (
        status = any (array['pending', 'in_progress', 'done', 'failed', 'cancelled']))
);
comment on table public.dial_queue is 'Whom to call, and when.';
comment on column public.dial_queue.attempts is 'How many calls came to an end.';
comment on column public.dial_queue.assigned_agent is 'The VAPI agent which calls.';

create unique index dial_queue_one_open_of_a_lead on public.dial_queue (lead_id)
    where status in ('pending', 'in_progress');
create index dial_queue_pending on public.dial_queue (scheduled_at, id) where status = 'pending';

create table public.call_outcomes (
    id          uuid not null default gen_random_uuid(),
    lead_id     uuid not null,
    outcome     text not null,
    transcript  text,
    sentiment   text,
    follow_up   boolean not null default false,
    raw_payload jsonb not null default '{}',
    created_at  timestamptz not null default now(),

    constraint call_outcomes_pkey primary key (id),
    constraint call_outcomes_lead_fkey foreign key (lead_id) references public.leads (id) on delete cascade,
    constraint call_outcomes_outcome_is_known check (outcome in (
        'answered_interested', 'answered_not_interested', 'no_answer', 'voicemail', 'busy', 'wrong_number')),
    constraint call_outcomes_sentiment_is_known check (sentiment in ('positive', 'neutral', 'negative'))
);
comment on table public.call_outcomes is 'What came of each call.';
comment on column public.call_outcomes.raw_payload is 'What VAPI sent.';

create index call_outcomes_of_a_lead on public.call_outcomes (lead_id, created_at);
create index call_outcomes_recent on public.call_outcomes (created_at, id);

create table public.build_content_queue (
    id                    uuid not null default gen_random_uuid(),
    title                 text not null,
    article               text not null,
    tags                  text[] not null default '{}',
    status                text not null default 'pending',
    scheduled_publish_at  timestamptz not null,
    posted_url            text,
    created_at            timestamptz not null default now(),
    updated_at            timestamptz not null default now(),

    constraint build_content_queue_pkey primary key (id),
    constraint build_content_queue_status_is_known check (
        status = any (array['pending', 'in_progress', 'done', 'failed', 'cancelled']))
);
comment on table public.build_content_queue is 'Articles for Dev.to and other written content.';

create index build_content_queue_pending on public.build_content_queue (scheduled_publish_at, id)
    where status = 'pending';

-- Content of each business: four tables of one shape --------------------------------

do $$
declare
    prefix text;
begin
    foreach prefix in array array['', 'pn_', 'sc_', 'demo_'] loop
        execute format($sql$
            create table public.%1$I (
                id            uuid not null default gen_random_uuid(),
                platform      text not null,
                script        text,
                caption       text not null,
                hashtags      text[] not null default '{}',
                video_url     text,
                status        text not null default 'pending',
                scheduled_at  timestamptz,
                posted_at     timestamptz,
                created_at    timestamptz not null default now(),
                updated_at    timestamptz not null default now(),

                constraint %2$I primary key (id),
                constraint %3$I check (
                    status = any (array['pending', 'in_progress', 'done', 'failed', 'cancelled']))
            )$sql$,
            prefix || 'content_queue', prefix || 'content_queue_pkey', prefix || 'content_queue_status_is_known');
        execute format('comment on table public.%I is %L',
            prefix || 'content_queue', 'Videos and posts, from the script to the platform.');
        execute format('create index %I on public.%I (scheduled_at, id) where status = %L',
            prefix || 'content_queue_pending', prefix || 'content_queue', 'pending');
    end loop;
end $$;

-- What all businesses share ----------------------------------------------------------

create table public.jarvis_memory (
    id           uuid not null default gen_random_uuid(),
    memory_type  text not null,
    key          text not null,
    value        jsonb not null,
    confidence   numeric default 0.8,
    created_at   timestamptz default now(),
    updated_at   timestamptz default now(),

    constraint jarvis_memory_pkey primary key (id),
    constraint jarvis_memory_one_of_a_key unique (memory_type, key),
    constraint jarvis_memory_type_is_known check (
        memory_type = any (array['identity', 'episodic', 'strategy', 'policy', 'state'])),
    constraint jarvis_memory_confidence_is_a_share check (confidence between 0 and 1)
);
comment on table public.jarvis_memory is 'What the agents know. Each reads it when it starts and writes back when it ends.';
comment on column public.jarvis_memory.key is 'What it is about, once for each type.';
comment on column public.jarvis_memory.confidence is 'From 0, a guess, to 1, certain.';

create table public.claude_code_queue (
    id           uuid not null default gen_random_uuid(),
    business     text not null,
    title        text not null,
    prompt       text not null,
    context      jsonb not null default '{}',
    priority     integer not null default 5,
    status       text not null default 'pending',
    attempts     integer not null default 0,
    max_attempts integer not null default 3,
    dedup_key    text,
    started_at   timestamptz,
    finished_at  timestamptz,
    result       jsonb,
    error        text,
    created_at   timestamptz not null default now(),

    constraint claude_code_queue_pkey primary key (id),
    constraint claude_code_queue_once unique (dedup_key),
    constraint claude_code_queue_status_is_known check (
        status = any (array['pending', 'in_progress', 'done', 'failed', 'cancelled'])),
    constraint claude_code_queue_business_is_known check (business in ('lbc', 'pn', 'sc', 'demo')),
    constraint claude_code_queue_priority_is_bounded check (priority between 1 and 10)
);
comment on table public.claude_code_queue is 'Tasks for Claude Code on the server.';
comment on column public.claude_code_queue.dedup_key is 'What makes two tasks the same task; null for none.';
comment on column public.claude_code_queue.priority is 'From 1 to 10; greater is first.';

create index claude_code_queue_pending on public.claude_code_queue (priority desc, created_at)
    where status = 'pending';

-- Row-level security, on every table: the service key works, the anon key sees nothing.

do $$
declare
    t record;
begin
    for t in select c.oid::regclass as name from pg_catalog.pg_class c
             where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' loop
        execute format('alter table %s enable row level security', t.name);
        execute format($sql$create policy service_only on %s
            using (auth.role() = 'service_role') with check (auth.role() = 'service_role')$sql$, t.name);
    end loop;
end $$;
