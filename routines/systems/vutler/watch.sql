-- Needs hearken's schema. What becomes of an agent's health is an event of the log:
-- agent_runtime.updated. Heartbeats and figures are none, since no column which is
-- named here changes with them.
select hearken.watch(
    'public.agent_runtime_state', 'agent_runtime',
    columns => array['agent_id', 'status', 'health', 'last_error', 'error_count', 'restart_count']);
