-- HQ: a workspace in which people and agents share tasks. The tables which its
-- behaviours need; what became of the rest is told in README.md.
--
-- Every function fixes its search_path, since triggers also run for the sidecar,
-- whose sessions look into pg_catalog alone.

-- Words --------------------------------------------------------------------------

create type public.agent_status as enum ('ready', 'busy', 'error', 'provisioning', 'hibernating');
create type public.gateway_status as enum ('ready', 'error', 'paused', 'provisioning', 'hibernating');
create type public.task_status as enum ('todo', 'in_progress', 'in_review', 'done', 'cancelled', 'missed');
create type public.task_relation_type as enum ('blocked_by', 'blocks', 'relates_to', 'parent_of', 'child_of');
create type public.review_status as enum ('draft', 'in_review', 'approved', 'revision_requested', 'rejected');
create type public.knowledge_kind as enum ('page', 'skill', 'file', 'source');
create type public.inbox_item_status as enum
    ('pending', 'leased', 'completed', 'failed', 'superseded', 'cancelled');
create type public.agent_command_status as enum ('pending', 'leased', 'completed', 'failed', 'cancelled');
create type public.budget_status as enum ('ok', 'warned', 'exceeded');

-- Shared functions ---------------------------------------------------------------

create function public.set_updated_at() returns trigger
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    new.updated_at := now();
    return new;
end $$;

create function public.is_valid_timezone(name text) returns boolean
    language plpgsql stable
    set search_path = pg_catalog, pg_temp
as $$
begin
    perform now() at time zone name;
    return true;
exception
    when invalid_parameter_value then
        return false;
end $$;

create function public.current_tenant_id() returns uuid
    language sql stable
    set search_path = pg_catalog, pg_temp
    return (nullif(current_setting('request.jwt.claims', true), '')::jsonb
        #>> '{app_metadata,tenant_id}')::uuid;

comment on function public.current_tenant_id() is 'The tenant which the token of the request names; null without one.';

create table public._schema_version (
    version    integer not null,
    applied_at timestamptz not null default now(),

    constraint schema_version_pkey primary key (version)
);

insert into public._schema_version (version) values (31);

-- Tenants, gateways, agents ------------------------------------------------------

create table public.tenants (
    id         uuid not null default gen_random_uuid(),
    name       text not null,
    created_at timestamptz not null default now(),

    constraint tenants_pkey primary key (id)
);

insert into public.tenants (id, name) values ('00000000-0000-0000-0000-000000000000', 'default');

create table public.gateways (
    id           uuid not null default gen_random_uuid(),
    tenant_id    uuid not null,
    name         text not null,
    status       public.gateway_status not null default 'provisioning',
    url          text,
    labels       jsonb not null default '{}',
    heartbeat_at timestamptz,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),

    constraint gateways_pkey primary key (id),
    constraint gateways_tenant_id_fkey foreign key (tenant_id) references public.tenants (id)
);

create table public.agents (
    id         uuid not null default gen_random_uuid(),
    tenant_id  uuid not null,
    gateway_id uuid,
    manager_id uuid,
    slug       text not null,
    name       text not null,
    status     public.agent_status not null default 'provisioning',
    model      text,
    thinking   text,
    template   jsonb not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),

    constraint agents_pkey primary key (id),
    constraint agents_tenant_id_slug_key unique (tenant_id, slug),
    constraint agents_slug_is_plain check (slug ~ '^[a-z0-9][a-z0-9-]*$'),
    constraint agents_tenant_id_fkey foreign key (tenant_id) references public.tenants (id),
    constraint agents_gateway_id_fkey foreign key (gateway_id) references public.gateways (id),
    constraint agents_manager_id_fkey foreign key (manager_id) references public.agents (id)
);

create function public.agent_reports_chain(p_agent_id uuid)
    returns table (agent_id uuid, depth integer)
    language sql stable
    set search_path = pg_catalog, pg_temp
as $$
    with recursive chain as (
        select a.manager_id as agent_id, 1 as depth
        from public.agents a
        where a.id = p_agent_id and a.manager_id is not null
        union all
        select a.manager_id, c.depth + 1
        from chain c
        join public.agents a on a.id = c.agent_id
        where a.manager_id is not null
    ) cycle agent_id set again using path
    select c.agent_id, c.depth from chain c where not c.again order by c.depth
$$;

