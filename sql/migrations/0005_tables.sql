-- Tables of the user's as sources and inboxes. Nothing of theirs is changed here:
-- what has to be remembered about their rows is remembered in tables of ours.

-- Sources ----------------------------------------------------------------------

alter table hearken.sources
    add column relation  text,
    add column failed_at timestamptz,
    add column error     text;

comment on column hearken.sources.relation is 'The table it is, as the settings name it; null for the log.';
comment on column hearken.sources.failed_at is 'Since when it cannot be claimed from; null while all is well.';
comment on column hearken.sources.error is 'Why it cannot be claimed from.';

create table hearken.source_keys (
    source     integer not null,
    claimed_at timestamptz not null default hearken.now(),
    id         text not null,

    constraint source_keys_pkey primary key (source, id)
);

comment on table hearken.source_keys is 'Which rows of sources that may not be marked have been claimed.';
comment on column hearken.source_keys.source is 'The source: id in hearken.sources.';
comment on column hearken.source_keys.claimed_at is 'When it was claimed.';
comment on column hearken.source_keys.id is 'The row, by the id which the settings give it.';

-- Serves the removal of old ones.
create index source_keys_claimed_idx on hearken.source_keys (source, claimed_at);

-- Events of the user's tables have numbers of the log, so that all events can be
-- told apart and ordered by them; the row behind a number is kept where it counts.
alter table hearken.decisions add column event_id text;
alter table hearken.dead_letters add column event_id text;
alter table hearken.inbox_items
    add column source   text,
    add column event_id text;

comment on column hearken.inbox_items.source is 'The source of its event; null for the log, and for ticks.';
comment on column hearken.inbox_items.event_id is 'The row of that source, by its id; null for the log.';

comment on column hearken.decisions.event_id is 'The row of the source, by its id; null for the log.';
comment on column hearken.dead_letters.event_id is 'The row of the source, by its id; null for the log.';

-- For a row of the user's: what became of it? Events of the log are found by number.
create index decisions_event_id_idx on hearken.decisions (source, event_id) where event_id is not null;

create function hearken.read_each(query text, places text[], parts oid[])
    returns table (place integer, event text, code text, message text)
    language plpgsql
as $$
-- No fixed search_path here: the expressions are the user's and must mean what they
-- mean when a page is claimed. Every name is qualified, or of pg_catalog.
begin
    for i in 1 .. coalesce(pg_catalog.array_length(places, 1), 0) loop
        place := i;
        event := null;
        code := null;
        message := null;
        begin
            execute query into event using places[i], parts[i];
        exception
            when others then
                code := sqlstate;
                message := sqlerrm;
        end;
        return next;
    end loop;
end $$;

comment on function hearken.read_each(text, text[], oid[]) is
    'Reads rows of a source one by one and says which of them cannot be read: the slow path which finds the guilty row of a page.';

revoke execute on function hearken.read_each(text, text[], oid[]) from public;

create function hearken.check_marked(marked bigint, claimed integer, again bigint) returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    if again > 0 then
        raise exception 'the mark of the source leaves % of % rows pending under the same id', again, claimed
            using errcode = '42P17',
                  hint = 'They would be claimed again and again: let `mark` make `pending` false, or change the `id`.';
    end if;
    if marked is distinct from claimed then
        raise exception 'the mark of the source changed % of % rows', marked, claimed
            using errcode = '42P17',
                  hint = 'A trigger or a policy keeps the update from them; they would be claimed again and again.';
    end if;
end $$;

comment on function hearken.check_marked(bigint, integer, bigint) is
    'Fails unless all rows which were claimed are marked, and none of them is pending still under the same id.';

revoke execute on function hearken.check_marked(bigint, integer, bigint) from public;

create function hearken.is_busy(inbox text) returns boolean
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception 'a row of % which is to take new content is locked by somebody else', inbox
        using errcode = '55P03';
end $$;

comment on function hearken.is_busy(text) is
    'Fails: a row which is to be replaced is locked. The pass is tried again; waiting for a worker, it might be the worker''s end.';

revoke execute on function hearken.is_busy(text) from public;

-- As before, with the row of the user's which an item comes from.
create or replace function hearken.enqueue_each(drafts text[])
    returns table (place integer, item_id bigint, met_item_id bigint, code text, message text)
    language plpgsql
as $$
-- No fixed search_path here: triggers of the user's which fire below must see
-- what they see on the fast way. Every name is qualified, or of pg_catalog.
declare
    d jsonb;
begin
    for i in 1 .. coalesce(array_length(drafts, 1), 0) loop
        place := i;
        item_id := null;
        met_item_id := null;
        code := null;
        message := null;
        begin
            d := drafts[i]::jsonb;
            insert into hearken.inbox_items (
                id, dedup_key, open_key, supersede_key, overlap_key,
                event_seq, tick, due_at, priority, attempts_max, queue, routine, version, item,
                tenant, title, instructions, context, tags, chain, source, event_id)
            -- A draft which was held has its id already.
            overriding system value
            values (
                coalesce((d ->> 'id')::bigint, nextval('hearken.inbox_items_id_seq')),
                decode(d ->> 'dedup_key', 'hex'), decode(d ->> 'open_key', 'hex'),
                decode(d ->> 'supersede_key', 'hex'), decode(d ->> 'overlap_key', 'hex'),
                (d ->> 'event_seq')::bigint, (d ->> 'tick')::timestamptz,
                coalesce((d ->> 'due_at')::timestamptz, hearken.now()), (d ->> 'priority')::integer,
                (d ->> 'attempts_max')::integer, d ->> 'queue', d ->> 'routine', d ->> 'version', d ->> 'item',
                d ->> 'tenant', d ->> 'title', d ->> 'instructions', d -> 'context',
                array(select jsonb_array_elements_text(d -> 'tags')),
                case when jsonb_typeof(d -> 'chain') = 'array'
                     then nullif(array(select jsonb_array_elements_text(d -> 'chain')), '{}') end,
                d ->> 'source', d ->> 'event_id')
            on conflict (dedup_key) do nothing
            returning id into item_id;
            if item_id is null then
                select i.id into met_item_id
                from hearken.inbox_items i
                where i.dedup_key = decode(d ->> 'dedup_key', 'hex');
            end if;
            -- A deferred constraint would fail at commit and name nobody.
            set constraints all immediate;
        exception
            when query_canceled or others then
                code := sqlstate;
                message := sqlerrm;
                item_id := null;
                met_item_id := null;
        end;
        return next;
    end loop;
