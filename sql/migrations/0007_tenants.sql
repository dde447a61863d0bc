-- Tenants: who may see and work on whose items, and write whose events.
--
-- Two tables say it, by role: hearken.worker_roles and hearken.writer_roles. Row
-- security enforces it, in the functions as in plain SQL, since the functions run
-- with the rights of whoever calls them. It is off until somebody calls
-- hearken.enable_tenants(); before that nothing is different, and
-- hearken.disable_tenants() takes it back.
--
-- Locks: everything is new here but three functions, nobody waits. Enabling takes
-- the inbox, the log and the ledger for a moment: see hearken.enable_tenants().

create table hearken.worker_roles (
    id         integer generated always as identity,
    role_name  name not null,
    queue      text,
    tenant     text,

    constraint worker_roles_pkey primary key (id),
    constraint worker_roles_key unique nulls not distinct (role_name, queue, tenant),
    constraint worker_roles_queue_is_not_empty check (queue <> ''),
    constraint worker_roles_tenant_is_not_empty check (tenant <> '')
);

comment on table hearken.worker_roles is
    'Which items a role may see and work on, once hearken.enable_tenants() was called. A row adds to the others; a role has those of the roles it inherits from, as with grants. Each role sees its own rows.';
comment on column hearken.worker_roles.role_name is 'The role. After drop role its rows are to be deleted: another of that name would have them.';
comment on column hearken.worker_roles.queue is 'Of this queue; null: of all.';
comment on column hearken.worker_roles.tenant is 'Of this tenant; null: of all, and items of none besides.';

create table hearken.writer_roles (
    id         integer generated always as identity,
    role_name  name not null,
    tenant     text,

    constraint writer_roles_pkey primary key (id),
    constraint writer_roles_key unique nulls not distinct (role_name, tenant),
    constraint writer_roles_tenant_is_not_empty check (tenant <> '')
);

comment on table hearken.writer_roles is
    'Whose events a role may write to the log, once hearken.enable_tenants() was called. A role has the rows of the roles it inherits from, as with grants. Each role sees its own rows.';
comment on column hearken.writer_roles.role_name is 'The role. After drop role its rows are to be deleted: another of that name would have them.';
comment on column hearken.writer_roles.tenant is 'Events of this tenant; null: of all, and of none.';

-- Who somebody is --------------------------------------------------------------

-- In PL/pgSQL, which keeps its plans for the session: a policy asks several times
-- in one lease, and planning would cost more than all the rest.

create function hearken.my_roles() returns name[]
    language plpgsql stable
    set search_path = pg_catalog, pg_temp
as $$
begin
    return array(
        -- From the user upwards, since there may be a role for each of ten thousand
        -- tenants; whether its rights are inherited is asked of each found so.
        with recursive mine (role) as (
            select to_regrole(quote_ident(current_user))::oid
            union
            select m.roleid from mine join pg_auth_members m on m.member = mine.role
        )
        select pg_get_userbyid(mine.role) from mine where pg_has_role(mine.role, 'usage')
    );
end $$;

comment on function hearken.my_roles() is 'The current role, and those whose rights it inherits.';

create function hearken.claimed_tenant(role name) returns text
    language plpgsql stable
    set search_path = pg_catalog, pg_temp
as $$
begin
    return null;
end $$;

comment on function hearken.claimed_tenant(name) is
    'The tenant which the token of a request claims, for roles which were named for that. Written anew by hearken.enable_tenants() and hearken.disable_tenants(); null while no claim is in use.';

create function hearken.my_work() returns table (queue text, tenant text)
    language plpgsql stable
    set search_path = pg_catalog, pg_temp
as $$
declare
    claimed text := hearken.claimed_tenant(current_user);
begin
    -- The policy of the table leaves us our own rows.
    return query select w.queue, w.tenant from hearken.worker_roles w;
    if claimed is not null then
        return query select null::text, claimed;
    end if;
end $$;

comment on function hearken.my_work() is
    'Which items the current role may work on: of the queue and the tenant of a row, null being all.';

create function hearken.my_scope() returns text[]
    language plpgsql stable
    set search_path = pg_catalog, pg_temp
as $$
declare
    claimed text := hearken.claimed_tenant(current_user);
    scope   text[];