comment on function public.agent_reports_chain(uuid) is 'The managers of an agent, the nearest first; ends where a circle begins.';

-- Tasks --------------------------------------------------------------------------

create table public.task_series (
    id                 uuid not null default gen_random_uuid(),
    tenant_id          uuid not null,
    title              text not null,
    description        text,
    priority           integer not null default 0,
    assigned_agent_id  uuid,
    model_override     text,
    thinking_override  text,
    recurrence         interval not null,
    timezone           text not null default 'UTC',
    next_occurrence_at timestamptz not null,
    due_after          interval,
    is_active          boolean not null default true,
    created_at         timestamptz not null default now(),
    updated_at         timestamptz not null default now(),

    constraint task_series_pkey primary key (id),
    constraint task_series_recurrence_goes_on check (recurrence > interval '0'),
    constraint task_series_timezone_exists check (public.is_valid_timezone(timezone)),
    constraint task_series_tenant_id_fkey foreign key (tenant_id) references public.tenants (id),
    constraint task_series_assigned_agent_id_fkey foreign key (assigned_agent_id) references public.agents (id)
);

create index task_series_next_occurrence_at_idx on public.task_series (next_occurrence_at) where is_active;

create table public.tasks (
    id                uuid not null default gen_random_uuid(),
    tenant_id         uuid not null,
    title             text not null,
    description       text,
    status            public.task_status not null default 'todo',
    priority          integer not null default 0,
    assigned_agent_id uuid,
    model_override    text,
    thinking_override text,
    due_at            timestamptz,
    series_id         uuid,
    occurrence_at     timestamptz,
    created_at        timestamptz not null default now(),
    updated_at        timestamptz not null default now(),

    constraint tasks_pkey primary key (id),
    constraint tasks_series_id_occurrence_at_key unique (series_id, occurrence_at),
    constraint tasks_tenant_id_fkey foreign key (tenant_id) references public.tenants (id),
    constraint tasks_assigned_agent_id_fkey foreign key (assigned_agent_id) references public.agents (id),
    constraint tasks_series_id_fkey foreign key (series_id) references public.task_series (id)
);

-- Serves the look for what is overdue.
create index tasks_due_at_idx on public.tasks (due_at) where status not in ('done', 'cancelled', 'missed');

create table public.task_relations (
    task_id         uuid not null,
    related_task_id uuid not null,
    tenant_id       uuid not null,
    relation_type   public.task_relation_type not null,
    created_at      timestamptz not null default now(),

    constraint task_relations_pkey primary key (task_id, related_task_id, relation_type),
    constraint task_relations_are_of_two check (task_id <> related_task_id),
    constraint task_relations_task_id_fkey foreign key (task_id) references public.tasks (id) on delete cascade,
    constraint task_relations_related_task_id_fkey
        foreign key (related_task_id) references public.tasks (id) on delete cascade,
    constraint task_relations_tenant_id_fkey foreign key (tenant_id) references public.tenants (id)
);

create index task_relations_related_task_id_idx on public.task_relations (related_task_id);

create view public.task_blockers with (security_invoker = true) as
select r.task_id, r.related_task_id as blocker_id
from public.task_relations r
where r.relation_type = 'blocked_by'
union
select r.related_task_id, r.task_id
from public.task_relations r
where r.relation_type = 'blocks';

comment on view public.task_blockers is 'Which task waits for which, from whatever side it was written down.';

create function public.get_task_relations(p_task_id uuid)
    returns table (relation_type public.task_relation_type, task_id uuid, title text, status public.task_status)
    language sql stable
    set search_path = pg_catalog, pg_temp
as $$
    select r.relation_type, t.id, t.title, t.status
    from public.task_relations r
    join public.tasks t on t.id = r.related_task_id
    where r.task_id = p_task_id
    order by r.relation_type, t.title, t.id
$$;

-- Talk, knowledge, collections ---------------------------------------------------

create table public.comments (
    id              uuid not null default gen_random_uuid(),
    tenant_id       uuid not null,
    entity_type     text not null,
    entity_id       uuid not null,
    author_agent_id uuid,
    body            text not null,
    created_at      timestamptz not null default now(),

    constraint comments_pkey primary key (id),
    constraint comments_tenant_id_fkey foreign key (tenant_id) references public.tenants (id),
    constraint comments_author_agent_id_fkey foreign key (author_agent_id) references public.agents (id)
);

comment on column public.comments.author_agent_id is 'The agent who wrote it; null for a person.';