end $$;

-- Inboxes ----------------------------------------------------------------------

-- What gates know of an item in a table of the user's. The number is of the same
-- sequence as those of hearken.inbox_items and hearken.held.
create table hearken.foreign_items (
    id            bigint not null,
    event_seq     bigint,
    tick          timestamptz,
    due_at        timestamptz not null,
    created_at    timestamptz not null default hearken.now(),
    closed_at     timestamptz,
    superseded_by bigint,
    inbox         text not null,
    routine       text not null,
    version       text not null,
    item          text not null,
    source        text,
    event_id      text,
    dedup_key     bytea not null,
    open_key      bytea,
    supersede_key bytea,
    overlap_key   bytea,
    locator       jsonb not null,

    constraint foreign_items_pkey primary key (id),
    constraint foreign_items_dedup_key_key unique (dedup_key)
);

comment on table hearken.foreign_items is 'Items in tables of the user''s which passed gates: how they stand is asked of those tables, by their rows.';
comment on column hearken.foreign_items.id is 'Its number, of the sequence of hearken.inbox_items.';
comment on column hearken.foreign_items.event_seq is 'The event it comes from, if any.';
comment on column hearken.foreign_items.tick is 'The tick of a schedule it comes from, if any.';
comment on column hearken.foreign_items.due_at is 'When it was due.';
comment on column hearken.foreign_items.closed_at is 'When it was found to be no longer open; null before.';
comment on column hearken.foreign_items.superseded_by is 'The item which took its place.';
comment on column hearken.foreign_items.inbox is 'The inbox, as the settings call it.';
comment on column hearken.foreign_items.routine is 'The routine which wanted it.';
comment on column hearken.foreign_items.version is 'The version of that routine.';
comment on column hearken.foreign_items.item is 'Which item of the routine.';
comment on column hearken.foreign_items.source is 'The source of its event; null for the log, and for ticks.';
comment on column hearken.foreign_items.event_id is 'The row of that source, by its id; null for the log.';
comment on column hearken.foreign_items.dedup_key is 'The key of its cause.';
comment on column hearken.foreign_items.open_key is 'Its dedup key while it is open.';
comment on column hearken.foreign_items.supersede_key is 'The key by which others supersede it.';
comment on column hearken.foreign_items.overlap_key is 'The key by which others wait for it.';
comment on column hearken.foreign_items.locator is 'The columns by which its row is found, and their values.';

create index foreign_items_open_key_idx on hearken.foreign_items (open_key)
    where open_key is not null and closed_at is null;
create index foreign_items_supersede_key_idx on hearken.foreign_items (supersede_key)
    where supersede_key is not null and closed_at is null;
create index foreign_items_overlap_key_idx on hearken.foreign_items (overlap_key)
    where overlap_key is not null and closed_at is null;
-- Serve the look at those which may have been closed, and the removal of those which are.
create index foreign_items_unclosed_idx on hearken.foreign_items (inbox, id) where closed_at is null;
create index foreign_items_closed_idx on hearken.foreign_items (closed_at) where closed_at is not null;

-- The slow way into a table of the user's. The first parameter is the statement of
-- the fast way for one set of columns, with the records as its only parameter; it
-- answers with rows (n, locator, key, last, was_there), of which those without a
-- number are rows of the table.
create function hearken.place_each(insertion text, drafts text[])
    returns table (place integer, locator text, was_there boolean, code text, message text)
    language plpgsql
as $$
-- No fixed search_path here: triggers of the user's which fire below, and the
-- expressions of the settings, must see what they see on the fast way. Every name is
-- qualified, or of pg_catalog.
declare
    answer record;
begin
    for i in 1 .. coalesce(array_length(drafts, 1), 0) loop
        place := i;
        locator := null;
        was_there := false;
        code := null;
        message := null;
        begin
            for answer in execute insertion using ('[' || drafts[i] || ']')::json loop
                if answer.n is null then
                    locator := answer.locator;
                else
                    was_there := answer.was_there;
                end if;
            end loop;
            -- A deferred constraint would fail at commit and name nobody.
            set constraints all immediate;
        exception
            when query_canceled or assert_failure or others then
                code := sqlstate;
                message := sqlerrm;
                locator := null;
                was_there := false;
        end;
        return next;
    end loop;
end $$;

comment on function hearken.place_each(text, text[]) is
    'Puts drafts into a table of the user''s one by one and says of each what became of it: the slow path which finds the guilty draft of a batch.';

revoke execute on function hearken.place_each(text, text[]) from public;
