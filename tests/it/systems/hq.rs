//! HQ: days in the life of a workspace with two tenants. Ids are short: `u('a1')` is
//! a uuid which ends so, and what is shown of keys is cut to that.

mod budgets;
mod gateways;
mod table;
mod talk;
mod tasks;
mod tenants;
mod time;

use super::play::Play;

/// Two tenants, gateways of the first, and agents: Meg, who leads Ann and Ben, and
/// another Ann, who is led by nobody.
const SEED: &str = "
create function public.u(text) returns uuid language sql immutable
    return ('00000000-0000-0000-0000-' || lpad($1, 12, '0'))::uuid;
create function public.short(text) returns text language sql immutable
    return replace($1, '00000000-0000-0000-0000-0000000000', '');
create view public.work as
    select t.name as tenant, a.slug as agent, i.kind, i.title, public.short(i.dedup_key) as key,
           i.status::text as status, i.priority, i.instructions, i.context
    from public.agent_inbox_items i
    join public.agents a on a.id = i.agent_id
    join public.tenants t on t.id = i.tenant_id;
create view public.told as
    select t.name as tenant, n.kind, n.title, public.short(n.dedup_key) as key
    from public.notifications n
    join public.tenants t on t.id = n.tenant_id;
insert into public.tenants (id, name) values (u('e1'), 'one'), (u('e2'), 'two');
insert into public.gateways (id, tenant_id, name) values (u('91'), u('e1'), 'g1'), (u('92'), u('e1'), 'g2');
insert into public.agents (id, tenant_id, gateway_id, manager_id, slug, name, status) values
    (u('a0'), u('e1'), u('91'), null, 'meg', 'Meg', 'ready'),
    (u('a1'), u('e1'), u('91'), u('a0'), 'ann', 'Ann', 'ready'),
    (u('a2'), u('e1'), u('92'), u('a0'), 'ben', 'Ben', 'ready'),
    (u('c1'), u('e2'), null, null, 'ann', 'Ann of two', 'ready');
";

/// HQ with these tenants and agents, its clock standing still.
async fn begin(at: &str) -> anyhow::Result<Play> {
    Play::begin_with("hq", at, SEED).await
}

/// What everybody has to do, as (tenant, agent, kind, title, key).
const WORK: &str = "select tenant, agent, kind, title, key from work order by key, title";

/// All that was written is dealt with, and nothing of it went wrong.
async fn sound(play: &Play) -> anyhow::Result<()> {
    play.quiet().await?;
    play.expect("select message from hearken.dead_letters", &[]).await?;
    play.expect("select id from hq_plugin_event_queue where not processed", &[]).await
}
