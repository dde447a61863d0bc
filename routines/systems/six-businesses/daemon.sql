-- The role as which the daemon works. It is an ordinary one: neither owner of a
-- table nor above row-level security. So it has a policy of its own wherever it
-- works, and grants for no more than the routines here do.
--
-- Run it after schema.sql, as the owner of the tables.

do $$
begin
    create role hearken_daemon login;
exception
    when duplicate_object or unique_violation then
        null; -- It is there already.
end $$;

grant usage on schema public to hearken_daemon;

grant select on public.leads, public.call_outcomes to hearken_daemon;
grant select, insert, update on public.dial_queue, public.claude_code_queue, public.jarvis_memory to hearken_daemon;
grant select, update (status, updated_at) on public.build_content_queue to hearken_daemon;
grant select, update (status, updated_at)
    on public.content_queue, public.pn_content_queue, public.sc_content_queue, public.demo_content_queue
    to hearken_daemon;

do $$
declare
    t record;
begin
    for t in select c.oid::regclass as name from pg_catalog.pg_class c
             where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' loop
        execute format('drop policy if exists hearken_works_here on %s', t.name);
        execute format(
            'create policy hearken_works_here on %s to hearken_daemon using (true) with check (true)', t.name);
    end loop;
end $$;
