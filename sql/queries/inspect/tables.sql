-- What the catalogue says about some tables, for `hearken check --database`.
--
-- $1 and $2 are schemas and names, pairwise. A row for each, in their order: JSON,
-- or null where there is no such table. Privileges are those of the current user.
-- Of a domain it is the type below it which counts.
select case when c.oid is not null then jsonb_build_object(
    'kind', c.relkind::text,
    'rows', c.reltuples,
    'schema_usage', pg_catalog.has_schema_privilege(n.oid, 'usage'),
    'may_select', pg_catalog.has_table_privilege(c.oid, 'select'),
    'row_security', pg_catalog.row_security_active(c.oid),
    'key', coalesce((
        select pg_catalog.jsonb_agg(a.attname order by k.place)
        from pg_catalog.pg_index i
        cross join lateral pg_catalog.unnest(i.indkey::smallint[]) with ordinality as k (attnum, place)
        join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
        where i.indrelid = c.oid and i.indisprimary and k.place <= i.indnkeyatts
    ), '[]'),
    'columns', coalesce((
        select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
            'name', a.attname,
            'type', pg_catalog.format_type(a.atttypid, a.atttypmod),
            'category', t.typcategory::text,
            'jsonb', base.oid = 'pg_catalog.jsonb'::regtype,
            'length', case
                when base.oid in ('pg_catalog.varchar'::regtype, 'pg_catalog.bpchar'::regtype)
                    and a.atttypmod > 4 then a.atttypmod - 4
            end,
            'labels', coalesce((
                select pg_catalog.jsonb_agg(e.enumlabel order by e.enumsortorder)
                from pg_catalog.pg_enum e
                where e.enumtypid = base.oid
            ), '[]'),
            'required', (a.attnotnull or t.typnotnull) and not a.atthasdef and a.attidentity = ''
                and t.typdefault is null,
            'computed', a.attgenerated <> '',
            'identity_always', a.attidentity = 'a',
            'may_select', pg_catalog.has_column_privilege(c.oid, a.attnum, 'select'),
            'may_insert', pg_catalog.has_column_privilege(c.oid, a.attnum, 'insert'),
            'may_update', pg_catalog.has_column_privilege(c.oid, a.attnum, 'update'),
            'closed_sequences', coalesce((
                select pg_catalog.jsonb_agg(distinct pg_catalog.format('%I.%I', sn.nspname, s.relname))
                from pg_catalog.pg_attrdef d
                join pg_catalog.pg_depend p
                    on p.classid = 'pg_catalog.pg_attrdef'::regclass and p.objid = d.oid
                    and p.refclassid = 'pg_catalog.pg_class'::regclass
                join pg_catalog.pg_class s on s.oid = p.refobjid
                join pg_catalog.pg_namespace sn on sn.oid = s.relnamespace
                where d.adrelid = c.oid and d.adnum = a.attnum
                    -- Asked in this order, or it is an error for what is no sequence.
                    and case s.relkind when 'S' then not pg_catalog.has_sequence_privilege(s.oid, 'usage') end
            ), '[]')
        ) order by a.attnum)
        from pg_catalog.pg_attribute a
        join pg_catalog.pg_type t on t.oid = a.atttypid
        cross join lateral (
            with recursive below (oid, base) as (
                select t.oid, t.typbasetype
                union all
                select b.oid, b.typbasetype
                from below
                join pg_catalog.pg_type b on b.oid = below.base
            )
            select below.oid from below where below.base = 0
        ) base
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    ), '[]'),
    'indexes', coalesce((
        select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
            'name', x.relname,
            'unique', i.indisunique,
            'immediate', i.indimmediate,
            'key', (
                select pg_catalog.jsonb_agg(a.attname order by k.place)
                from pg_catalog.unnest(i.indkey::smallint[]) with ordinality as k (attnum, place)
                left join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
                where k.place <= i.indnkeyatts
            ),
            'predicate', pg_catalog.pg_get_expr(i.indpred, i.indrelid),
            'constraint', (
                select pg_catalog.pg_get_constraintdef(o.oid)
                from pg_catalog.pg_constraint o
                where o.conindid = i.indexrelid and o.conrelid = i.indrelid and o.contype in ('p', 'u')
            )
        ) order by x.relname)
        from pg_catalog.pg_index i
        join pg_catalog.pg_class x on x.oid = i.indexrelid
        where i.indrelid = c.oid and i.indisvalid
    ), '[]'),
    'triggers', coalesce((
        select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
            'name', g.tgname,
            'state', g.tgenabled::text,
            'rings', f.proname = 'ring' and fn.nspname = 'hearken',
            'argument', pg_catalog.split_part(pg_catalog.encode(g.tgargs, 'escape'), '\000', 1),
            'before_row', g.tgtype & 3 = 3,
            'on_insert', g.tgtype & 4 <> 0,
            'on_update', g.tgtype & 16 <> 0
        ) order by g.tgname)
        from pg_catalog.pg_trigger g
        join pg_catalog.pg_proc f on f.oid = g.tgfoid
        join pg_catalog.pg_namespace fn on fn.oid = f.pronamespace
        where g.tgrelid = c.oid and not g.tgisinternal
    ), '[]'),
    'policies', coalesce((
        select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
            'name', y.polname,
            'permissive', y.polpermissive,
            'command', y.polcmd::text,
            'applies', exists (
                select from pg_catalog.unnest(y.polroles) as r (oid)
                where r.oid = 0 or pg_catalog.pg_has_role(r.oid, 'usage')
            ),
            'using', pg_catalog.pg_get_expr(y.polqual, y.polrelid),
            'check', pg_catalog.pg_get_expr(y.polwithcheck, y.polrelid)
        ) order by y.polname)
        from pg_catalog.pg_policy y
        where y.polrelid = c.oid
    ), '[]')
) end::text
from unnest($1::text[], $2::text[]) with ordinality as w (schema, name, place)
left join pg_catalog.pg_namespace n on n.nspname = w.schema
left join pg_catalog.pg_class c
    on c.relnamespace = n.oid and c.relname = w.name and c.relkind in ('r', 'p', 'v', 'm', 'f')
order by w.place
