-- Yachtparty: people, their conversations by SMS, and the agents which serve them.
--
-- Eighteen tables and a materialized view, without any extension. Nothing in here
-- knows of hearken; hearken.toml describes these tables to it.
--
--     psql -v ON_ERROR_STOP=1 -f schema.sql

begin;

-- People -------------------------------------------------------------------

create table public.users (
    id                uuid not null default gen_random_uuid(),
    phone_number      varchar not null,
    email             varchar,
    first_name        varchar,
    last_name         varchar,
    company           varchar,
    title             varchar,
    linkedin_url      varchar,
    verified          boolean default false,
    email_verified    boolean default false,
    innovator         boolean default false,
    expert_connector  boolean default false,
    expertise         text[],
    poc_agent_id      varchar,
    poc_agent_type    varchar,
    quiet_hours_start time,
    quiet_hours_end   time,
    timezone          varchar,
    response_pattern  jsonb,
    credit_balance    integer default 0,
    status_level      varchar default 'member',
    referred_by       uuid,
    name_dropped      varchar,
    created_at        timestamptz default now(),
    updated_at        timestamptz default now(),
    last_active_at    timestamptz,

    constraint users_pkey primary key (id),
    constraint users_phone_number_key unique (phone_number),
    constraint users_referred_by_fkey foreign key (referred_by) references public.users (id)
);

create index users_email_idx on public.users (email);
create index users_verified_idx on public.users (verified);
-- Finds experts: `expertise && …` would read all users otherwise.
create index users_expertise_idx on public.users using gin (expertise);

create table public.conversations (
    id                      uuid not null default gen_random_uuid(),
    user_id                 uuid not null,
    phone_number            varchar not null,
    status                  varchar default 'active',
    conversation_summary    text,
    last_summary_message_id uuid,
    messages_since_summary  integer default 0,
    created_at              timestamptz default now(),
    updated_at              timestamptz default now(),
    last_message_at         timestamptz,

    constraint conversations_pkey primary key (id),
    constraint conversations_user_id_fkey foreign key (user_id) references public.users (id),
    constraint conversations_status_is_known check (status in ('active', 'archived'))
);

create index conversations_user_id_idx on public.conversations (user_id);
create index conversations_phone_number_idx on public.conversations (phone_number);

create table public.messages (
    id                 uuid not null default gen_random_uuid(),
    conversation_id    uuid not null,
    user_id            uuid not null,
    role               varchar not null,
    content            text not null,
    direction          varchar not null,
    twilio_message_sid varchar,
    status             varchar,
    created_at         timestamptz default now(),
    sent_at            timestamptz,
    delivered_at       timestamptz,

    constraint messages_pkey primary key (id),
    constraint messages_conversation_id_fkey
        foreign key (conversation_id) references public.conversations (id),
    constraint messages_user_id_fkey foreign key (user_id) references public.users (id),
    constraint messages_role_is_known check (role in ('user', 'assistant')),
    constraint messages_direction_is_known check (direction in ('inbound', 'outbound'))
);

create index messages_conversation_id_idx on public.messages (conversation_id);
create index messages_user_id_idx on public.messages (user_id);
create index messages_created_at_idx on public.messages (created_at);

-- Events and tasks ---------------------------------------------------------

-- What agents tell each other. There is no notifying trigger any more: the
-- doorbell which `hearken install` adds takes its place.
create table public.events (
    id             uuid not null default gen_random_uuid(),
    event_type     varchar not null,
    aggregate_id   uuid,
    aggregate_type varchar,
    payload        jsonb not null,
    metadata       jsonb,
    processed      boolean default false,
    version        integer default 1,
    created_at     timestamptz default now(),
    created_by     varchar,

    constraint events_pkey primary key (id)
);

create index events_event_type_idx on public.events (event_type);
create index events_aggregate_idx on public.events (aggregate_id, aggregate_type);
create index events_processed_idx on public.events (processed, created_at);