begin
    -- One array for the four kinds of rows, so that a policy asks once for each
    -- statement. The length keeps queue and tenant apart, whatever is in them.
    scope := array(
        select case
            when w.queue is null and w.tenant is null then '*'
            when w.queue is null then 't' || w.tenant
            when w.tenant is null then 'q' || w.queue
            else 'p' || length(w.queue)::text || ':' || w.queue || w.tenant
        end
        from hearken.worker_roles w
    );
    return case when claimed is null then scope else scope || ('t' || claimed) end;
end $$;

comment on function hearken.my_scope() is 'hearken.my_work() in the form in which the policies of the inbox compare it.';

create function hearken.my_writing() returns text[]
    language plpgsql stable
    set search_path = pg_catalog, pg_temp
as $$
declare
    claimed text := hearken.claimed_tenant(current_user);
    scope   text[] := array(select coalesce('t' || w.tenant, '*') from hearken.writer_roles w);
begin
    return case when claimed is null then scope else scope || ('t' || claimed) end;
end $$;

comment on function hearken.my_writing() is
    'Whose events the current role may write, in the form in which the policies of the log compare it.';

create function hearken.sees_all_tenants() returns boolean
    language plpgsql stable
    set search_path = pg_catalog, pg_temp
as $$
begin
    return exists (
        select from pg_policy p cross join unnest(p.polroles) as r (oid)
        where p.polrelid = 'hearken.inbox_items'::regclass and p.polname = 'hearken_all'
          and pg_has_role(r.oid, 'usage'));
end $$;

comment on function hearken.sees_all_tenants() is
    'Whether the current role is the daemon''s or an operator''s, as hearken.enable_tenants() was told.';

-- Policies call them with the rights of workers and writers.
grant execute on function hearken.my_roles(), hearken.claimed_tenant(name), hearken.my_work() to public;
grant execute on function hearken.my_scope(), hearken.my_writing(), hearken.sees_all_tenants() to public;

-- Each role its own rows: what other tenants there are is nobody's business.
grant select on hearken.worker_roles, hearken.writer_roles to public;
alter table hearken.worker_roles enable row level security;
alter table hearken.writer_roles enable row level security;
create policy worker_roles_own on hearken.worker_roles for select
    using (role_name = any ((select hearken.my_roles())::name[]));
create policy writer_roles_own on hearken.writer_roles for select
    using (role_name = any ((select hearken.my_roles())::name[]));
comment on policy worker_roles_own on hearken.worker_roles is 'Each role sees what is said about itself.';
comment on policy writer_roles_own on hearken.writer_roles is 'Each role sees what is said about itself.';

-- Causes -------------------------------------------------------------------------

create function hearken.session_sees(queue text, tenant text) returns boolean
    language plpgsql stable
    set search_path = pg_catalog, pg_temp
as $$
declare
    inbox constant oid := 'hearken.inbox_items'::regclass;
begin
    if not exists (
        select from pg_policy p where p.polrelid = inbox and p.polname = 'hearken_workers_see'
    ) then
        return true;
    end if;
    return pg_has_role(session_user, (select c.relowner from pg_class c where c.oid = inbox), 'member')
        or exists (
            select from pg_policy p cross join unnest(p.polroles) as r (oid)
            where p.polrelid = inbox and p.polname = 'hearken_all'
              and pg_has_role(session_user, r.oid, 'member'))
        or exists (
            select from hearken.worker_roles w
            where (w.tenant is null or w.tenant = session_sees.tenant)
              and (w.queue is null or w.queue = session_sees.queue)
              and pg_has_role(session_user, to_regrole(quote_ident(w.role_name)), 'member'))
        or coalesce(session_sees.tenant = hearken.claimed_tenant(session_user), false);
end $$;

comment on function hearken.session_sees(text, text) is
    'Whether whoever logged in may, in one of its roles, see items of the queue and the tenant. For functions which run with their owner''s rights.';

revoke execute on function hearken.session_sees(text, text) from public;

create or replace function hearken.chain_of_lease(lease text) returns text[]
    language plpgsql stable security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    -- No more digits than a bigint surely holds, and no token which is not a lease's.
    if lease is null or lease !~ '^[1-9][0-9]{0,17}:[1-9][0-9]{0,17}$' then
        return null;
    end if;
    -- Tokens can be guessed: of another tenant's item it says no more than of none.
    return (
        select array_append(i.chain, i.routine)
        from hearken.inbox_items i
        where i.id = split_part(lease, ':', 1)::bigint and i.token = split_part(lease, ':', 2)::bigint
          and hearken.session_sees(i.queue, i.tenant)
    );