create table public.entity_links (
    id                    uuid not null default gen_random_uuid(),
    tenant_id             uuid not null,
    owner_type            text not null,
    owner_id              uuid not null,
    target_type           text not null,
    target_id             uuid,
    url                   text,
    title                 text,
    is_deliverable        boolean not null default false,
    review_status         public.review_status,
    review_note           text,
    reviewed_at           timestamptz,
    submitted_by_agent_id uuid,
    created_at            timestamptz not null default now(),
    updated_at            timestamptz not null default now(),

    constraint entity_links_pkey primary key (id),
    constraint entity_links_lead_somewhere check (target_id is not null or url is not null),
    constraint entity_links_deliverables_have_a_review check (is_deliverable = (review_status is not null)),
    constraint entity_links_tenant_id_fkey foreign key (tenant_id) references public.tenants (id),
    constraint entity_links_submitted_by_agent_id_fkey
        foreign key (submitted_by_agent_id) references public.agents (id)
);

create table public.knowledge_items (
    id         uuid not null default gen_random_uuid(),
    tenant_id  uuid not null,
    kind       public.knowledge_kind not null,
    scope      text not null default 'workspace',
    is_pinned  boolean not null default false,
    title      text not null,
    content    text,
    tags       text[] not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),

    constraint knowledge_items_pkey primary key (id),
    constraint knowledge_items_scope_is_known check (scope in ('workspace', 'agent')),
    constraint knowledge_items_tenant_id_fkey foreign key (tenant_id) references public.tenants (id)
);

create table public.contacts (
    id              uuid not null default gen_random_uuid(),
    tenant_id       uuid not null,
    name            text not null,
    email           text,
    pipeline_status text,
    priority        integer not null default 0,
    custom_data     jsonb not null default '{}',
    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now(),

    constraint contacts_pkey primary key (id),
    constraint contacts_tenant_id_fkey foreign key (tenant_id) references public.tenants (id)
);

create table public.collection_definitions (
    id         uuid not null default gen_random_uuid(),
    tenant_id  uuid not null,
    name       text not null,
    created_at timestamptz not null default now(),

    constraint collection_definitions_pkey primary key (id),
    constraint collection_definitions_tenant_id_fkey foreign key (tenant_id) references public.tenants (id)
);

create table public.collection_records (
    id            uuid not null default gen_random_uuid(),
    tenant_id     uuid not null,
    collection_id uuid not null,
    data          jsonb not null default '{}',
    created_at    timestamptz not null default now(),
    updated_at    timestamptz not null default now(),

    constraint collection_records_pkey primary key (id),
    constraint collection_records_tenant_id_fkey foreign key (tenant_id) references public.tenants (id),
    constraint collection_records_collection_id_fkey
        foreign key (collection_id) references public.collection_definitions (id) on delete cascade
);

-- What people see ----------------------------------------------------------------

create table public.audit_log (
    id          bigint generated always as identity,
    tenant_id   uuid not null,
    actor_type  text not null,
    actor_id    uuid,
    action      text not null,
    entity_type text not null,
    entity_id   uuid not null,
    summary     text,
    metadata    jsonb not null default '{}',
    created_at  timestamptz not null default now(),

    constraint audit_log_pkey primary key (id),
    constraint audit_log_actor_type_is_known check (actor_type in ('user', 'agent', 'system')),
    constraint audit_log_tenant_id_fkey foreign key (tenant_id) references public.tenants (id)
);

create table public.notifications (
    id          uuid not null default gen_random_uuid(),
    tenant_id   uuid not null,
    kind        text not null,
    title       text not null,
    body        text,
    agent_id    uuid,
    entity_type text,
    entity_id   uuid,
    dedup_key   text,
    read_at     timestamptz,
    created_at  timestamptz not null default now(),

    constraint notifications_pkey primary key (id),
    constraint notifications_tenant_id_dedup_key_key unique (tenant_id, dedup_key),
    constraint notifications_tenant_id_fkey foreign key (tenant_id) references public.tenants (id),
    constraint notifications_agent_id_fkey foreign key (agent_id) references public.agents (id)
);

-- The two queues -----------------------------------------------------------------

