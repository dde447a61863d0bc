-- Vutler: agents which talk in channels, get mail, and run in containers.
--
-- Fourteen tables of the application, and one of ours for restarts, which had no
-- place. README.md tells what was mended.
--
--     psql -v ON_ERROR_STOP=1 -f schema.sql

begin;

-- Agents -----------------------------------------------------------------------

create table public.agents (
    id         uuid not null default gen_random_uuid(),
    name       varchar(255) not null,
    email      varchar(255) not null,
    role       varchar(50) not null default 'agent',
    status     varchar(50) not null default 'active',
    avatar_url text,
    context_id varchar(255),
    bio        text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,

    constraint agents_pkey primary key (id),
    constraint agents_email_key unique (email),
    constraint agents_role_is_known check (role in ('admin', 'agent', 'human_user')),
    constraint agents_status_is_known check (status in ('active', 'inactive', 'suspended'))
);

comment on table public.agents is 'Agents, and people who use the web interface.';
comment on column public.agents.context_id is 'Where Snipara keeps the memory of the agent.';
comment on column public.agents.deleted_at is 'Set when it is deleted; the row stays.';

create index idx_agents_status on public.agents (status) where deleted_at is null;
create index idx_agents_role on public.agents (role) where deleted_at is null;

-- Channels and messages ----------------------------------------------------------

create table public.channels (
    id          uuid not null default gen_random_uuid(),
    name        varchar(255) not null,
    type        varchar(50) not null,
    topic       text,
    description text,
    created_by  uuid,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    deleted_at  timestamptz,

    constraint channels_pkey primary key (id),
    constraint channels_created_by_fkey foreign key (created_by)
        references public.agents (id) on delete set null,
    constraint channels_type_is_known check (type in ('public', 'private', 'dm'))
);

comment on column public.channels.type is 'public: anyone may join; private: by invitation; dm: two members.';
comment on column public.channels.created_by is 'Null once that agent is gone.';

create index idx_channels_type on public.channels (type) where deleted_at is null;
create index idx_channels_created_by on public.channels (created_by);
create index idx_channels_name on public.channels (name) where deleted_at is null;

create table public.channel_members (
    id           uuid not null default gen_random_uuid(),
    channel_id   uuid not null,
    agent_id     uuid not null,
    role         varchar(50) not null default 'member',
    joined_at    timestamptz not null default now(),
    last_read_at timestamptz,

    constraint channel_members_pkey primary key (id),
    constraint channel_members_channel_agent_key unique (channel_id, agent_id),
    constraint channel_members_channel_fkey foreign key (channel_id)
        references public.channels (id) on delete cascade,
    constraint channel_members_agent_fkey foreign key (agent_id)
        references public.agents (id) on delete cascade,
    constraint channel_members_role_is_known check (role in ('owner', 'moderator', 'member'))
);

comment on column public.channel_members.last_read_at is 'What came later is unread.';

create index idx_channel_members_agent on public.channel_members (agent_id);
create index idx_channel_members_last_read on public.channel_members (last_read_at);

create table public.messages (
    id          uuid not null default gen_random_uuid(),
    channel_id  uuid not null,
    author_id   uuid,
    text        text not null,
    thread_id   uuid,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    deleted_at  timestamptz,
    edited_at   timestamptz,
    reactions   jsonb default '[]',
    attachments jsonb default '[]',

    constraint messages_pkey primary key (id),
    constraint messages_channel_fkey foreign key (channel_id)
        references public.channels (id) on delete cascade,
    constraint messages_author_fkey foreign key (author_id)
        references public.agents (id) on delete set null,
    constraint messages_thread_fkey foreign key (thread_id)
        references public.messages (id) on delete set null
);

comment on column public.messages.author_id is 'Null for mail from outside, and once the author is gone.';
comment on column public.messages.thread_id is 'The message which this one answers.';
comment on column public.messages.reactions is 'A list of {emoji, agent_ids}.';
comment on column public.messages.attachments is 'A list of ids of files.';

create index idx_messages_channel_time on public.messages (channel_id, created_at desc) where deleted_at is null;
create index idx_messages_author on public.messages (author_id);
create index idx_messages_thread on public.messages (thread_id) where thread_id is not null;
create index idx_messages_created_at on public.messages (created_at desc);