end $$;

comment on function hearken.chain_of_lease(text) is
    'The causes of an event which is emitted under a lease, ID:TOKEN: those of its item, and the item''s routine; null if the lease is not the last one of an item, or the item is another tenant''s. Runs with its owner''s rights: a writer does not see the inbox.';

-- The lease ----------------------------------------------------------------------

create or replace function hearken.lease(
    worker text,
    queues text[],
    max    integer default 1,
    lease  interval default null,
    tags   text[] default null
) returns table (
    id           bigint,
    token        bigint,
    attempt      integer,
    queue        text,
    priority     integer,
    routine      text,
    title        text,
    instructions text,
    context      jsonb,
    tenant       text,
    item_tags    text[],
    event_seq    bigint,
    tick         timestamptz,
    due_at       timestamptz,
    lease_until  timestamptz
)
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    clock       timestamptz := hearken.now();
    ends        timestamptz := clock + greatest(coalesce(lease.lease, interval '5 minutes'), interval '5 seconds');
    wanted      integer := lease.max;
    taken       integer;
    urgency     integer;
    below       bigint := 2147483648;
    -- Queues of which all tenants' items are ours, and pairs of queue and tenant.
    whole       text[];
    of_queues   text[] := '{}';
    of_tenants  text[] := '{}';
begin
    if exists (select from hearken.inbox_items i where i.state = 'leased' and i.lease_until <= clock) then
        perform hearken.expire_leases(100);
        -- What came back just now is due now, not after the clock was read.
        clock := hearken.now();
    end if;

    whole := array(select distinct q.name from unnest(lease.queues) as q (name));
    -- The policy alone would do. But it is asked of each row of the queue, and most
    -- of them are others': so each tenant's items are looked up in an index.
    if row_security_active('hearken.inbox_items') and exists (
        select from pg_policy p
        where p.polrelid = 'hearken.inbox_items'::regclass and p.polname = 'hearken_workers_see'
    ) and not hearken.sees_all_tenants() then
        select coalesce(array_agg(p.queue) filter (where not p.whole), '{}'),
               coalesce(array_agg(p.tenant) filter (where not p.whole), '{}'),
               coalesce(array_agg(distinct p.queue) filter (where p.whole), '{}')
        into of_queues, of_tenants, whole
        from (
            select distinct q.name as queue, w.tenant,
                   bool_or(w.tenant is null) over (partition by q.name) as whole
            from unnest(whole) as q (name)
            join hearken.my_work() w on w.queue is null or w.queue = q.name
        ) p;
    end if;

    -- One turn for each priority which has items: within a priority the index
    -- is in the order of due_at, so that items of the future cost nothing.
    while wanted > 0 loop
        select i.priority into urgency
        from (
            select i.priority
            from unnest(whole) as q (name)
            cross join lateral (
                select i.priority
                from hearken.inbox_items i
                where i.queue = q.name and i.state in ('waiting', 'failed') and i.priority < below
                order by i.priority desc
                limit 1
            ) i
            union all
            select i.priority
            from unnest(of_queues, of_tenants) as p (queue, tenant)
            cross join lateral (
                select i.priority
                from hearken.inbox_items i
                where i.tenant = p.tenant and i.queue = p.queue
                  and i.state in ('waiting', 'failed') and i.priority < below
                order by i.priority desc
                limit 1
            ) i
        ) i
        order by i.priority desc
        limit 1;
        exit when not found;

        return query
            with picked as materialized (
                select p.id
                from (
                    select p.id, p.due_at
                    from unnest(whole) as q (name)
                    cross join lateral (
                        select i.id, i.due_at
                        from hearken.inbox_items i
                        where i.queue = q.name
                          and i.state in ('waiting', 'failed')
                          and i.priority = urgency
                          and i.due_at <= clock
                          and (lease.tags is null or i.tags <@ lease.tags)
                        order by i.due_at, i.id
                        limit wanted
                        for update skip locked
                    ) p
                    union all
                    select p.id, p.due_at
                    from unnest(of_queues, of_tenants) as o (queue, tenant)
                    cross join lateral (
                        select i.id, i.due_at
                        from hearken.inbox_items i
                        where i.tenant = o.tenant
                          and i.queue = o.queue
                          and i.state in ('waiting', 'failed')
                          and i.priority = urgency
                          and i.due_at <= clock
                          and (lease.tags is null or i.tags <@ lease.tags)
                        order by i.due_at, i.id
                        limit wanted
                        for update skip locked
                    ) p
                ) p
                order by p.due_at, p.id
                limit wanted
            ), leased as (
                update hearken.inbox_items i
                set state = 'leased',
                    token = nextval('hearken.lease_tokens'),
                    attempt = i.attempt + 1,
                    lease_until = ends,
                    worker = lease.worker
                from picked
                where i.id = picked.id
                returning i.*
            )
            select l.id, l.token, l.attempt, l.queue, l.priority, l.routine, l.title, l.instructions,
                   l.context, l.tenant, l.tags, l.event_seq, l.tick, l.due_at, l.lease_until
            from leased l
            order by l.due_at, l.id;
        get diagnostics taken = row_count;
        wanted := wanted - taken;
        below := urgency;
    end loop;