create table public.agent_inbox_items (
    id            uuid not null default gen_random_uuid(),
    tenant_id     uuid not null,
    agent_id      uuid not null,
    kind          text not null,
    title         text not null,
    instructions  text,
    context       jsonb not null default '{}',
    priority      integer not null default 0,
    status        public.inbox_item_status not null default 'pending',
    dedup_key     text,
    scheduled_for timestamptz not null default now(),
    attempts      integer not null default 0,
    max_attempts  integer not null default 3,
    lease_token   bigint,
    leased_by     text,
    leased_until  timestamptz,
    last_error    text,
    result        jsonb,
    completed_at  timestamptz,
    created_at    timestamptz not null default now(),

    constraint agent_inbox_items_pkey primary key (id),
    constraint agent_inbox_items_tenant_id_fkey foreign key (tenant_id) references public.tenants (id),
    constraint agent_inbox_items_agent_id_fkey foreign key (agent_id) references public.agents (id)
);

-- One open item of a key: what is done may be asked for again.
create unique index agent_inbox_items_open_dedup_key_idx on public.agent_inbox_items (tenant_id, dedup_key)
    where status in ('pending', 'leased');
create index agent_inbox_items_waiting_idx on public.agent_inbox_items (agent_id, priority desc, scheduled_for)
    where status = 'pending';

create table public.agent_commands (
    id           uuid not null default gen_random_uuid(),
    tenant_id    uuid not null,
    gateway_id   uuid not null,
    agent_id     uuid,
    kind         text not null,
    payload      jsonb not null default '{}',
    priority     integer not null default 0,
    status       public.agent_command_status not null default 'pending',
    dedup_key    text,
    available_at timestamptz not null default now(),
    attempts     integer not null default 0,
    max_attempts integer not null default 3,
    lease_token  bigint,
    leased_by    text,
    leased_until timestamptz,
    last_error   text,
    result       jsonb,
    completed_at timestamptz,
    created_at   timestamptz not null default now(),

    constraint agent_commands_pkey primary key (id),
    constraint agent_commands_tenant_id_fkey foreign key (tenant_id) references public.tenants (id),
    constraint agent_commands_gateway_id_fkey foreign key (gateway_id) references public.gateways (id),
    constraint agent_commands_agent_id_fkey foreign key (agent_id) references public.agents (id)
);

create unique index agent_commands_open_dedup_key_idx on public.agent_commands (tenant_id, dedup_key)
    where status in ('pending', 'leased');
create index agent_commands_waiting_idx on public.agent_commands (gateway_id, priority desc, available_at)
    where status = 'pending';

-- Secrets ------------------------------------------------------------------------

create table public.secrets (
    id              uuid not null default gen_random_uuid(),
    tenant_id       uuid not null,
    gateway_id      uuid not null,
    agent_id        uuid,
    key             text not null,
    encrypted_value text not null,
    category        text not null default 'user',
    sync_status     text not null default 'pending',
    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now(),

    constraint secrets_pkey primary key (id),
    constraint secrets_key_is_a_variable check (key ~ '^[A-Z][A-Z0-9_]*$'),
    constraint secrets_encrypted_value_is_encrypted check (encrypted_value like 'enc:v1:%'),
    constraint secrets_category_is_known check (category in ('user', 'channel', 'integration')),
    constraint secrets_sync_status_is_known check (sync_status in ('pending', 'active', 'error', 'waiting')),
    constraint secrets_tenant_id_fkey foreign key (tenant_id) references public.tenants (id),
    constraint secrets_gateway_id_fkey foreign key (gateway_id) references public.gateways (id),
    constraint secrets_agent_id_fkey foreign key (agent_id) references public.agents (id)
);

create unique index secrets_of_gateway_idx on public.secrets (gateway_id, key) where agent_id is null;
create unique index secrets_of_agent_idx on public.secrets (gateway_id, agent_id, key) where agent_id is not null;

-- Usage and budgets --------------------------------------------------------------

create table public.agent_usage (
    id                 bigint generated always as identity,
    tenant_id          uuid not null,
    agent_id           uuid not null,
    provider           text not null,
    model              text not null,
    input_tokens       bigint not null default 0,
    output_tokens      bigint not null default 0,
    cache_tokens       bigint not null default 0,
    estimated_cost_usd numeric(14, 6) not null default 0,
    metadata           jsonb not null default '{}',
    created_at         timestamptz not null default now(),

    constraint agent_usage_pkey primary key (id),
    constraint agent_usage_tenant_id_fkey foreign key (tenant_id) references public.tenants (id),
    constraint agent_usage_agent_id_fkey foreign key (agent_id) references public.agents (id)
);

