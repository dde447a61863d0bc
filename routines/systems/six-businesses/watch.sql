-- Leads have no queue of their own: their changes become events of hearken's log.
-- Of their many columns only those which a routine looks at go there; names and
-- addresses stay where they are.
select hearken.watch(
    'public.leads',
    prefix  => 'lead',
    columns => '{county,distress_score,owner_phone,do_not_call,status}'
);