end $$;

-- On and off ---------------------------------------------------------------------

create function hearken.drop_tenant_policies() returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
    set lock_timeout = '1500ms'
as $$
declare
    ours record;
begin
    begin
        -- All at once, so that we and a daemon which works do not meet halfway. Of
        -- the log and the ledger not their weeks: only the owner has rights on them.
        lock table only hearken.events, only hearken.inbox_items, only hearken.held,
            only hearken.held_parts, only hearken.decisions, only hearken.dead_letters,
            only hearken.source_keys, only hearken.foreign_items
            in access exclusive mode;
    exception
        when lock_not_available or deadlock_detected then
            raise exception 'some transaction has the inbox, the log or the ledger open; nothing was changed'
                using errcode = 'lock_not_available', hint = 'Call it again.';
    end;
    for ours in
        select p.polname, c.relname
        from pg_policy p
        join pg_class c on c.oid = p.polrelid
        where c.relnamespace = 'hearken'::regnamespace and p.polname like 'hearken\_%'
    loop
        execute format('drop policy %I on hearken.%I', ours.polname, ours.relname);
    end loop;
    if to_regclass('hearken.inbox_items_tenant_ready_idx') is not null then
        drop index hearken.inbox_items_tenant_ready_idx;
    end if;
    create or replace function hearken.claimed_tenant(role name) returns text
        language plpgsql stable
        set search_path = pg_catalog, pg_temp
    as 'begin return null; end';
end $$;

comment on function hearken.drop_tenant_policies() is
    'Part of hearken.enable_tenants() and hearken.disable_tenants(). By itself it would leave row security on, and nothing to be seen by anybody.';

create function hearken.disable_tenants() returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    bound record;
begin
    perform hearken.drop_tenant_policies();
    for bound in
        select c.oid::regclass as relation,
               exists (select from pg_policy p where p.polrelid = c.oid) as has_others
        from pg_class c
        where c.relnamespace = 'hearken'::regnamespace and c.relrowsecurity
          and c.relname not in ('worker_roles', 'writer_roles')
    loop
        if bound.has_others then
            raise notice 'row security stays on for %, which has policies of your own', bound.relation;
        else
            execute format('alter table %s disable row level security', bound.relation);
        end if;
    end loop;
end $$;

comment on function hearken.disable_tenants() is
    'Takes back hearken.enable_tenants(). The rows of hearken.worker_roles and hearken.writer_roles stay.';