create table public.files (
    id                uuid not null default gen_random_uuid(),
    agent_id          uuid not null,
    filename          varchar(255) not null,
    original_filename varchar(255) not null,
    size_bytes        bigint not null,
    mime_type         varchar(127),
    s3_key            text not null,
    s3_bucket         varchar(127) not null default 'vutler-files',
    channel_id        uuid,
    created_at        timestamptz not null default now(),
    deleted_at        timestamptz,

    constraint files_pkey primary key (id),
    constraint files_s3_key_key unique (s3_key),
    constraint files_agent_fkey foreign key (agent_id) references public.agents (id) on delete cascade,
    constraint files_channel_fkey foreign key (channel_id) references public.channels (id) on delete set null
);

comment on table public.files is 'What is known of files; their bytes are in MinIO.';

create index idx_files_agent on public.files (agent_id) where deleted_at is null;
create index idx_files_channel on public.files (channel_id) where deleted_at is null;
create index idx_files_created_at on public.files (created_at desc);

-- Mail ---------------------------------------------------------------------------

create table public.email_accounts (
    id                      uuid not null default gen_random_uuid(),
    agent_id                uuid not null,
    email                   varchar(255) not null,
    smtp_host               varchar(255) not null,
    smtp_port               integer not null default 587,
    smtp_username           varchar(255) not null,
    smtp_password_encrypted text not null,
    smtp_use_tls            boolean not null default true,
    imap_host               varchar(255) not null,
    imap_port               integer not null default 993,
    imap_username           varchar(255) not null,
    imap_password_encrypted text not null,
    imap_use_tls            boolean not null default true,
    last_sync_at            timestamptz,
    created_at              timestamptz not null default now(),
    updated_at              timestamptz not null default now(),

    constraint email_accounts_pkey primary key (id),
    constraint email_accounts_agent_key unique (agent_id),
    constraint email_accounts_email_key unique (email),
    constraint email_accounts_agent_fkey foreign key (agent_id)
        references public.agents (id) on delete cascade
);

comment on table public.email_accounts is 'The mailbox of an agent. Passwords are encrypted by the application.';

create table public.email_threads (
    id               uuid not null default gen_random_uuid(),
    email_account_id uuid not null,
    channel_id       uuid not null,
    subject          varchar(511) not null,
    participants     text[],
    last_message_at  timestamptz,
    created_at       timestamptz not null default now(),

    constraint email_threads_pkey primary key (id),
    constraint email_threads_account_subject_key unique (email_account_id, subject),
    constraint email_threads_account_fkey foreign key (email_account_id)
        references public.email_accounts (id) on delete cascade,
    constraint email_threads_channel_fkey foreign key (channel_id)
        references public.channels (id) on delete cascade
);

comment on table public.email_threads is 'Which channel the mails of a subject are in: one for each account and subject.';
comment on column public.email_threads.subject is 'Without `Re:` and its kin: see email_thread_subject().';
comment on column public.email_threads.participants is 'Addresses.';

create index idx_email_threads_channel on public.email_threads (channel_id);

create function public.email_thread_subject(subject text) returns text
    language sql immutable
    set search_path = pg_catalog, pg_temp
    return coalesce(
        nullif(
            left(
                btrim(regexp_replace(
                    regexp_replace(subject, '\s+', ' ', 'g'),
                    '^ ?((re|fw|fwd|aw|wg|sv|tr) ?(\[[0-9]+\])? ?: ?)+', '', 'i')),
                511),
            ''),
        '(no subject)');

comment on function public.email_thread_subject(text) is
    'The subject which a mail and all answers to it have in common.';

-- Presence, keys and sessions ------------------------------------------------------

create table public.presence (
    agent_id    uuid not null,
    status      varchar(50) not null default 'offline',
    status_text varchar(255),
    last_seen   timestamptz not null default now(),
    updated_at  timestamptz not null default now(),

    constraint presence_pkey primary key (agent_id),
    constraint presence_agent_fkey foreign key (agent_id) references public.agents (id) on delete cascade,
    constraint presence_status_is_known check (status in ('online', 'busy', 'idle', 'offline'))
);

comment on column public.presence.last_seen is 'The last heartbeat; there is one every 30 seconds.';

create index idx_presence_status on public.presence (status);
create index idx_presence_last_seen on public.presence (last_seen desc);

create table public.api_keys (
    id           uuid not null default gen_random_uuid(),
    agent_id     uuid not null,
    key_hash     text not null,
    key_prefix   varchar(10) not null,
    scopes       text[] not null default array['read', 'write'],
    expires_at   timestamptz,
    last_used_at timestamptz,
    created_at   timestamptz not null default now(),
    revoked_at   timestamptz,

    constraint api_keys_pkey primary key (id),
    constraint api_keys_key_hash_key unique (key_hash),
    constraint api_keys_agent_fkey foreign key (agent_id) references public.agents (id) on delete cascade
);

