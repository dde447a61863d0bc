-- Names and types are written in full, so that they mean the same for any search path.

create or replace function <<lease>>(worker text<<by_parameter>>, max integer default 1, lease interval default null)
    returns setof <<table>>
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $hearken$
#variable_conflict use_column
declare
    hearken_clock timestamptz := hearken.now();
    hearken_ends  timestamptz;
begin
    if exists (select from <<table>> t where t.<<state>> = <<leased>> and t.<<until>> <= hearken_clock) then
        perform <<expire>>(100);
        -- What came back just now is due now, not after the clock was read.
        hearken_clock := hearken.now();
    end if;
    hearken_ends := hearken_clock
        + greatest(coalesce(<<lease_label>>.lease, interval '<<seconds>> seconds'), interval '5 seconds');
    return query
        with picked as materialized (
            select t.<<key>> as hearken_key
            from <<table>> t
            where t.<<state>> <<ready>><<when_due>><<when_by>>
            order by <<order>>
            limit coalesce(<<lease_label>>.max, 1)
            for update skip locked
        ), leased as (
            update <<table>> t
            set <<state>> = <<leased>>, <<token>> = <<new_token>>, <<until>> = hearken_ends<<count>><<set_worker>>
            from picked p
            where t.<<key>> = p.hearken_key
            returning t.*
        )
        select t.* from leased t order by <<order>>;
end $hearken$;

comment on function <<lease>>(text<<by_type>>, integer, interval) is
    '<<mark>> takes up to max rows which are due<<by_remark>>, the most urgent first, for a lease of <<seconds>> seconds unless said. Needs to be committed before the work begins.';

create or replace function <<expire>>(max integer default 1000)
    returns timestamptz
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $hearken$
#variable_conflict use_column
declare
    hearken_clock timestamptz := hearken.now();
begin
    with expired as materialized (
        select t.<<key>> as hearken_key
        from <<table>> t
        where t.<<state>> = <<leased>> and t.<<until>> <= hearken_clock
        order by t.<<until>>
        limit coalesce(<<expire_label>>.max, 1000)
        for update skip locked
    )
    update <<table>> t
    set <<state>> = <<after_expiry>><<clear_until>><<due_now>><<finish_expired>><<expiry_error>>
    from expired e
    where t.<<key>> = e.hearken_key;

    return (select min(t.<<until>>) from <<table>> t where t.<<state>> = <<leased>>);
end $hearken$;

comment on function <<expire>>(integer) is
    '<<mark>> gives back rows whose lease has ended; those without an attempt left are dead. Returns when the next lease ends. The lease calls it.';

create or replace function <<extend>>(id <<key_type>>, token <<token_type>>, lease interval default null)
    returns text
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $hearken$
#variable_conflict use_column
begin
    update <<table>> t
    set <<until>> = hearken.now()
        + greatest(coalesce(<<extend_label>>.lease, interval '<<seconds>> seconds'), interval '5 seconds')
    where t.<<key>> = <<extend_label>>.id and t.<<token>> = <<extend_label>>.token and t.<<state>> = <<leased>>;
    return case when found then 'extended' else 'stale' end;
end $hearken$;

comment on function <<extend>>(<<key_type>>, <<token_type>>, interval) is
    '<<mark>> heartbeat: the lease ends so long after now. Answers extended or stale.';

create or replace function <<complete>>(id <<key_type>>, token <<token_type>><<result_parameter>>)
    returns text
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $hearken$
#variable_conflict use_column
begin
    update <<table>> t
    set <<state>> = <<done>><<clear_until>><<set_result>><<finish>><<clear_error>>
    where t.<<key>> = <<complete_label>>.id and t.<<token>> = <<complete_label>>.token and t.<<state>> = <<leased>>;
    if found then
        return 'done';
    end if;
    -- The acknowledgement may have been lost: the same token gets the same answer.
    perform from <<table>> t
    where t.<<key>> = <<complete_label>>.id and t.<<token>> = <<complete_label>>.token and t.<<state>> = <<done>>;
    return case when found then 'done' else 'stale' end;
end $hearken$;

comment on function <<complete>>(<<key_type>>, <<token_type>><<result_type>>) is
    '<<mark>> the row is done. Answers done, also when told again with the same token, or stale if the lease was lost.';

create or replace function <<fail>>(id <<key_type>>, token <<token_type>><<error_parameter>>, retry boolean default true<<retry_parameter>>)
    returns text
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $hearken$
#variable_conflict use_column
declare
    hearken_state <<state_type>>;
begin
    update <<table>> t
    set <<state>> = case when <<gives_up>> then <<dead>> else <<failed>> end<<clear_until>><<due_later>><<finish_failed>><<set_error>>
    where t.<<key>> = <<fail_label>>.id and t.<<token>> = <<fail_label>>.token and t.<<state>> = <<leased>>
    returning t.<<state>> into hearken_state;
    if not found then
        select t.<<state>> into hearken_state
        from <<table>> t
        where t.<<key>> = <<fail_label>>.id and t.<<token>> = <<fail_label>>.token
          and t.<<state>> in (<<failed>>, <<dead>>);
    end if;
    return case hearken_state when <<dead>> then 'dead' when <<failed>> then 'failed' else 'stale' end;
end $hearken$;

comment on function <<fail>>(<<key_type>>, <<token_type>><<error_type>>, boolean<<retry_type>>) is
    '<<mark>> the attempt failed. Answers failed (comes back), dead (no attempt left, or retry is false), or stale.';

create or replace function <<release>>(id <<key_type>>, token <<token_type>>)
    returns text
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $hearken$
#variable_conflict use_column
begin
    -- A token of nobody, so that whoever gave the row back is not believed any more.
    update <<table>> t
    set <<state>> = <<waiting>>, <<token>> = <<new_token>><<clear_until>><<uncount>>
    where t.<<key>> = <<release_label>>.id and t.<<token>> = <<release_label>>.token and t.<<state>> = <<leased>>;
    return case when found then 'released' else 'stale' end;
end $hearken$;

comment on function <<release>>(<<key_type>>, <<token_type>>) is
    '<<mark>> gives the row back as if it had not been leased; the attempt does not count. Answers released or stale.';