create index agent_usage_agent_id_created_at_idx on public.agent_usage (agent_id, created_at);

create table public.agent_budgets (
    agent_id          uuid not null,
    tenant_id         uuid not null,
    monthly_limit_usd numeric(14, 6) not null,
    warn_percent      integer not null default 80,
    period_start      date not null,
    spent_usd         numeric(14, 6) not null default 0,
    tokens            bigint not null default 0,
    status            public.budget_status not null default 'ok',
    updated_at        timestamptz not null default now(),

    constraint agent_budgets_pkey primary key (agent_id),
    constraint agent_budgets_limit_is_positive check (monthly_limit_usd > 0),
    constraint agent_budgets_warn_percent_is_one check (warn_percent between 1 and 100),
    constraint agent_budgets_tenant_id_fkey foreign key (tenant_id) references public.tenants (id),
    constraint agent_budgets_agent_id_fkey foreign key (agent_id) references public.agents (id)
);

create function public.budget_status_of(spent numeric, budget numeric, warn_percent integer)
    returns public.budget_status
    language sql immutable
    set search_path = pg_catalog, pg_temp
as $$
    select case when spent >= budget then 'exceeded' when spent * 100 >= budget * warn_percent then 'warned'
        else 'ok' end::public.budget_status
$$;

create function public.recompute_agent_budget(p_agent_id uuid, p_period date) returns void
    language sql
    set search_path = pg_catalog, pg_temp
as $$
    update public.agent_budgets b
    set period_start = p_period,
        spent_usd = u.spent,
        tokens = u.tokens,
        status = public.budget_status_of(u.spent, b.monthly_limit_usd, b.warn_percent)
    from (
        select coalesce(sum(estimated_cost_usd), 0) as spent,
               coalesce(sum(input_tokens + output_tokens), 0) as tokens
        from public.agent_usage
        where agent_id = p_agent_id
            and created_at >= p_period::timestamp at time zone 'UTC'
            and created_at < (p_period + interval '1 month') at time zone 'UTC'
    ) u
    where b.agent_id = p_agent_id
$$;

comment on function public.recompute_agent_budget(uuid, date) is 'Reckons a budget anew from the calls of a month, by its first day.';

create function public.agent_usage_rollup() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    period date := date_trunc('month', new.created_at at time zone 'UTC');
begin
    -- A call of a month which is over changes nothing any more.
    update public.agent_budgets b
    set period_start = period,
        spent_usd = s.spent,
        tokens = case when b.period_start = period then b.tokens else 0 end
            + new.input_tokens + new.output_tokens,
        status = public.budget_status_of(s.spent, b.monthly_limit_usd, b.warn_percent)
    from (
        select case when o.period_start = period then o.spent_usd else 0 end + new.estimated_cost_usd as spent
        from public.agent_budgets o
        where o.agent_id = new.agent_id
        for update
    ) s
    where b.agent_id = new.agent_id and b.period_start <= period;
    return null;
end $$;

create trigger agent_usage_rollup
    after insert on public.agent_usage
    for each row execute function public.agent_usage_rollup();

-- Plugins ------------------------------------------------------------------------

create table public.hq_plugins (
    id             uuid not null default gen_random_uuid(),
    tenant_id      uuid not null,
    slug           text not null,
    source_type    text not null default 'local',
    hooks          text[] not null default '{}',
    config         jsonb not null default '{}',
    config_schema  jsonb not null default '{}',
    capabilities   text[] not null default '{}',
    webhook_url    text,
    webhook_secret text,
    is_enabled     boolean not null default true,
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now(),

    constraint hq_plugins_pkey primary key (id),
    constraint hq_plugins_tenant_id_slug_key unique (tenant_id, slug),
    constraint hq_plugins_source_type_is_known
        check (source_type in ('builtin', 'local', 'webhook', 'marketplace')),
    constraint hq_plugins_tenant_id_fkey foreign key (tenant_id) references public.tenants (id)
);

create table public.hq_plugin_events (
    id            bigint generated always as identity,
    tenant_id     uuid not null,
    plugin_id     uuid not null,
    hook          text not null,
    status        text not null,
    duration_ms   integer,
    error_message text,
    created_at    timestamptz not null default now(),

    constraint hq_plugin_events_pkey primary key (id),
    constraint hq_plugin_events_status_is_known check (status in ('success', 'error', 'timeout', 'skipped')),
    constraint hq_plugin_events_tenant_id_fkey foreign key (tenant_id) references public.tenants (id),
    constraint hq_plugin_events_plugin_id_fkey
        foreign key (plugin_id) references public.hq_plugins (id) on delete cascade
);