create table public.agent_tasks (
    id                uuid not null default gen_random_uuid(),
    task_type         varchar not null,
    agent_type        varchar not null,
    user_id           uuid,
    context_id        uuid,
    context_type      varchar,
    scheduled_for     timestamptz not null,
    priority          varchar default 'medium',
    status            varchar default 'pending',
    retry_count       integer default 0,
    max_retries       integer default 3,
    last_attempted_at timestamptz,
    context_json      jsonb not null,
    result_json       jsonb,
    error_log         text,
    created_at        timestamptz default now(),
    created_by        varchar,
    completed_at      timestamptz,

    constraint agent_tasks_pkey primary key (id),
    constraint agent_tasks_user_id_fkey foreign key (user_id) references public.users (id),
    constraint agent_tasks_priority_is_known check (priority in ('low', 'medium', 'high')),
    constraint agent_tasks_status_is_known check (status in ('pending', 'processing', 'completed', 'failed'))
);

create index agent_tasks_status_idx on public.agent_tasks (status, scheduled_for);
create index agent_tasks_agent_type_idx on public.agent_tasks (agent_type, status);
create index agent_tasks_user_id_idx on public.agent_tasks (user_id);

-- Outgoing messages --------------------------------------------------------

create table public.message_queue (
    id                       uuid not null default gen_random_uuid(),
    user_id                  uuid not null,
    agent_id                 varchar not null,
    message_data             jsonb not null,
    final_message            text,
    scheduled_for            timestamptz not null,
    priority                 varchar default 'medium',
    status                   varchar default 'queued',
    superseded_by_message_id uuid,
    superseded_reason        varchar,
    conversation_context_id  uuid,
    requires_fresh_context   boolean default false,
    sequence_id              uuid,
    sequence_position        integer,
    sequence_total           integer,
    sent_at                  timestamptz,
    delivered_message_id     uuid,
    created_at               timestamptz default now(),

    constraint message_queue_pkey primary key (id),
    constraint message_queue_user_id_fkey foreign key (user_id) references public.users (id),
    constraint message_queue_superseded_by_fkey
        foreign key (superseded_by_message_id) references public.message_queue (id),
    constraint message_queue_delivered_message_id_fkey
        foreign key (delivered_message_id) references public.messages (id),
    constraint message_queue_priority_is_known check (priority in ('low', 'medium', 'high')),
    constraint message_queue_status_is_known check (status in ('queued', 'sent', 'superseded', 'failed')),
    constraint message_queue_sequence_is_whole check (
        (sequence_id is null) = (sequence_position is null) and (sequence_id is null) = (sequence_total is null)),
    constraint message_queue_position_is_within check (sequence_position between 1 and sequence_total)
);

create index message_queue_user_id_idx on public.message_queue (user_id, status, scheduled_for);
create index message_queue_status_idx on public.message_queue (status, scheduled_for);
create index message_queue_sequence_id_idx on public.message_queue (sequence_id);

create function public.message_topic(
    id uuid, sequence_id uuid, conversation_context_id uuid, message_data jsonb
) returns text
    language sql immutable parallel safe
    set search_path = pg_catalog, pg_temp
    return case
        when sequence_id is null and message_data ->> 'kind' is not null
            then coalesce(conversation_context_id::text, '-') || '/' || (message_data ->> 'kind')
        else id::text
    end;

comment on function public.message_topic(uuid, uuid, uuid, jsonb) is
    'What a message is about: of a user''s messages of one topic only the newest is worth sending. One without a kind, or of a sequence, is a topic of its own.';

create function public.message_has_its_turn(sequence_id uuid, sequence_position integer) returns boolean
    language sql stable parallel safe
    set search_path = pg_catalog, pg_temp
    return sequence_id is null or not exists (
        select from public.message_queue earlier
        where earlier.sequence_id = message_has_its_turn.sequence_id
          and earlier.sequence_position < message_has_its_turn.sequence_position
          and earlier.status <> 'sent'
    );

comment on function public.message_has_its_turn(uuid, integer) is
    'Whether all parts of the sequence before this one have been sent. A part which failed keeps back those behind it.';