create function hearken.enable_tenants(
    daemon_roles   name[] default '{}',
    operator_roles name[] default '{}',
    claim          text default null,
    claim_roles    name[] default '{authenticated}'
) returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    relation   text;
    see_all    text;
    -- What hearken.my_scope() says of a row. The function is called once for each
    -- statement, not for each row, as it stands in a select of its own. The coalesce
    -- keeps the planner from taking an overlap of arrays for something rare.
    is_mine    constant text :=
        'coalesce((select hearken.my_scope()) && array[''*'', ''t'' || tenant, ''q'' || queue, '
        '''p'' || length(queue)::text || '':'' || queue || tenant], false)';
    may_write  constant text :=
        'coalesce((select hearken.my_writing()) && array[''*'', ''t'' || tenant], false)';
begin
    if claim is not null and claim !~ '^[^.]+(\.[^.]+)*$' then
        raise exception 'claim is a path such as app_metadata.tenant_id, and not %', quote_literal(claim)
            using errcode = 'invalid_parameter_value';
    end if;
    perform hearken.drop_tenant_policies();

    -- The owner is not bound by policies unless they are forced upon it, and then
    -- it is to see everything all the same.
    select string_agg(quote_ident(r.name), ', ') into see_all
    from (
        select pg_get_userbyid(c.relowner) from pg_class c where c.oid = 'hearken.inbox_items'::regclass
        union select unnest(daemon_roles)
        union select unnest(operator_roles)
    ) as r (name);
    foreach relation in array array['inbox_items', 'events', 'held', 'held_parts', 'decisions',
                                    'dead_letters', 'source_keys', 'foreign_items']
    loop
        execute format('alter table hearken.%I enable row level security', relation);
        execute format('create policy hearken_all on hearken.%I to %s using (true) with check (true)',
            relation, see_all);
        execute format('comment on policy hearken_all on hearken.%I is %L', relation,
            'The daemon and operators see all tenants. See hearken.enable_tenants().');
    end loop;

    execute format('create policy hearken_workers_see on hearken.inbox_items for select using (%s)', is_mine);
    -- The same words as for seeing: then PostgreSQL asks once for both.
    execute format('create policy hearken_workers_work on hearken.inbox_items for update '
        'using (%1$s) with check (%1$s)', is_mine);
    -- What is closed stays closed: opened again, it could run into the key of
    -- another tenant's item, and tell that there is one.
    create policy hearken_closed_stays_closed on hearken.inbox_items as restrictive for update
        using (state in ('waiting', 'leased', 'failed') or (select hearken.sees_all_tenants()))
        with check (true);
    execute format('create policy hearken_writers_write on hearken.events for insert with check (%s)',
        may_write);
    -- What emit() returns must be visible to the writer; the grants leave it the number.
    execute format('create policy hearken_writers_see on hearken.events for select using (%s)', may_write);
    -- Writes what happened to watched tables, whoever did it.
    create policy hearken_watcher_writes on hearken.events for insert
        with check (current_user = 'hearken_watcher');
    comment on policy hearken_workers_see on hearken.inbox_items is 'Workers see what hearken.worker_roles says.';
    comment on policy hearken_workers_work on hearken.inbox_items is
        'Workers work on what hearken.worker_roles says.';
    comment on policy hearken_closed_stays_closed on hearken.inbox_items is
        'Only the daemon and operators change what is closed.';
    comment on policy hearken_writers_write on hearken.events is 'Writers write what hearken.writer_roles says.';
    comment on policy hearken_writers_see on hearken.events is 'For what an insert returns.';
    comment on policy hearken_watcher_writes on hearken.events is 'For the triggers of watched tables.';

    -- The lease of a worker of one tenant, among the items of many.
    create index inbox_items_tenant_ready_idx
        on hearken.inbox_items (tenant, queue, priority desc, due_at, id)
        where state in ('waiting', 'failed') and tenant is not null;

    if claim is not null then
        execute format(
            $sql$
                create or replace function hearken.claimed_tenant(role name) returns text
                    language plpgsql stable
                    set search_path = pg_catalog, pg_temp
                as %L
            $sql$,
            format(
                $body$
                begin
                    if not exists (
                        select from unnest(%L::name[]) as r (name)
                        where pg_has_role(claimed_tenant.role, to_regrole(quote_ident(r.name)), 'member')
                    ) then
                        return null;
                    end if;
                    return nullif(
                        nullif(current_setting('request.jwt.claims', true), '')::jsonb #>> %L::text[], '');
                end
                $body$,
                claim_roles, string_to_array(claim, '.')));
    end if;
end $$;

comment on function hearken.enable_tenants(name[], name[], text, name[]) is
    'From now on workers see and change the items which hearken.worker_roles gives them, and writers write events as hearken.writer_roles says. daemon_roles and operator_roles see all, besides the owner. claim is a path into the claims of a request''s token, for claim_roles: only for clients which cannot run SQL of their own. May be called again, with other roles. Waits a second and a half for locks at most.';

revoke execute on function
    hearken.enable_tenants(name[], name[], text, name[]), hearken.disable_tenants(), hearken.drop_tenant_policies()
    from public;
