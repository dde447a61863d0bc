-- Functions of this inbox from before which the new ones would not replace: those
-- with other parameters, or of another table. What is not ours is left alone.
do $hearken$
declare
    known record;
begin
    for known in
        select p.oid, p.oid::regprocedure as signature,
               starts_with(coalesce(obj_description(p.oid, 'pg_proc'), ''), <<mark_literal>>) as is_ours,
               p.oid in (<<kept>>)
                   and (not p.proretset
                        or p.prorettype = (select c.reltype from pg_class c where c.oid = to_regclass(<<table_literal>>)))
                   as is_kept
        from pg_proc p
        join pg_namespace n on n.oid = p.pronamespace
        where n.nspname = <<schema_literal>> and p.proname in (<<names>>)
    loop
        if not known.is_ours then
            <<stranger>>
        elsif known.is_kept is not true then
            execute format('drop function %s', known.signature);
        end if;
    end loop;
end $hearken$;