create table public.user_message_budget (
    id                  uuid not null default gen_random_uuid(),
    user_id             uuid not null,
    date                date not null,
    messages_sent       integer default 0,
    last_message_at     timestamptz,
    daily_limit         integer default 5,
    hourly_limit        integer default 2,
    quiet_hours_enabled boolean default true,
    created_at          timestamptz default now(),

    constraint user_message_budget_pkey primary key (id),
    constraint user_message_budget_user_id_date_key unique (user_id, date),
    constraint user_message_budget_user_id_fkey foreign key (user_id) references public.users (id)
);

-- What agents know ---------------------------------------------------------

create table public.user_priorities (
    id            uuid not null default gen_random_uuid(),
    user_id       uuid not null,
    priority_rank integer not null,
    item_type     varchar not null,
    item_id       uuid not null,
    value_score   numeric,
    status        varchar default 'active',
    created_at    timestamptz default now(),
    expires_at    timestamptz,
    presented_at  timestamptz,

    constraint user_priorities_pkey primary key (id),
    constraint user_priorities_item_key unique (user_id, item_type, item_id),
    constraint user_priorities_user_id_fkey foreign key (user_id) references public.users (id),
    constraint user_priorities_item_type_is_known check (item_type in (
        'intro_opportunity', 'community_request', 'community_response', 'expert_impact_notification',
        'solution_update')),
    constraint user_priorities_status_is_known
        check (status in ('active', 'presented', 'actioned', 'expired'))
);

create index user_priorities_rank_idx on public.user_priorities (user_id, status, priority_rank);

create table public.solution_workflows (
    id                     uuid not null default gen_random_uuid(),
    user_id                uuid not null,
    request_description    text not null,
    category               varchar,
    current_step           varchar not null,
    status                 varchar default 'in_progress',
    perplexity_results     jsonb,
    matched_innovators     jsonb,
    community_insights     jsonb,
    expert_recommendations jsonb,
    quality_threshold_met  boolean default false,
    last_decision_at       timestamptz,
    next_action            varchar,
    pending_tasks          jsonb default '[]',
    completed_tasks        jsonb default '[]',
    conversation_log       jsonb default '[]',
    created_at             timestamptz default now(),
    updated_at             timestamptz default now(),
    completed_at           timestamptz,

    constraint solution_workflows_pkey primary key (id),
    constraint solution_workflows_user_id_fkey foreign key (user_id) references public.users (id),
    constraint solution_workflows_status_is_known check (status in ('in_progress', 'completed', 'cancelled'))
);

create index solution_workflows_user_id_idx on public.solution_workflows (user_id, status);

create table public.innovators (
    id                      uuid not null default gen_random_uuid(),
    user_id                 uuid not null,
    company_name            varchar not null,
    solution_description    text,
    categories              text[],
    target_customer_profile text,
    video_url               varchar,
    credits_balance         integer default 0,
    active                  boolean default true,
    created_at              timestamptz default now(),

    constraint innovators_pkey primary key (id),
    constraint innovators_user_id_key unique (user_id),
    constraint innovators_user_id_fkey foreign key (user_id) references public.users (id)
);

create index innovators_active_idx on public.innovators (active);

create table public.prospects (
    id                         uuid not null default gen_random_uuid(),
    email                      text,
    phone_number               text,
    linkedin_url               text,
    first_name                 text,
    last_name                  text,
    company                    text,
    title                      text,
    innovator_id               uuid not null,
    uploaded_at                timestamptz not null default now(),
    upload_source              text,
    upload_batch_id            uuid,
    status                     text not null default 'pending',
    converted_to_user_id       uuid,
    converted_at               timestamptz,
    prospect_notes             text,
    target_solution_categories text[],
    metadata                   jsonb,
    created_at                 timestamptz not null default now(),
    updated_at                 timestamptz not null default now(),

    constraint prospects_pkey primary key (id),
    constraint prospects_innovator_id_fkey foreign key (innovator_id) references public.innovators (id),
    constraint prospects_converted_to_user_id_fkey
        foreign key (converted_to_user_id) references public.users (id),
    constraint prospects_status_is_known check (status in ('pending', 'converted', 'inactive'))
);

