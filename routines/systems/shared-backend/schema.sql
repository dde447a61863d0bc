-- The shared backend of a system of agents: what they write, what the cockpit reads,
-- and the records by which the backend itself is looked after.

-- What the cockpit shows. Each row has an id which the pipeline derives from what the
-- record is about, the same at each run.

create table public.pipeline_deals (
    id           uuid not null default gen_random_uuid(),
    external_id  text not null,
    title        text not null,
    company      text,
    stage        text not null default 'lead',
    amount       numeric,
    currency     text not null default 'USD',
    details      jsonb not null default '{}',
    synced_at    timestamptz not null default now(),
    created_at   timestamptz not null default now(),

    constraint pipeline_deals_pkey primary key (id),
    constraint pipeline_deals_external_id unique (external_id)
);
comment on table public.pipeline_deals is 'Deals, as the source system has them.';
comment on column public.pipeline_deals.external_id is 'The id of the deal in its source system.';

create table public.calendar_events (
    id           uuid not null default gen_random_uuid(),
    external_id  text not null,
    title        text not null,
    starts_at    timestamptz not null,
    ends_at      timestamptz,
    location     text,
    attendees    jsonb not null default '[]',
    synced_at    timestamptz not null default now(),
    created_at   timestamptz not null default now(),

    constraint calendar_events_pkey primary key (id),
    constraint calendar_events_external_id unique (external_id),
    constraint calendar_events_end_after_they_start check (ends_at >= starts_at)
);
comment on table public.calendar_events is 'The calendar, as the calendar system has it.';
comment on column public.calendar_events.external_id is 'The id of the event in the calendar system.';

create table public.tasks (
    id           uuid not null default gen_random_uuid(),
    external_id  text not null,
    domain       text not null,
    title        text not null,
    status       text not null default 'open',
    due_on       date,
    details      jsonb not null default '{}',
    synced_at    timestamptz not null default now(),
    created_at   timestamptz not null default now(),

    constraint tasks_pkey primary key (id),
    constraint tasks_external_id unique (external_id),
    constraint tasks_status_is_known check (status in ('open', 'in_progress', 'done', 'dropped'))
);
comment on table public.tasks is 'Tasks of all domains.';
comment on column public.tasks.external_id is 'A hash of domain and title: what the task is, not how it stands.';

-- What agents do, and what it costs.

create table public.agent_runs (
    id           uuid not null default gen_random_uuid(),
    agent        text not null,
    session_id   text not null,
    status       text not null default 'running',
    started_at   timestamptz not null default now(),
    finished_at  timestamptz,
    error        text,

    constraint agent_runs_pkey primary key (id),
    constraint agent_runs_status_is_known check (status in ('running', 'done', 'failed'))
);
comment on table public.agent_runs is 'Each run of an agent.';

create table public.agent_run_events (
    id             bigint generated always as identity,
    run_id         uuid not null,
    event_type     text not null,
    input_tokens   bigint not null default 0,
    output_tokens  bigint not null default 0,
    cost_usd       numeric(12, 6) not null default 0,
    payload        jsonb not null default '{}',
    occurred_at    timestamptz not null default now(),
    rolled_up      boolean not null default false,

    constraint agent_run_events_pkey primary key (id),
    constraint agent_run_events_run_fkey foreign key (run_id) references public.agent_runs (id) on delete cascade,
    constraint agent_run_events_cost_something_or_nothing check (
        input_tokens >= 0 and output_tokens >= 0 and cost_usd >= 0)
);
comment on table public.agent_run_events is 'Lines of the stream of a run, with the cost fields of those which have some.';
comment on column public.agent_run_events.rolled_up is 'Whether token_spend has it.';

create index agent_run_events_of_a_run on public.agent_run_events (run_id, occurred_at);
create index agent_run_events_to_roll_up on public.agent_run_events (id) where not rolled_up;

create table public.token_spend (
    agent          text not null,
    session_id     text not null,
    day            date not null,
    runs           integer not null,
    input_tokens   bigint not null,
    output_tokens  bigint not null,
    cost_usd       numeric(14, 6) not null,
    updated_at     timestamptz not null default now(),

    constraint token_spend_pkey primary key (agent, session_id, day)
);
comment on table public.token_spend is 'What was spent, by agent, session and day (UTC).';

create index token_spend_of_a_day on public.token_spend (day);

-- How the backend itself does.

create table public.backup_runs (
    id                uuid not null default gen_random_uuid(),
    run_on            date not null,
    path              text not null,
    status            text not null default 'pending',
    tables            integer,
    raw_bytes         bigint,
    compressed_bytes  bigint,
    started_at        timestamptz,
    finished_at       timestamptz,
    error             text,

    constraint backup_runs_pkey primary key (id),
    constraint backup_runs_one_a_day unique (run_on),
    constraint backup_runs_status_is_known check (status in ('pending', 'running', 'done', 'failed'))
);
comment on table public.backup_runs is 'The daily backups which there are.';

create table public.io_budget (
    id               bigint generated always as identity,
    resource         text not null default 'disk',
    balance_percent  numeric not null,
    sampled_at       timestamptz not null default now(),

    constraint io_budget_pkey primary key (id),
    constraint io_budget_balance_is_a_percentage check (balance_percent between 0 and 100)
);
comment on table public.io_budget is 'How much of the IO budget of the compute tier is left, from time to time.';

create index io_budget_latest on public.io_budget (resource, sampled_at desc);
create index io_budget_recent on public.io_budget (sampled_at, id);

create table public.live_writers (
    table_name    text not null,
    writer        text not null,
    last_seen_at  timestamptz not null,

    constraint live_writers_pkey primary key (table_name, writer)
);
comment on table public.live_writers is 'Who writes which table, and when it last said so.';
