-- Needs hearken's schema. Changes of tables which write to no queue of their own
-- become events of the log: contact.updated, entity_link.updated and so on.

select hearken.watch('public.contacts', 'contact', tenant => 'tenant_id');
select hearken.watch('public.collection_records', 'collection_record', tenant => 'tenant_id');
select hearken.watch('public.entity_links', 'entity_link', tenant => 'tenant_id');
select hearken.watch('public.agent_budgets', 'agent_budget', tenant => 'tenant_id');

-- A change of the table of routines is in force at once.
create trigger hearken_routines_changed
    after insert or update or delete or truncate on public.routines
    for each statement execute function hearken.routines_changed();
