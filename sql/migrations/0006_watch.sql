-- Watches: changes of any table become events of the log.
--
-- Three statement triggers hand over what changed, as transition tables, and one
-- insert writes the events of a statement. Old and new rows are paired by their
-- position in the two tables, never by key: after `set id = id % 3 + 1` a join by
-- key would pair the wrong rows, silently.
--
-- The trigger's function is made for its table: its text names the columns, so that
-- nothing is looked up for each row. It is `security definer` and belongs to
-- hearken_watcher, a role which cannot log in and may do nothing but insert into the
-- log: run as the writer, a watch would fail the writer's own statement for lack of
-- a privilege, and run as the owner of the log, an expression of a filter would have
-- all of that owner's rights.
--
-- Locks: everything here is new, nobody waits.

-- The role -----------------------------------------------------------------------

create function hearken.make_watcher() returns text
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    privileged boolean := (select r.rolsuper from pg_roles r where r.rolname = current_user);
    -- From PostgreSQL 16 on a member may be one who cannot hand anything over.
    membership text := case when current_setting('server_version_num')::integer >= 160000 then 'set' else 'member' end;
begin
    if to_regrole('hearken_watcher') is null then
        begin
            create role hearken_watcher nologin;
        exception
            when insufficient_privilege then
                return 'no role: ' || sqlerrm;
            -- Roles belong to all databases: another one was faster.
            when duplicate_object or unique_violation then
                null;
        end;
    end if;
    if exists (
        select from pg_roles r
        where r.rolname = 'hearken_watcher'
          and (r.rolcanlogin or r.rolsuper or r.rolcreaterole or r.rolcreatedb or r.rolbypassrls or r.rolreplication)
    ) then
        return 'no role: hearken_watcher may do more than it should; alter role hearken_watcher nologin nosuperuser nocreaterole nocreatedb nobypassrls noreplication';
    end if;
    begin
        grant usage on schema hearken to hearken_watcher;
        grant usage on sequence hearken.events_seq to hearken_watcher;
        grant insert (id, source, type, subject, tenant, data, old, meta) on hearken.events to hearken_watcher;
        -- For databases where functions are not for everybody.
        grant execute on function hearken.now(), hearken.chain_of_lease(text),
            hearken.ring_for_waiting(bytea, bytea), hearken.as_jsonb(json), hearken.without(jsonb, text[]),
            hearken.watch_columns(oid, jsonb), hearken.watch_rows(oid, text, jsonb), hearken.watch_list(text, text[]),
            hearken.watch_sql(oid, text, jsonb) to hearken_watcher;
    exception
        when insufficient_privilege then
            return 'no grants: ' || sqlerrm;
    end;
    -- Who makes watches hands their functions over, and must be a member to do so.
    if not privileged and not pg_has_role(current_user, 'hearken_watcher', membership) then
        begin
            execute format('grant hearken_watcher to %I', current_user);
        exception
            when insufficient_privilege then
                return 'no member: ' || sqlerrm;
            -- Two databases at once.
            when unique_violation or internal_error then
                null;
        end;
    end if;
    return 'ready';
end $$;

comment on function hearken.make_watcher() is
    'Makes the role hearken_watcher, which the functions of watches belong to, as far as the caller may. Answers ready, or why not; then a role which may create roles has to call it.';

-- Images -------------------------------------------------------------------------

create function hearken.as_jsonb(value json) returns jsonb
    language plpgsql immutable strict
    set search_path = pg_catalog, pg_temp
as $$
begin
    return value::jsonb;
exception
    when data_exception or program_limit_exceeded then
        return to_jsonb(value::text);
end $$;

comment on function hearken.as_jsonb(json) is
    'The value as jsonb; as text where json holds what jsonb cannot, such as the escape for the character 0.';

create function hearken.without(image jsonb, path text[]) returns jsonb
    language plpgsql immutable strict parallel safe
    set search_path = pg_catalog, pg_temp
as $$
declare
    rest text[] := path[2:];
begin
    if jsonb_typeof(image) = 'array' then
        return coalesce(
            (select jsonb_agg(hearken.without(e.value, path) order by e.n)
             from jsonb_array_elements(image) with ordinality as e (value, n)),
            '[]');
    elsif jsonb_typeof(image) <> 'object' or not image ? path[1] then
        return image;
    elsif cardinality(rest) = 0 then
        return image - path[1];
    end if;
    return jsonb_set(image, path[1:1], hearken.without(image -> path[1], rest));
end $$;