comment on column public.api_keys.key_hash is 'The hash of the key; the key itself is nowhere.';
comment on column public.api_keys.expires_at is 'Null: it does not expire.';

create index idx_api_keys_agent on public.api_keys (agent_id);
create index idx_api_keys_prefix on public.api_keys (key_prefix);
-- Finds those which are to be revoked.
create index idx_api_keys_expires on public.api_keys (expires_at) where revoked_at is null;

create table public.sessions (
    id             uuid not null default gen_random_uuid(),
    agent_id       uuid not null,
    token_hash     text not null,
    device         varchar(255),
    ip_address     inet,
    expires_at     timestamptz not null,
    created_at     timestamptz not null default now(),
    last_active_at timestamptz not null default now(),

    constraint sessions_pkey primary key (id),
    constraint sessions_token_hash_key unique (token_hash),
    constraint sessions_agent_fkey foreign key (agent_id) references public.agents (id) on delete cascade
);

comment on column public.sessions.device is 'The browser, as it calls itself.';

create index idx_sessions_agent on public.sessions (agent_id);
create index idx_sessions_expires on public.sessions (expires_at);

-- Building and running agents ------------------------------------------------------

create table public.agent_templates (
    id                  uuid not null default gen_random_uuid(),
    name                varchar(255) not null,
    description         text,
    icon                varchar(10),
    category            varchar(100),
    base_config         jsonb not null,
    customizable_fields text[] default array['name', 'system_prompt', 'tools', 'personality'],
    example_usage       text,
    created_by          uuid,
    is_public           boolean not null default true,
    created_at          timestamptz not null default now(),
    updated_at          timestamptz not null default now(),

    constraint agent_templates_pkey primary key (id),
    constraint agent_templates_name_key unique (name),
    constraint agent_templates_created_by_fkey foreign key (created_by)
        references public.agents (id) on delete set null
);

comment on column public.agent_templates.base_config is
    'What an agent of this template begins with: model, system_prompt, tools, personality, runtime_type.';

create index idx_agent_templates_category on public.agent_templates (category) where is_public;
create index idx_agent_templates_created_by on public.agent_templates (created_by);

create table public.agent_configs (
    id              uuid not null default gen_random_uuid(),
    agent_id        uuid not null,
    model           varchar(255) not null default 'anthropic/claude-sonnet-4',
    system_prompt   text not null,
    temperature     numeric(3, 2) default 0.7,
    max_tokens      integer default 4096,
    tools           text[] default '{}',
    personality     text,
    runtime_type    varchar(50) not null default 'openclaw',
    resource_limits jsonb default '{"cpus": 0.5, "memory_mb": 512, "storage_mb": 1024}',
    extra_config    jsonb default '{}',
    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now(),

    constraint agent_configs_pkey primary key (id),
    constraint agent_configs_agent_key unique (agent_id),
    constraint agent_configs_agent_fkey foreign key (agent_id)
        references public.agents (id) on delete cascade,
    constraint agent_configs_runtime_type_is_known check (runtime_type in ('openclaw', 'llm_api'))
);

comment on column public.agent_configs.runtime_type is
    'openclaw: in a container of its own; llm_api: calls of an API, without tools or container.';

create index idx_agent_configs_runtime_type on public.agent_configs (runtime_type);

create table public.agent_runtime_state (
    id             uuid not null default gen_random_uuid(),
    agent_id       uuid not null,
    status         varchar(50) not null default 'stopped',
    container_id   varchar(255),
    health         varchar(50) default 'unknown',
    last_heartbeat timestamptz,
    uptime_seconds bigint default 0,
    cpu_percent    numeric(5, 2),
    memory_mb      integer,
    started_at     timestamptz,
    stopped_at     timestamptz,
    last_error     text,
    error_count    integer default 0,
    restart_count  integer default 0,
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now(),

    constraint agent_runtime_state_pkey primary key (id),
    constraint agent_runtime_state_agent_key unique (agent_id),
    constraint agent_runtime_state_agent_fkey foreign key (agent_id)
        references public.agents (id) on delete cascade,
    constraint agent_runtime_state_status_is_known check (
        status in ('stopped', 'starting', 'running', 'stopping', 'error')),
    constraint agent_runtime_state_health_is_known check (health in ('healthy', 'unhealthy', 'unknown'))
);

