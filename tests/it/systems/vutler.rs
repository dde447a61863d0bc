//! Vutler: messages for agents, containers whose hearts stop, mail in channels, and
//! what time takes away. `u('a1')` is a uuid which ends so.

mod heartbeats;
mod mail;
mod messages;
mod upkeep;

use super::play::Play;

/// Two agents in containers, one without, a person, and two who are not to be bothered:
/// Eve is suspended, Fay is deleted. All are in `general`; Ann, Ben and Fay have a
/// mailbox.
const SEED: &str = "
create function public.u(text) returns uuid language sql immutable
    return ('00000000-0000-0000-0000-' || lpad($1, 12, '0'))::uuid;
insert into agents (id, name, email, role, status, deleted_at) values
    (u('a1'), 'Ann', 'ann@vutler.example', 'agent', 'active', null),
    (u('a2'), 'Ben', 'ben@vutler.example', 'agent', 'active', null),
    (u('a3'), 'Cem', 'cem@vutler.example', 'admin', 'active', null),
    (u('a4'), 'Dan', 'dan@vutler.example', 'human_user', 'active', null),
    (u('a5'), 'Eve', 'eve@vutler.example', 'agent', 'suspended', null),
    (u('a6'), 'Fay', 'fay@vutler.example', 'agent', 'active', '2026-03-01T00:00:00Z');
insert into agent_configs (agent_id, system_prompt, runtime_type) values
    (u('a1'), 'You are Ann.', 'openclaw'),
    (u('a2'), 'You are Ben.', 'openclaw'),
    (u('a3'), 'You are Cem.', 'llm_api');
insert into channels (id, name, type, created_by) values
    (u('c1'), 'general', 'public', u('a3')),
    (u('c2'), 'random', 'public', u('a4'));
insert into channel_members (channel_id, agent_id) select u('c1'), id from agents;
insert into channel_members (channel_id, agent_id) values (u('c2'), u('a1')), (u('c2'), u('a4'));
insert into email_accounts (id, agent_id, email, smtp_host, smtp_username, smtp_password_encrypted,
                            imap_host, imap_username, imap_password_encrypted)
select u('b' || right(a.id::text, 1)), a.id, a.email, 'smtp', a.name, 'enc', 'imap', a.name, 'enc'
from agents a
where a.name in ('Ann', 'Ben', 'Fay');
";

/// What is to be handed to agents: which message, and its title.
const HANDED: &str = "select right(context ->> 'message_id', 2), title from hearken.inbox_items \
                      where queue = 'agent-messages' order by 1, 2";

/// Vutler with these agents and this SQL, its clock standing still.
async fn begin(at: &str, sql: &str) -> anyhow::Result<Play> {
    Play::begin_with("vutler", at, &format!("{SEED}{sql}")).await
}

/// All that was written is dealt with, and nothing of it went wrong.
async fn sound(play: &Play) -> anyhow::Result<()> {
    play.quiet().await?;
    play.expect("select message from hearken.dead_letters", &[]).await
}