comment on function hearken.without(jsonb, text[]) is
    'The image without what is at the path, whatever it is; in arrays on the way, without that of each element. Never fails.';

-- The text of a watch --------------------------------------------------------------

create function hearken.watch_columns(relation oid, options jsonb)
    returns table (name text, image text, differs text, is_plain boolean)
    language sql stable
    set search_path = pg_catalog, pg_temp
begin atomic
    -- The columns of the options which the table has now: how each is read, how it is
    -- seen that it changed, and whether its text is that of its JSON. Binary comparison
    -- works for every type; where equal values have equal texts the cheaper operator does.
    with base as (
        select a.attnum, a.attname::text as name, a.attcollation,
               coalesce(nullif(t.typbasetype, 0), t.oid) as type,
               (select jsonb_agg(p.value -> 'path') from jsonb_array_elements(options -> 'paths') as p (value)
                where p.value ->> 'column' = a.attname) as paths
        from pg_attribute a
        join pg_type t on t.oid = a.atttypid
        where a.attrelid = relation and a.attnum > 0 and not a.attisdropped
          and (options -> 'columns' ? a.attname::text or options ->> 'tenant' = a.attname)
    ), kinds as (
        select b.*, t.typtype as kind,
               t.typtype = 'c' or t.oid = 'json'::regtype or coalesce(e.oid = 'json'::regtype or e.typtype = 'c', false) as is_json,
               coalesce((select c.collisdeterministic from pg_collation c where c.oid = b.attcollation), true) as is_exact
        from base b
        join pg_type t on t.oid = b.type
        left join pg_type e on e.oid = t.typelem and t.typcategory = 'A'
    )
    select k.name,
           -- Each path goes around the image so far.
           coalesce(repeat('hearken.without(', jsonb_array_length(k.paths)), '')
               || case when k.is_json then format('hearken.as_jsonb(to_json(%I))', k.name)
                       when k.paths is not null then format('to_jsonb(%I)', k.name)
                       else quote_ident(k.name) end
               || coalesce((select string_agg(format(', %L)', array(select jsonb_array_elements_text(p.value))), '')
                            from jsonb_array_elements(k.paths) as p (value)), ''),
           case when k.paths is null and k.is_exact
                     and (k.kind = 'e' or k.type in (
                          'bool'::regtype, 'int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'uuid'::regtype,
                          'date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype, 'text'::regtype, 'varchar'::regtype))
                then format('n.%1$I is distinct from o.%1$I', k.name)
                else format('record_image_ne(row(n.%1$I), row(o.%1$I))', k.name)
           end,
           k.paths is null and k.type in (
               'int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'uuid'::regtype, 'text'::regtype, 'varchar'::regtype)
    from kinds k
    -- A path into what is no JSON any more would leave out nothing: rather no column.
    where k.paths is null or k.type in ('json'::regtype, 'jsonb'::regtype)
    -- The order of keys in jsonb, so that they need not be sorted for each row.
    order by octet_length(k.name), k.name collate "C";
end;

comment on function hearken.watch_columns(oid, jsonb) is 'Part of hearken.watch_sql().';

create function hearken.watch_rows(relation oid, rows text, options jsonb) returns text
    language plpgsql stable
    set search_path = pg_catalog, pg_temp
as $$
declare
    columns text := (select string_agg(format('%s as %I', c.image, c.name), ', ')
                     from hearken.watch_columns(relation, options) c
                     where options -> 'columns' ? c.name);
    tenant  text := (select format(case when c.is_plain then '%I::text' else 'to_jsonb(%I) #>> ''{}''' end, c.name)
                     from hearken.watch_columns(relation, options) c
                     where c.name = options ->> 'tenant');
    filter  text := options ->> 'filter';
begin
    -- A filter over a column which is gone can choose no more: rather too many events
    -- than a statement of the writer's which fails.
    if exists (select from jsonb_array_elements_text(options -> 'filter_columns') as f (name)
               where not exists (select from pg_attribute a
                                 where a.attrelid = relation and a.attname = f.name
                                   and a.attnum > 0 and not a.attisdropped)) then
        filter := null;
    end if;
    return format(E'(select %s%s as hearken_tenant, %s as hearken_passes,\n        row_number() over () as hearken_n\n    from %I as %I)',
        columns || ', ',
        coalesce(tenant, 'null'),
        -- A comment at its end must not swallow the parenthesis.
        case when filter is null then 'true' else format(E'coalesce((%s\n), false)', filter) end,
        rows, options ->> 'alias');
end $$;

comment on function hearken.watch_rows(oid, text, jsonb) is 'Part of hearken.watch_sql().';

create function hearken.watch_list(side text, columns text[]) returns text
    language sql immutable
    set search_path = pg_catalog, pg_temp
    return (select string_agg(format('%I.%I', side, c.name), ', ' order by c.n)
            from unnest(columns) with ordinality as c (name, n));

comment on function hearken.watch_list(text, text[]) is 'Part of hearken.watch_sql().';

create function hearken.watch_sql(relation oid, operation text, options jsonb) returns text
    language plpgsql stable
    set search_path = pg_catalog, pg_temp
as $$
declare
    prefix  text := options ->> 'prefix';
    side    text := case operation when 'DELETE' then 'o' else 'n' end;
    verb    text := case when operation in ('MOVE', 'BULK') then 'update' else lower(operation) end;
    kind    text := prefix || case operation when 'INSERT' then '.created' when 'DELETE' then '.deleted'
                                             when 'TRUNCATE' then '.truncated' else '.updated' end;
    meta    text := format('%L::jsonb', jsonb_build_object('table', options -> 'name', 'operation', verb));
    head    text := 'insert into hearken.events (id, type, source, subject, tenant, data, old, meta)'
                 || format(E'\nselect nextval(''hearken.events_seq'')::text, %L, %L, ', kind, options ->> 'source');
    columns text[];
    differs text[];
    keys    text[];
    texts   text[];
    subject text;
    changed text;
    usual   text;
begin
    if operation = 'TRUNCATE' then
        return head || format('null, null, ''{}'', null, %s', meta);
    end if;
    select array_agg(c.name), array_agg(c.differs) into columns, differs
    from hearken.watch_columns(relation, options) c
    where options -> 'columns' ? c.name;
    select array_agg(c.name order by k.n),
           array_agg(format(case when c.is_plain then '%s.%I::text' else 'to_jsonb(%s.%I) #>> ''{}''' end, side, c.name) order by k.n)
    into keys, texts
    from jsonb_array_elements_text(options -> 'key') with ordinality as k (name, n)
    join hearken.watch_columns(relation, options) c on c.name = k.name;
    -- A part of a key is none.
    if cardinality(keys) is distinct from jsonb_array_length(options -> 'key') then
        keys := null;
    end if;
    subject := case when cardinality(keys) = 1 then texts[1]
                    when cardinality(keys) > 1 then format('jsonb_build_array(%s)::text',
                        (select string_agg(format('%s.%I', side, k.name), ', ' order by k.n)
                         from unnest(keys) with ordinality as k (name, n)))
                    else 'null' end;
    head := head || format(E'%s, %s.hearken_tenant,\n    ', subject, side);
    if operation in ('INSERT', 'DELETE') then
        return head
            || 'to_jsonb(x), ' || case side when 'o' then 'to_jsonb(x)' else 'null' end || ', ' || meta
            || E'\nfrom ' || hearken.watch_rows(relation, case side when 'o' then 'hearken_old' else 'hearken_new' end, options)
            || ' ' || side
            || E'\ncross join lateral (select ' || hearken.watch_list(side, columns) || ') as x'
            || E'\nwhere ' || side || '.hearken_passes';
    end if;
    -- The names which changed, as JSON puts them into an array. A function takes a
    -- hundred arguments and no more.
    select 'concat(' || string_agg(c.part, E',\n        ' order by c.n) || ')' into changed
    from (select min(d.n) as n,
                 'concat(' || string_agg(format('case when %s then %L end', d.differs, ', ' || to_json(d.name)),
                                         E',\n        ' order by d.n) || ')' as part
          from unnest(differs, columns) with ordinality as d (differs, name, n)
          group by (d.n - 1) / 50) c;
    meta := format('(%L || substr(%s, 3) || '']}'')::jsonb',
        rtrim(jsonb_build_object('table', options -> 'name', 'operation', 'update')::text, '}') || ', "changed": [',
        coalesce(changed, ''''''));
    -- The rows of a large update mostly differ in the same columns: what the first pair
    -- needs is made once. For a few rows that would cost more than it saves.
    if operation = 'BULK' and changed is not null then
        usual := E'\n    from (select * from ' || hearken.watch_rows(relation, 'hearken_new', options) || ' n limit 1) n'
              || E'\n    cross join (select * from ' || hearken.watch_rows(relation, 'hearken_old', options) || ' o limit 1) o)';
        meta := format(E'case %s\n    when (select %s%s\n    then (select %s%s\n    else %s end', changed, changed, usual, meta, usual, meta);
    end if;
    if operation = 'MOVE' then
        meta := format('case when o.hearken_n is null then %L::jsonb else ', jsonb_build_object('table', options -> 'name', 'operation', verb))
            || meta || ' end';
    end if;
    -- Rows have no partner if a trigger swallowed some which moved between partitions.
    return head
        || 'to_jsonb(x), '
        || case operation when 'MOVE' then 'case when o.hearken_n is not null then to_jsonb(y) end' else 'to_jsonb(y)' end
        || E',\n    ' || meta
        || E'\nfrom ' || hearken.watch_rows(relation, 'hearken_new', options) || ' n'
        || case operation when 'MOVE' then E'\nleft join ' else E'\njoin ' end
        || hearken.watch_rows(relation, 'hearken_old', options) || ' o on '
        || case operation
               when 'MOVE' then coalesce(
                   (select string_agg(format('to_jsonb(n.%1$I) = to_jsonb(o.%1$I)', k), ' and ') from unnest(keys) as k), 'false')
               else 'o.hearken_n = n.hearken_n'
           end
        || E'\ncross join lateral (select ' || hearken.watch_list('n', columns) || ') as x'
        || E'\ncross join lateral (select ' || hearken.watch_list('o', columns) || ') as y'
        || E'\nwhere (n.hearken_passes or o.hearken_passes)'
        || case operation when 'MOVE' then E'\n  and (o.hearken_n is null or ' else E'\n  and (' end
        || coalesce(array_to_string(differs, E'\n    or '), 'false') || ')'
        || case operation when 'MOVE' then E'\norder by n.hearken_n' else '' end;
end $$;

comment on function hearken.watch_sql(oid, text, jsonb) is
    'The statement which writes the events of a statement, made for the columns which the table has now. The operation is insert, update, delete or truncate in capitals, MOVE: an update whose old and new rows differ in number, or BULK: an update of many rows.';

-- Watching -------------------------------------------------------------------------

create function hearken.watch_options(
    relation  regclass,
    prefix    text default null,
    columns   text[] default null,
    redact    text[] default null,
    filter    text default null,
    tenant    text default null,
    truncates text default 'record'
) returns jsonb
    language plpgsql stable
    set search_path = pg_catalog, pg_temp
as $$
declare
    shape   record;
    known   text[];
    keys    text[];
    wanted  text[];
    paths   jsonb := '[]';
    entry   text;
    parts   text[];
begin
    select c.relname::text as name, c.relkind as kind, c.relpersistence as persistence, n.nspname::text as schema
    into shape
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.oid = watch_options.relation;
    if not found or shape.kind not in ('r', 'p') then
        raise exception '% cannot be watched: it is not a table', relation
            using errcode = 'wrong_object_type', hint = 'Views and foreign tables have no changes which a statement trigger is handed; watch the tables behind.';
    elsif shape.persistence = 't' or shape.schema = 'hearken' and shape.name <> 'inbox_items' then
        raise exception '% cannot be watched: it is % table', relation,
                case shape.persistence when 't' then 'a temporary' else 'hearken''s own' end
            using errcode = 'wrong_object_type';
    end if;
    select array_agg(a.attname::text order by a.attnum) into known
    from pg_attribute a where a.attrelid = relation and a.attnum > 0 and not a.attisdropped;
    -- The primary key, or what the table uses in its place.
    select array_agg(a.attname::text order by k.n) into keys
    from (select i.indkey, i.indnkeyatts from pg_index i
          where i.indrelid = relation and (i.indisprimary or i.indisreplident) and i.indisvalid
          order by i.indisprimary desc limit 1) i
    cross join lateral unnest(i.indkey::smallint[]) with ordinality as k (attnum, n)
    join pg_attribute a on a.attrelid = relation and a.attnum = k.attnum
    where k.n <= i.indnkeyatts;
    wanted := coalesce(columns, known);

    foreach entry in array coalesce(columns, '{}') || coalesce(tenant, known[1]) loop
        if entry <> all (known) then
            perform hearken.refuse_column(relation, entry, known);
        end if;
    end loop;
    foreach entry in array coalesce(redact, '{}') loop
        if entry = any (keys) then
            raise exception '% is of the key of %: it is the subject of the events, and cannot be left out', entry, relation
                using errcode = 'invalid_parameter_value';
        elsif entry = any (known) then
            wanted := array_remove(wanted, entry);
            continue;
        end if;
        parts := string_to_array(entry, '.');
        if parts[1] <> all (known) then
            perform hearken.refuse_column(relation, parts[1], known);
        elsif '' = any (parts) or not exists (
            select from pg_attribute a join pg_type t on t.oid = a.atttypid
            where a.attrelid = relation and a.attname = parts[1]
              and coalesce(nullif(t.typbasetype, 0), t.oid) in ('json'::regtype, 'jsonb'::regtype)
        ) then
            raise exception '% is no path into a column of %: write column.key, and the column must be json or jsonb', entry, relation
                using errcode = 'invalid_parameter_value', hint = 'To leave out the column, write its name.';
        end if;
        paths := paths || jsonb_build_object('column', parts[1], 'path', parts[2:]);
    end loop;
    if prefix = '' or prefix ~ '[*[:space:][:cntrl:]]' then
        raise exception '% is no beginning of a type', quote_literal(prefix) using errcode = 'invalid_parameter_value';
    elsif truncates is null or truncates not in ('record', 'refuse', 'ignore') then
        raise exception 'truncates is %, and should be record, refuse or ignore', quote_nullable(truncates)
            using errcode = 'invalid_parameter_value';
    end if;
    if filter is not null then
        perform hearken.watch_filter(relation, shape.name, filter);
    end if;
    return jsonb_build_object(
        'prefix', coalesce(prefix, shape.name), 'source', shape.schema || '.' || shape.name,
        'name', shape.schema || '.' || shape.name, 'alias', shape.name,
        'key', to_jsonb(coalesce(keys, '{}')),
        'columns', to_jsonb(array(select k from unnest(known) as k where k = any (wanted || coalesce(keys, '{}')))),
        'chosen', to_jsonb(columns), 'redact', to_jsonb(redact), 'paths', paths,
        'filter', filter,
        -- Rather one too many than one too few.
        'filter_columns', to_jsonb(array(select k from unnest(known) as k where strpos(lower(filter), lower(k)) > 0)),
        'tenant', tenant, 'truncates', truncates);
end $$;

comment on function hearken.watch_options(regclass, text, text[], text[], text, text, text) is 'Part of hearken.watch(): checks what is asked for against the table.';

create function hearken.watch_filter(relation regclass, name text, filter text) returns void
    language plpgsql stable
    set search_path = pg_catalog, pg_temp
as $$
begin
    -- No row is looked at; what is no condition over one fails all the same.
    execute format(E'select from (select (null::%s).* limit 0) as %I where (%s\n)', relation, name, filter);
exception
    when others then
        raise exception 'the filter of the watch of % is no condition over its rows: %', relation, sqlerrm
            using errcode = sqlstate,
                  hint = 'Write it over the columns of one row, such as status <> ''draft''; an update is an event if the old or the new row passes. Functions and operators which are not of pg_catalog need their schema before them.';
end $$;

comment on function hearken.watch_filter(regclass, text, text) is 'Part of hearken.watch().';

create function hearken.refuse_column(relation regclass, name text, known text[]) returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception '% has no column %', relation, quote_ident(name)
        using errcode = 'undefined_column', hint = 'It has ' || array_to_string(known, ', ') || '.';
end $$;

comment on function hearken.refuse_column(regclass, text, text[]) is 'Part of hearken.watch().';

create function hearken.refuse_truncate() returns trigger
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception '% is watched, and not to be truncated: no event would say which rows are gone', tg_relid::regclass
        using errcode = 'object_not_in_prerequisite_state',
              hint = 'Delete the rows; or watch the table with truncates => ''record'' or ''ignore''.';
end $$;

comment on function hearken.refuse_truncate() is 'The trigger of hearken.watch(truncates => ''refuse'').';

create function hearken.watch_body(relation regclass, options jsonb) returns text
    language sql stable
    set search_path = pg_catalog, pg_temp
begin atomic
    select format($body$
#variable_conflict use_column
declare
    bell    text := current_setting('hearken.doorbell', true);
    written bigint;
begin
    -- Rung at the end, and only if there is an event.
    perform set_config('hearken.doorbell', 'off', true);
    if tg_op = 'TRUNCATE' then
        %1$s;
    elsif (select count(*)
           from unnest(%2$L::name[], %8$L::text[]) as k (name, type)
           join pg_attribute a on a.attname = k.name and a.atttypid::regtype::text = k.type
           where a.attrelid = tg_relid and a.attnum > 0 and not a.attisdropped) < %3$s then
        -- A column was dropped or renamed since, or its type changed: with what is there.
        execute hearken.watch_sql(tg_relid, tg_op, tg_argv[0]::jsonb);
    elsif tg_op = 'INSERT' then
        %4$s;
    elsif tg_op = 'DELETE' then
        %5$s;
    %6$selsif exists (select from hearken_new offset 20) then
        %9$s;
    else
        %7$s;
    end if;
    get diagnostics written = row_count;
    perform set_config('hearken.doorbell', coalesce(bell, ''), true);
    if written > 0 then
        perform hearken.ring_for_waiting('', null);
    end if;
    return null;
end
$body$,
        hearken.watch_sql(relation, 'TRUNCATE', options),
        n.names, cardinality(n.names),
        hearken.watch_sql(relation, 'INSERT', options),
        hearken.watch_sql(relation, 'DELETE', options),
        case when (select c.relkind from pg_class c where c.oid = relation) = 'p' then
            E'elsif (select count(*) from hearken_old) <> (select count(*) from hearken_new) then\n        '
                || hearken.watch_sql(relation, 'MOVE', options) || E';\n    '
        end,
        hearken.watch_sql(relation, 'UPDATE', options), n.types,
        hearken.watch_sql(relation, 'BULK', options))
    from (select array_agg(a.attname order by a.attnum) as names,
                 array_agg(a.atttypid::regtype::text order by a.attnum) as types
          from pg_attribute a
          where a.attrelid = relation and a.attnum > 0 and not a.attisdropped
            and (options -> 'columns' ? a.attname::text or options -> 'filter_columns' ? a.attname::text
                 or options ->> 'tenant' = a.attname)) n;
end;

comment on function hearken.watch_body(regclass, jsonb) is 'Part of hearken.watch(): the text of the trigger''s function.';

create function hearken.watch_triggers(relation regclass, function text, options jsonb) returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    call      text := format('for each statement execute function hearken.%I(%L)', function, options::text);
    truncates text := options ->> 'truncates';
begin
    execute format('create or replace trigger zz_hearken_watch_insert after insert on %s referencing new table as hearken_new %s', relation, call);
    execute format('create or replace trigger zz_hearken_watch_update after update on %s referencing old table as hearken_old new table as hearken_new %s', relation, call);
    execute format('create or replace trigger zz_hearken_watch_delete after delete on %s referencing old table as hearken_old %s', relation, call);
    if truncates = 'record' then
        execute format('create or replace trigger zz_hearken_watch_truncate after truncate on %s %s', relation, call);
    elsif truncates = 'refuse' then
        execute format('create or replace trigger zz_hearken_watch_truncate before truncate on %s for each statement execute function hearken.refuse_truncate()', relation);
    elsif exists (select from pg_trigger t where t.tgrelid = relation and t.tgname = 'zz_hearken_watch_truncate') then
        execute format('drop trigger zz_hearken_watch_truncate on %s', relation);
    end if;
end $$;

comment on function hearken.watch_triggers(regclass, text, jsonb) is 'Part of hearken.watch().';

create function hearken.watch_try(relation regclass, function text, options jsonb) returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    probe text := format('hearken.watch_try_%s', pg_backend_pid());
    first text;
begin
    -- An empty table of the same shape, and statements which touch no row: whatever
    -- would fail a writer's statement fails here, the rights of the function's owner
    -- included.
    execute format('create table %s (like %s)', probe, relation);
    perform hearken.watch_triggers(probe::regclass, function, options || '{"truncates": "record"}');
    execute format('insert into %1$s select * from %1$s', probe);
    execute format('delete from %s', probe);
    select quote_ident(a.attname) into first
    from pg_attribute a where a.attrelid = probe::regclass and a.attnum > 0 and not a.attisdropped limit 1;
    execute format('update %s set %s = %2$s', probe, first);
    execute format('drop table %s', probe);
exception
    when insufficient_privilege or undefined_table or undefined_column or undefined_function or undefined_object
        or syntax_error or datatype_mismatch or invalid_schema_name or cannot_coerce then
        raise exception 'the watch of % would fail those who write to it: %', relation, sqlerrm
            using errcode = sqlstate,
                  hint = 'The filter is an expression over the columns of one row. It runs with the rights of '
                      || coalesce((select r.rolname from pg_proc p join pg_roles r on r.oid = p.proowner
                                   where p.pronamespace = 'hearken'::regnamespace and p.proname = function), 'hearken_watcher')
                      || ' and finds no functions and operators but those of pg_catalog, unless their schema is written before them.';
end $$;

comment on function hearken.watch_try(regclass, text, jsonb) is 'Part of hearken.watch(): fails if the trigger would.';

create function hearken.watch_hand_over(function text) returns text
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    privileged boolean := (select r.rolsuper from pg_roles r where r.rolname = current_user);
    answer     text := 'ready';
begin
    if to_regrole('hearken_watcher') is null
       or not has_column_privilege('hearken_watcher', 'hearken.events', 'data', 'insert')
       or not privileged and not pg_has_role(current_user, 'hearken_watcher', 'member') then
        answer := hearken.make_watcher();
    end if;
    if answer <> 'ready' then
        return answer;
    end if;
    begin
        -- Whom a function is given to must have been able to make it.
        if not privileged then
            grant create on schema hearken to hearken_watcher;
        end if;
        execute format('alter function hearken.%I() owner to hearken_watcher', function);
        if not privileged then
            revoke create on schema hearken from hearken_watcher;
        end if;
    exception
        when insufficient_privilege then
            return 'not handed over: ' || sqlerrm;
    end;
    return 'ready';
end $$;

comment on function hearken.watch_hand_over(text) is 'Part of hearken.watch(): gives the function to hearken_watcher. Answers ready, or why not.';

create function hearken.watch_hint(answer text) returns text
    language sql stable
    set search_path = pg_catalog, pg_temp
    -- Who makes the role makes nobody else a member of it.
    return case split_part(answer, ':', 1)
        when 'no role' then format(
            'A role which may create roles runs: select hearken.make_watcher(); grant hearken_watcher to %I; then watch again.', current_user)
        when 'no member' then format('A superuser, or who may grant that role, runs: grant hearken_watcher to %I; then watch again.', current_user)
        else 'The owner of the schema hearken, or a superuser, runs: select hearken.make_watcher(); and watches the table.'
    end;

comment on function hearken.watch_hint(text) is 'Part of hearken.watch(): what to do about an answer of hearken.make_watcher() which is not ready.';

create function hearken.watch_apply(relation regclass, options jsonb) returns text
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    body     text := hearken.watch_body(relation, options);
    function text := 'watch_' || left(regexp_replace(lower(options ->> 'alias'), '[^a-z0-9_]', '_', 'g'), 40)
                  || '_' || left(md5((options ->> 'name') || body), 8);
    before   oid[];
    answer   text := 'ready';
    old      oid;
begin
    -- One at a time: two which give something to hearken_watcher would trip each other.
    perform pg_advisory_xact_lock(1751478893, 1);
    select array_agg(distinct t.tgfoid) into before
    from pg_trigger t join pg_proc p on p.oid = t.tgfoid
    where t.tgrelid = relation and t.tgname like 'zz\_hearken\_watch\_%' and not t.tgisinternal
      and p.pronamespace = 'hearken'::regnamespace and p.proname like 'watch\_%';
    if to_regprocedure(format('hearken.%I()', function)) is null then
        execute format('create function hearken.%I() returns trigger language plpgsql security definer
            set search_path = pg_catalog, pg_temp set timezone = ''UTC''
            set enable_nestloop = off set enable_mergejoin = off set jit = off as %L',
            function, body);
        execute format('comment on function hearken.%I() is %L', function,
            format('Makes events %s.created, .updated and .deleted of changes of %s. Made by hearken.watch(); hearken.unwatch() removes it.',
                   options ->> 'prefix', options ->> 'name'));
        -- Nobody else may hang it on a table of theirs and so write what they like.
        execute format('revoke execute on function hearken.%I() from public', function);
    end if;
    perform hearken.watch_triggers(relation, function, options);
    -- Also where it was there before: the role may be of later.
    if not exists (select from pg_proc p
                   where p.oid = to_regprocedure(format('hearken.%I()', function))
                     and p.proowner = to_regrole('hearken_watcher')) then
        answer := hearken.watch_hand_over(function);
    end if;
    perform hearken.watch_try(relation, function, options);
    foreach old in array coalesce(before, '{}') loop
        if not exists (select from pg_trigger t where t.tgfoid = old) then
            execute format('drop function %s', old::regprocedure);
        end if;
    end loop;
    if answer <> 'ready' then
        raise notice 'the watch of % runs with the rights of %, and not of hearken_watcher: %', relation, current_user, answer
            using hint = hearken.watch_hint(answer);
    end if;
    return case when before is null then 'watched' else 'watched anew' end;
end $$;

comment on function hearken.watch_apply(regclass, jsonb) is 'Part of hearken.watch(): makes the function and the triggers of options as hearken.watch_options() gives them.';

create function hearken.watch(
    "table"   regclass,
    prefix    text default null,
    columns   text[] default null,
    redact    text[] default null,
    filter    text default null,
    tenant    text default null,
    truncates text default 'record'
) returns text
    language sql
    set search_path = pg_catalog, pg_temp
begin atomic
    select hearken.watch_apply(watch."table", hearken.watch_options(
        watch."table", watch.prefix, watch.columns, watch.redact, watch.filter, watch.tenant, watch.truncates));
end;

comment on function hearken.watch(regclass, text, text[], text[], text, text, text) is
    'Makes events of the changes of a table: PREFIX.created, .updated, .deleted and .truncated. columns: which are in the images, all unless said; redact: columns and paths into JSON which never are; filter: of which rows; tenant: the column with the tenant; truncates: record, refuse or ignore. Again with other options replaces. Answers watched or watched anew.';

create function hearken.unwatch("table" regclass) returns text
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    gone record;
    found_one boolean := false;
begin
    for gone in
        select t.tgname, p.oid::regprocedure as function, p.proname like 'watch\_%' as is_ours
        from pg_trigger t join pg_proc p on p.oid = t.tgfoid
        where t.tgrelid = unwatch."table" and t.tgname like 'zz\_hearken\_watch\_%' and not t.tgisinternal
          and p.pronamespace = 'hearken'::regnamespace
    loop
        execute format('drop trigger %I on %s', gone.tgname, unwatch."table");
        if gone.is_ours and not exists (select from pg_trigger t where t.tgfoid = gone.function::oid) then
            execute format('drop function %s', gone.function);
        end if;
        found_one := true;
    end loop;
    return case when found_one then 'no longer watched' else 'not watched' end;
end $$;

comment on function hearken.unwatch(regclass) is 'Ends hearken.watch(). Answers no longer watched, or not watched.';

create view hearken.watches as
    select c.oid::regclass as "table",
           o.options ->> 'prefix' as prefix,
           case when jsonb_typeof(o.options -> 'chosen') = 'array'
                then array(select jsonb_array_elements_text(o.options -> 'chosen')) end as columns,
           case when jsonb_typeof(o.options -> 'redact') = 'array'
                then array(select jsonb_array_elements_text(o.options -> 'redact')) end as redact,
           o.options ->> 'filter' as filter,
           o.options ->> 'tenant' as tenant,
           o.options ->> 'truncates' as truncates,
           o.options ->> 'source' as source,
           array(select jsonb_array_elements_text(o.options -> 'key')) as key,
           array(select jsonb_array_elements_text(o.options -> 'columns')) as images,
           array(select k.name from jsonb_array_elements_text(o.options -> 'columns') as k (name)
                 where not exists (select from pg_attribute a join pg_type y on y.oid = a.atttypid
                                   where a.attrelid = c.oid and a.attname = k.name
                                     and a.attnum > 0 and not a.attisdropped
                                     and (coalesce(nullif(y.typbasetype, 0), y.oid) in ('json'::regtype, 'jsonb'::regtype)
                                          or not exists (select from jsonb_array_elements(o.options -> 'paths') as p (value)
                                                         where p.value ->> 'column' = a.attname)))) as missing,
           p.proowner::regrole as runs_as,
           t.tgenabled in ('O', 'A') as enabled
    from pg_trigger t
    join pg_class c on c.oid = t.tgrelid
    join pg_proc p on p.oid = t.tgfoid
    -- The arguments of a trigger end with a zero each.
    cross join lateral (select convert_from(substring(t.tgargs for length(t.tgargs) - 1), getdatabaseencoding())::jsonb as options) o
    where t.tgname = 'zz_hearken_watch_update' and not t.tgisinternal and t.tgnargs = 1
      and p.pronamespace = 'hearken'::regnamespace and c.relname not like 'watch\_try\_%';

comment on view hearken.watches is 'Which tables are watched, and how. missing: columns which were dropped or renamed since, or which a path is left out of and are no json any more; watch the table again.';

-- As far as whoever applies this may; hearken.watch() asks again.
do $$
declare
    answer text := hearken.make_watcher();
begin
    if answer <> 'ready' then
        raise notice 'watches will run with the rights of whoever makes them (%)', answer;
    end if;
end $$;