create index hq_plugin_events_created_at_idx on public.hq_plugin_events (created_at);

create table public.hq_plugin_state (
    plugin_id  uuid not null,
    tenant_id  uuid not null,
    scope_kind text not null,
    scope_id   text not null default '',
    state_key  text not null,
    value      jsonb not null,
    updated_at timestamptz not null default now(),

    constraint hq_plugin_state_pkey primary key (plugin_id, scope_kind, scope_id, state_key),
    constraint hq_plugin_state_scope_kind_is_known
        check (scope_kind in ('global', 'agent', 'task', 'workspace')),
    constraint hq_plugin_state_tenant_id_fkey foreign key (tenant_id) references public.tenants (id),
    constraint hq_plugin_state_plugin_id_fkey
        foreign key (plugin_id) references public.hq_plugins (id) on delete cascade
);

create table public.hq_plugin_event_queue (
    id         bigint generated always as identity,
    tenant_id  uuid not null,
    event_type text not null,
    entity_id  uuid not null,
    payload    jsonb not null,
    processed  boolean not null default false,
    created_at timestamptz not null default now(),

    constraint hq_plugin_event_queue_pkey primary key (id),
    constraint hq_plugin_event_queue_tenant_id_fkey foreign key (tenant_id) references public.tenants (id)
);

create index hq_plugin_event_queue_pending_idx on public.hq_plugin_event_queue (created_at, id)
    where not processed;
create index hq_plugin_event_queue_processed_idx on public.hq_plugin_event_queue (created_at)
    where processed;

create function public.emit_plugin_event() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    -- What never leaves its table.
    hidden constant text[] := array['encrypted_value', 'webhook_secret', 'token_hash'];
    verb   text := case tg_op when 'INSERT' then 'created' when 'UPDATE' then 'updated' else 'deleted' end;
    before jsonb;
    after  jsonb;
begin
    if tg_op <> 'INSERT' then
        before := to_jsonb(old);
    end if;
    if tg_op <> 'DELETE' then
        after := to_jsonb(new);
    end if;
    -- Compared before anything is taken away: a secret with a new value has changed.
    if tg_op = 'UPDATE' and before - 'updated_at' = after - 'updated_at' then
        return null;
    end if;
    insert into public.hq_plugin_event_queue (tenant_id, event_type, entity_id, payload)
    values (
        (coalesce(after, before) ->> 'tenant_id')::uuid,
        tg_argv[0] || '.' || verb,
        (coalesce(after, before) ->> 'id')::uuid,
        jsonb_build_object('op', verb)
            || case when after is null then '{}' else jsonb_build_object('new', after - hidden) end
            || case when before is null then '{}' else jsonb_build_object('old', before - hidden) end
    );
    return null;
end $$;

comment on function public.emit_plugin_event() is 'Writes a change of a row to the queue of plugins, without what is secret. Its argument is what the entity is called.';

create trigger plugin_task_created after insert on public.tasks
    for each row execute function public.emit_plugin_event('task');
create trigger plugin_task_updated after update on public.tasks
    for each row execute function public.emit_plugin_event('task');
create trigger plugin_task_deleted after delete on public.tasks
    for each row execute function public.emit_plugin_event('task');
create trigger plugin_agent_created after insert on public.agents
    for each row execute function public.emit_plugin_event('agent');
create trigger plugin_agent_updated after update on public.agents
    for each row execute function public.emit_plugin_event('agent');
create trigger plugin_knowledge_item_created after insert on public.knowledge_items
    for each row execute function public.emit_plugin_event('knowledge_item');
create trigger plugin_knowledge_item_updated after update on public.knowledge_items
    for each row execute function public.emit_plugin_event('knowledge_item');
create trigger plugin_inbox_created after insert on public.agent_inbox_items
    for each row execute function public.emit_plugin_event('inbox');
create trigger plugin_comment_created after insert on public.comments
    for each row execute function public.emit_plugin_event('comment');
create trigger plugin_secret_created after insert on public.secrets
    for each row execute function public.emit_plugin_event('secret');
create trigger plugin_secret_updated after update on public.secrets
    for each row execute function public.emit_plugin_event('secret');