create index prospects_innovator_id_idx on public.prospects (innovator_id);
create index prospects_status_idx on public.prospects (status);
create index prospects_email_idx on public.prospects (email);

create table public.intro_opportunities (
    id                    uuid not null default gen_random_uuid(),
    connector_user_id     uuid not null,
    innovator_id          uuid,
    prospect_id           uuid,
    prospect_name         varchar not null,
    prospect_company      varchar,
    prospect_title        varchar,
    prospect_linkedin_url varchar,
    innovator_name        varchar,
    bounty_credits        integer default 50,
    status                varchar default 'open',
    connector_response    text,
    feed_item_id          uuid,
    intro_email           varchar,
    intro_scheduled_at    timestamptz,
    intro_completed_at    timestamptz,
    created_at            timestamptz default now(),
    updated_at            timestamptz default now(),
    expires_at            timestamptz,

    constraint intro_opportunities_pkey primary key (id),
    constraint intro_opportunities_connector_fkey
        foreign key (connector_user_id) references public.users (id),
    constraint intro_opportunities_innovator_id_fkey
        foreign key (innovator_id) references public.innovators (id),
    constraint intro_opportunities_prospect_id_fkey
        foreign key (prospect_id) references public.prospects (id),
    constraint intro_opportunities_status_is_known
        check (status in ('open', 'accepted', 'declined', 'completed'))
);

create index intro_opportunities_connector_idx on public.intro_opportunities (connector_user_id, status);
create index intro_opportunities_innovator_id_idx on public.intro_opportunities (innovator_id);

create table public.linkedin_research_prospects (
    id                 uuid not null default gen_random_uuid(),
    name               varchar not null,
    company            varchar,
    title              varchar,
    linkedin_url       varchar,
    email              varchar,
    mutual_connections jsonb,
    last_researched_at timestamptz,
    users_researching  uuid[],
    created_at         timestamptz default now(),

    constraint linkedin_research_prospects_pkey primary key (id)
);

create index linkedin_research_prospects_url_idx on public.linkedin_research_prospects (linkedin_url);
create index linkedin_research_prospects_name_idx on public.linkedin_research_prospects (name, company);

-- The community ------------------------------------------------------------

create table public.community_requests (
    id                    uuid not null default gen_random_uuid(),
    requesting_agent_type varchar not null,
    requesting_user_id    uuid,
    context_id            uuid,
    context_type          varchar,
    question              text not null,
    category              varchar,
    expertise_needed      text[],
    target_user_ids       uuid[],
    requester_context     text,
    desired_outcome       varchar,
    urgency               varchar default 'medium',
    request_summary       varchar(100),
    status                varchar default 'open',
    responses_count       integer default 0,
    closed_loop_at        timestamptz,
    closed_loop_message   text,
    created_at            timestamptz default now(),
    expires_at            timestamptz default now() + interval '7 days',

    constraint community_requests_pkey primary key (id),
    constraint community_requests_requesting_user_id_fkey
        foreign key (requesting_user_id) references public.users (id),
    constraint community_requests_desired_outcome_is_known check (
        desired_outcome in ('backchannel', 'introduction', 'quick_thoughts', 'ongoing_advice')),
    constraint community_requests_urgency_is_known check (urgency in ('low', 'medium', 'high')),
    constraint community_requests_status_is_known check (status in ('open', 'responses_received', 'closed'))
);

create index community_requests_status_idx on public.community_requests (status, expires_at);
create index community_requests_requesting_user_id_idx on public.community_requests (requesting_user_id);

