//! Budgets: people are warned once a month, and told once a month that one is spent.

use super::{begin, sound};
use crate::systems::play::Play;

async fn spend(play: &Play, tenant: &str, agent: &str, cost: &str, day: &str) -> anyhow::Result<()> {
    play.run(&format!(
        "insert into agent_usage (tenant_id, agent_id, provider, model, estimated_cost_usd, created_at)
         values (u('{tenant}'), u('{agent}'), 'p', 'large', {cost}, '{day}T09:00:00Z')"
    ))
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn budgets_warn_and_are_exceeded_once_a_month() -> anyhow::Result<()> {
    let play = begin("2026-03-02T08:00:00Z").await?;
    play.run(
        "insert into agent_budgets (agent_id, tenant_id, monthly_limit_usd, period_start)
         values (u('a1'), u('e1'), 10, '2026-03-01'), (u('c1'), u('e2'), 5, '2026-03-01')",
    )
    .await?;
    let told = "select tenant, kind, title, key from told order by key";
    spend(&play, "e1", "a1", "5", "2026-03-02").await?;
    sound(&play).await?;
    play.expect(told, &[]).await?;

    let warned = "one | budget.warned | Nearly spent: 8.50 USD of 10.00 USD | budget:a1:warned:2026-03-01";
    spend(&play, "e1", "a1", "3.5", "2026-03-03").await?;
    play.expect(told, &[warned]).await?;
    let exceeded = "one | budget.exceeded | Spent: 10.60 USD of 10.00 USD | budget:a1:exceeded:2026-03-01";
    spend(&play, "e1", "a1", "0.1", "2026-03-04").await?;
    spend(&play, "e1", "a1", "2", "2026-03-05").await?;
    play.expect(told, &[exceeded, warned]).await?;

    // Back and forth: the month has heard of both.
    play.run("update agent_budgets set status = 'ok' where agent_id = u('a1')").await?;
    play.run("update agent_budgets set status = 'warned' where agent_id = u('a1')").await?;
    play.run("select recompute_agent_budget(u('a1'), '2026-03-01')").await?;
    play.expect(
        "select spent_usd, status::text from agent_budgets where agent_id = u('a1')",
        &["10.600000 | exceeded"],
    )
    .await?;
    sound(&play).await?;
    play.expect(told, &[exceeded, warned]).await?;

    // Another tenant, in one go; and another month.
    spend(&play, "e2", "c1", "6", "2026-03-06").await?;
    spend(&play, "e1", "a1", "9", "2026-04-02").await?;
    spend(&play, "e1", "a1", "100", "2026-03-31").await?;
    let all = [
        exceeded,
        warned,
        "one | budget.warned | Nearly spent: 9.00 USD of 10.00 USD | budget:a1:warned:2026-04-01",
        "two | budget.exceeded | Spent: 6.00 USD of 5.00 USD | budget:c1:exceeded:2026-03-01",
    ];
    play.expect(told, &all).await?;
    sound(&play).await?;
    play.expect(told, &all).await
}