-- Routines of the workspace ------------------------------------------------------

create table public.routines (
    id           uuid not null default gen_random_uuid(),
    tenant_id    uuid not null,
    agent_id     uuid not null,
    name         text not null,
    instructions text,
    priority     integer not null default 0,
    trigger_type text not null,
    entity_type  text,
    condition    text,
    field        text,
    value        jsonb,
    cron         text,
    timezone     text not null default 'UTC',
    is_enabled   boolean not null default true,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),

    constraint routines_pkey primary key (id),
    constraint routines_trigger_type_is_known check (trigger_type in ('event', 'schedule')),
    constraint routines_entity_type_is_known
        check (entity_type in ('contact', 'task', 'knowledge_item', 'collection_record')),
    constraint routines_condition_is_known
        check (condition in ('created', 'changed_to', 'changed_from', 'any_change')),
    constraint routines_have_what_sets_them_off check (case trigger_type
        when 'event' then entity_type is not null and condition is not null
            and (field is not null or condition in ('created', 'any_change'))
        else cron is not null end),
    constraint routines_timezone_exists check (public.is_valid_timezone(timezone)),
    constraint routines_tenant_id_fkey foreign key (tenant_id) references public.tenants (id),
    constraint routines_agent_id_fkey foreign key (agent_id) references public.agents (id)
);

-- A row as a routine of hearken's. Nothing here raises, so that one bad row cannot
-- take down the others; braces in names would be code of a template.
create view public.hearken_routines with (security_invoker = true) as
select
    r.id::text        as name,
    r.tenant_id::text as tenant,
    jsonb_strip_nulls(jsonb_build_object(
        'title', shown.name,
        'on', case r.trigger_type
            when 'event' then jsonb_build_object('event', jsonb_build_object('type',
                r.entity_type || case r.condition when 'created' then '.created' else '.updated' end))
            else jsonb_build_object('schedule', jsonb_build_object('cron', r.cron, 'tz', r.timezone)) end,
        'when', case when r.trigger_type = 'event' and r.field is not null
            then jsonb_build_object(has.path, has.test) end,
        'item', jsonb_build_object(
            'inbox', 'agents',
            'agent_id', r.agent_id,
            'kind', 'routine',
            'title', shown.name,
            'instructions', r.instructions,
            'priority', r.priority,
            'dedup_key', 'routine:' || r.id
                || case r.trigger_type when 'event' then ':{{ id }}' else ':{{ tick }}' end,
            'context', jsonb_build_object('routine_id', r.id) || case r.trigger_type
                when 'event' then jsonb_build_object(
                    'entity_type', r.entity_type,
                    'entity_id', '{"get": "subject", "default": ""}'::jsonb,
                    'entity', '{"get": "data"}'::jsonb)
                else '{}' end)
    )) as routine
from public.routines r
join public.agents a on a.id = r.agent_id and a.tenant_id = r.tenant_id
cross join lateral (select translate(r.name, '{}', '()')) as shown (name)
cross join lateral (select coalesce(nullif(r.value, 'null'), '{"is": "null"}')) as wanted (value)
cross join lateral (select
    case r.entity_type when 'collection_record' then 'data."data"."' else 'data."' end
        || coalesce(r.field, '') || '"',
    case r.condition
        when 'created'      then wanted.value
        when 'changed_to'   then jsonb_build_object('became', wanted.value)
        when 'changed_from' then jsonb_build_object('was', wanted.value, 'changed', true)
        else '{"changed": true}' end
) as has (path, test)
where r.is_enabled;

-- Row-level security and timestamps ----------------------------------------------

do $$
declare
    place regclass;
begin
    for place in
        select c.oid::regclass
        from pg_class c
        join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
        order by c.relname
    loop
        execute format('alter table %s enable row level security', place);
        execute format(
            'create policy tenant_isolation on %s using (tenant_id = (select public.current_tenant_id()))',
            place);
    end loop;
    for place in
        select c.oid::regclass
        from pg_class c
        join pg_attribute a on a.attrelid = c.oid and a.attname = 'updated_at'
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
        order by c.relname
    loop
        execute format(
            'create trigger set_updated_at before update on %s for each row execute function public.set_updated_at()',
            place);
    end loop;
end $$;

alter table public.tenants enable row level security;
create policy tenant_isolation on public.tenants using (id = (select public.current_tenant_id()));
