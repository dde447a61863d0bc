//! A message reaches the agents of its channel, each once, and its author not at all.

use super::{HANDED, begin, sound};

/// A message of nine o'clock on 2 March.
fn said(id: &str, channel: &str, author: &str, text: &str) -> String {
    format!(
        "insert into messages (id, channel_id, author_id, text, created_at)
         values (u('{id}'), u('{channel}'), u('{author}'), '{text}', '2026-03-02T09:00:00Z');"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn each_agent_in_the_channel_but_the_author_is_handed_the_message() -> anyhow::Result<()> {
    let before = "insert into messages (channel_id, author_id, text, created_at)
                  values (u('c1'), u('a1'), 'Of last week', '2026-02-23T09:00:00Z');";
    let play = begin("2026-03-02T09:00:00Z", before).await?;
    // Not Dan, who reads in his browser; not Eve and Fay, who are away.
    play.run(&said("d1", "c1", "a1", "Who is there?")).await?;
    let asked = ["d1 | Ann in general, for Ben", "d1 | Ann in general, for Cem"];
    play.expect(HANDED, &asked).await?;
    play.run(
        "insert into messages (id, channel_id, author_id, text, thread_id, attachments, created_at)
         values (u('d2'), u('c1'), u('a2'), 'I am.', u('d1'), '[\"f1\"]', '2026-03-02T09:00:00Z')",
    )
    .await?;
    // One whom nobody but a person can read, and one of that person.
    play.run(&said("d3", "c2", "a1", "Hello?")).await?;
    play.run(&said("d4", "c2", "a4", "Hi.")).await?;
    let deleted = "update messages set deleted_at = created_at where id = u('d5')";
    play.run(&format!("begin; {} {deleted}; commit", said("d5", "c1", "a1", "Oops"))).await?;
    let all = [
        asked[0],
        asked[1],
        "d2 | Ben in general, for Ann",
        "d2 | Ben in general, for Cem",
        "d4 | Dan in random, for Ann",
    ];
    play.expect(HANDED, &all).await?;
    play.expect(
        "select right(context ->> 'thread_id', 2), context -> 'attachments', context ->> 'text',
                context ->> 'channel_type', right(context ->> 'author_id', 2)
         from hearken.inbox_items where title = 'Ben in general, for Ann'",
        &["d1 | [\"f1\"] | I am. | public | a2"],
    )
    .await?;
    // What is edited or liked is not said again, and who joins has not heard it.
    play.run("update messages set text = text || '!', edited_at = created_at, reactions = '[{}]'").await?;
    play.run("insert into channel_members (channel_id, agent_id) values (u('c2'), u('a2'))").await?;
    sound(&play).await?;
    play.expect(HANDED, &all).await?;

    play.run(&said("d6", "c2", "a4", "All?")).await?;
    let last = ["d6 | Dan in random, for Ann", "d6 | Dan in random, for Ben"];
    let of_last = format!("select * from ({HANDED}) t offset 5");
    play.expect(&of_last, &last).await?;
    play.run("update channels set deleted_at = '2026-03-02T09:00:00Z' where id = u('c2')").await?;
    play.run(&said("d7", "c2", "a4", "Anybody?")).await?;
    sound(&play).await?;
    play.expect(&of_last, &last).await
}
