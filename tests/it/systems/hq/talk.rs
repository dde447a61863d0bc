//! Comments which mention agents, and deliverables which are reviewed.

use super::{WORK, begin, sound};

#[tokio::test(flavor = "multi_thread")]
async fn who_is_mentioned_is_told_once_and_the_author_is_not() -> anyhow::Result<()> {
    let play = begin("2026-03-02T08:00:00Z").await?;
    play.run(
        "insert into comments (id, tenant_id, entity_type, entity_id, author_agent_id, body)
         values (u('d1'), u('e1'), 'task', u('b1'), u('a1'),
                 '@Ben, (@meg), @ben again; not @ann, nor mail@meg'),
                (u('d2'), u('e1'), 'task', u('b1'), null, 'done'),
                (u('d3'), u('e2'), 'task', u('b2'), null, 'over to you, @ann and @zed')",
    )
    .await?;
    let mentions = [
        "one | meg | comment_mention | You are mentioned: @Ben, (@meg), @ben again; not @ann, nor mail@meg | \
         comment:d1:mention:a0",
        "one | ben | comment_mention | You are mentioned: @Ben, (@meg), @ben again; not @ann, nor mail@meg | \
         comment:d1:mention:a2",
        "two | ann | comment_mention | You are mentioned: over to you, @ann and @zed | comment:d3:mention:c1",
    ];
    play.expect(WORK, &mentions).await?;
    play.expect(
        "select short(context ->> 'entity_id'), short(context ->> 'author_agent_id') from work order by key",
        &["b1 | a1", "b1 | a1", "b2 | -"],
    )
    .await?;
    sound(&play).await?;
    play.expect(WORK, &mentions).await
}

#[tokio::test(flavor = "multi_thread")]
async fn deliverables_are_shown_to_people_and_verdicts_to_the_agent() -> anyhow::Result<()> {
    let play = begin("2026-03-02T08:00:00Z").await?;
    play.run(
        "insert into entity_links (id, title, is_deliverable, review_status, submitted_by_agent_id,
                                   tenant_id, owner_type, owner_id, target_type, url)
         select l.*, u('e1'), 'task', u('b1'), 'url', 'https://one.example/'
         from (values (u('d1'), 'Page', true, 'in_review'::review_status, u('a1')),
                      (u('d2'), 'Draft', true, 'draft', u('a1')),
                      (u('d3'), 'Note', false, null, null)) as l",
    )
    .await?;
    let told = "select tenant, kind, title from told order by title";
    play.expect(told, &["one | deliverable.submitted | To be reviewed: Page"]).await?;
    play.run("update entity_links set review_status = 'in_review' where id = u('d2')").await?;
    let both = [
        "one | deliverable.submitted | To be reviewed: Draft",
        "one | deliverable.submitted | To be reviewed: Page",
    ];
    play.expect(told, &both).await?;

    let review = |verdict: &str, note: &str| {
        format!(
            "update entity_links set review_status = '{verdict}', review_note = '{note}'
             where id = u('d1')"
        )
    };
    let verdicts = "select agent, title, key, context ->> 'review_note', status from work \
                    order by status desc, title";
    play.run(&review("revision_requested", "shorter")).await?;
    play.expect(
        verdicts,
        &["ann | Revision requested: Page | deliverable:d1:reviewed:a1 | shorter | pending"],
    )
    .await?;
    // Ann has not taken it, so it shows the last word.
    play.run(&review("approved", "fine after all")).await?;
    let approved = "ann | Approved: Page | deliverable:d1:reviewed:a1 | fine after all | pending";
    play.expect(verdicts, &[approved]).await?;
    play.run(&review("approved", "a word mended")).await?;
    sound(&play).await?;
    play.expect(verdicts, &[approved]).await?;

    play.run("update agent_inbox_items set status = 'completed'").await?;
    play.run(&review("rejected", "the wrong page")).await?;
    let last = [
        "ann | Rejected: Page | deliverable:d1:reviewed:a1 | the wrong page | pending",
        "ann | Approved: Page | deliverable:d1:reviewed:a1 | fine after all | completed",
    ];
    play.expect(verdicts, &last).await?;
    sound(&play).await?;
    play.expect(told, &both).await
}
