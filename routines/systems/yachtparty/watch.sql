-- Changes of tables which are no queues, as events of hearken's log.

-- A new request for insight is what experts are asked about.
select hearken.watch(
    'public.community_requests', 'community_request',
    columns => array['requesting_agent_type', 'requesting_user_id', 'question', 'expertise_needed',
                     'target_user_ids', 'urgency', 'request_summary']);

-- An answer for which credits were awarded. What the expert wrote stays here.
select hearken.watch(
    'public.community_responses', 'community_response',
    columns => array['request_id', 'user_id', 'credits_awarded', 'impact_description']);

select hearken.watch(
    'public.intro_opportunities', 'intro',
    columns => array['connector_user_id', 'prospect_name', 'bounty_credits', 'status']);

-- Only conversations which are due for a summary make events, not each message.
select hearken.watch(
    'public.conversations', 'conversation',
    columns => array['user_id', 'messages_since_summary', 'last_summary_message_id'],
    filter  => 'messages_since_summary >= 50');