create table public.community_responses (
    id                  uuid not null default gen_random_uuid(),
    request_id          uuid not null,
    user_id             uuid not null,
    response_text       text not null,
    verbatim_answer     text not null,
    usefulness_score    integer,
    impact_description  text,
    credits_awarded     integer,
    credited_at         timestamptz,
    status              varchar default 'provided',
    closed_loop_message text,
    closed_loop_at      timestamptz,
    created_at          timestamptz default now(),

    constraint community_responses_pkey primary key (id),
    constraint community_responses_request_id_fkey
        foreign key (request_id) references public.community_requests (id),
    constraint community_responses_user_id_fkey foreign key (user_id) references public.users (id),
    constraint community_responses_score_is_within check (usefulness_score between 0 and 10),
    constraint community_responses_status_is_known check (status in ('provided', 'rewarded', 'closed_loop'))
);

create index community_responses_request_id_idx on public.community_responses (request_id);
create index community_responses_user_id_idx on public.community_responses (user_id);
create index community_responses_status_idx on public.community_responses (status);

-- Credits ------------------------------------------------------------------

create table public.credit_events (
    id              uuid not null default gen_random_uuid(),
    user_id         uuid not null,
    event_type      varchar not null,
    amount          integer not null,
    reference_type  varchar not null,
    reference_id    uuid not null,
    idempotency_key varchar not null,
    description     text,
    created_at      timestamptz default now(),
    processed       boolean default false,

    constraint credit_events_pkey primary key (id),
    constraint credit_events_idempotency_key_key unique (idempotency_key),
    constraint credit_events_user_id_fkey foreign key (user_id) references public.users (id)
);

create index credit_events_user_id_idx on public.credit_events (user_id, created_at);
create index credit_events_processed_idx on public.credit_events (processed);

create function public.update_user_credit_cache() returns trigger
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    update public.users u
    set credit_balance = coalesce(u.credit_balance, 0) + new.amount
    where u.id = new.user_id;
    update public.credit_events c set processed = true where c.id = new.id;
    return null;
end $$;

comment on function public.update_user_credit_cache() is
    'Keeps users.credit_balance. After the insert, never before it: a before trigger also fires for a row which `on conflict do nothing` then leaves out, and would pay it again.';

create trigger update_user_credit_cache
    after insert on public.credit_events
    for each row execute function public.update_user_credit_cache();

create materialized view public.user_credit_balances as
    select c.user_id,
           sum(c.amount)     as balance,
           count(*)          as transaction_count,
           max(c.created_at) as last_transaction_at
    from public.credit_events c
    group by c.user_id;

-- Lets it be refreshed while it is read.
create unique index user_credit_balances_user_id_idx on public.user_credit_balances (user_id);

-- Agents -------------------------------------------------------------------

create table public.agent_instances (
    id             uuid not null default gen_random_uuid(),
    agent_type     varchar not null,
    user_id        uuid,
    config_json    jsonb,
    prompt_version varchar,
    status         varchar default 'active',
    last_active_at timestamptz default now(),
    created_at     timestamptz default now(),
    terminated_at  timestamptz,

    constraint agent_instances_pkey primary key (id),
    constraint agent_instances_user_id_fkey foreign key (user_id) references public.users (id),
    constraint agent_instances_status_is_known check (status in ('active', 'terminated'))
);

create index agent_instances_agent_type_idx on public.agent_instances (agent_type, status);

create table public.agent_actions_log (
    id                uuid not null default gen_random_uuid(),
    agent_type        varchar not null,
    agent_instance_id uuid,
    action_type       varchar not null,
    user_id           uuid,
    context_id        uuid,
    context_type      varchar,
    model_used        varchar,
    input_tokens      integer,
    output_tokens     integer,
    cost_usd          numeric,
    latency_ms        integer,
    input_data        jsonb,
    output_data       jsonb,
    error             text,
    created_at        timestamptz default now(),

    constraint agent_actions_log_pkey primary key (id),
    constraint agent_actions_log_instance_fkey
        foreign key (agent_instance_id) references public.agent_instances (id),
    constraint agent_actions_log_user_id_fkey foreign key (user_id) references public.users (id)
);

create index agent_actions_log_agent_type_idx on public.agent_actions_log (agent_type, created_at);
create index agent_actions_log_user_id_idx on public.agent_actions_log (user_id);
create index agent_actions_log_action_type_idx on public.agent_actions_log (action_type);

commit;