comment on column public.agent_runtime_state.health is 'healthy: the last heartbeat is less than 60 seconds old.';
comment on column public.agent_runtime_state.last_heartbeat is 'Written by the container, every 30 seconds.';
comment on column public.agent_runtime_state.error_count is 'How often its heartbeat was missed since it was last healthy.';
comment on column public.agent_runtime_state.restart_count is 'How often its container was started again.';

create index idx_agent_runtime_state_status on public.agent_runtime_state (status);
create index idx_agent_runtime_state_health on public.agent_runtime_state (health);
create index idx_agent_runtime_state_container on public.agent_runtime_state (container_id)
    where container_id is not null;

create table public.agent_restarts (
    id           uuid not null default gen_random_uuid(),
    agent_id     uuid not null,
    reason       varchar(255) not null,
    container_id varchar(255),
    status       varchar(50) not null default 'waiting',
    attempts     integer not null default 0,
    max_attempts integer not null default 3,
    due_at       timestamptz not null default now(),
    lease_token  bigint,
    leased_until timestamptz,
    leased_by    varchar(255),
    last_error   text,
    created_at   timestamptz not null default now(),
    finished_at  timestamptz,

    constraint agent_restarts_pkey primary key (id),
    constraint agent_restarts_agent_fkey foreign key (agent_id)
        references public.agents (id) on delete cascade,
    constraint agent_restarts_status_is_known check (
        status in ('waiting', 'running', 'done', 'failed', 'cancelled'))
);

comment on table public.agent_restarts is 'Containers to be started again, by routines or by people; at most one at a time for an agent.';
comment on column public.agent_restarts.reason is 'Why; what is called `no heartbeat` is cancelled when there is one again.';

create unique index agent_restarts_one_open on public.agent_restarts (agent_id)
    where status in ('waiting', 'running');
create index agent_restarts_waiting on public.agent_restarts (due_at) where status = 'waiting';
create index agent_restarts_failed on public.agent_restarts (agent_id, finished_at) where status = 'failed';

create table public.agent_logs (
    id        uuid not null default gen_random_uuid(),
    agent_id  uuid not null,
    timestamp timestamptz not null default now(),
    level     varchar(20) not null,
    message   text not null,
    source    varchar(50),
    context   jsonb,

    constraint agent_logs_pkey primary key (id),
    constraint agent_logs_agent_fkey foreign key (agent_id) references public.agents (id) on delete cascade,
    constraint agent_logs_level_is_known check (level in ('DEBUG', 'INFO', 'WARN', 'ERROR'))
);

comment on table public.agent_logs is 'The last seven days; what is older is in the archive.';
comment on column public.agent_logs.source is 'runtime, agent or system.';

create index idx_agent_logs_agent_time on public.agent_logs (agent_id, timestamp desc);
create index idx_agent_logs_level on public.agent_logs (level) where level in ('ERROR', 'WARN');
create index idx_agent_logs_timestamp on public.agent_logs (timestamp desc);

-- What it ships with ---------------------------------------------------------------

insert into public.agent_templates (name, description, icon, category, base_config, example_usage) values
    ('Customer Support Agent', 'Answers questions and tickets of customers.', '🎧', 'support',
     '{"model": "anthropic/claude-sonnet-4", "tools": ["email", "knowledge_base"],
       "system_prompt": "You support customers. Be patient, find out what the trouble is, and solve it.",
       "personality": "helpful, patient, empathetic", "runtime_type": "openclaw"}',
     'A help desk; answers to questions which many have.'),
    ('Data Analyst Agent', 'Looks into data, and writes and draws what it finds.', '📊', 'analytics',
     '{"model": "openai/gpt-4", "tools": ["python_repl", "web_search", "file_access"],
       "system_prompt": "You analyze data. Show how you came to each result, and name its source.",
       "personality": "analytical, precise, thorough", "runtime_type": "openclaw"}',
     'Reports and trends.'),
    ('Code Reviewer Agent', 'Reads changes of code and says what is good and what is not.', '🔍', 'development',
     '{"model": "anthropic/claude-sonnet-4", "tools": ["github", "file_access"],
       "system_prompt": "You review code. Look for bugs and holes first, for style last, and be kind.",
       "personality": "constructive, thorough, professional", "runtime_type": "openclaw"}',
     'Pull requests.');

commit;
