//! Mail: one channel for each mailbox and subject, and each mail in it once.

use super::{begin, sound};

/// A mail to an agent with this number, which was sent so many minutes after nine.
fn mail(agent: &str, id: u32, subject: &str, from: &str, text: &str) -> String {
    let account = match agent {
        "ann" => "b1",
        "ben" => "b2",
        "fay" => "b6",
        _ => "b9",
    };
    format!(
        "select hearken.emit('email.received', jsonb_build_object(
             'email_account_id', u('{account}'), 'message_id', '<{id}@example.com>', 'subject', '{subject}',
             'from', '{from}', 'to', array['{agent}@vutler.example'], 'text', '{text}'),
             \"time\" => '2026-03-02T09:{id:02}:00Z');"
    )
}

const THREADS: &str = "\
    select a.name as agent, c.name as channel, c.type, t.subject, array_to_string(t.participants, ' '), \
           to_char(t.last_message_at at time zone 'UTC', 'HH24:MI') \
    from email_threads t \
    join email_accounts e on e.id = t.email_account_id \
    join agents a on a.id = e.agent_id \
    join channels c on c.id = t.channel_id \
    order by a.name, t.subject";

const POSTED: &str = "\
    select c.name, w.name, replace(m.text, E'\\n\\n', ': ') \
    from messages m join channels c on c.id = m.channel_id left join agents w on w.id = m.author_id \
    order by c.name, m.text collate \"C\"";

/// For whom there is what, without the numbers of the messages.
const TITLES: &str = "select title from hearken.inbox_items where queue = 'agent-messages' order by title";

const IS_THERE: &str = "Invoice 7 | - | From Zoe@example.com: Where is it?";

#[tokio::test(flavor = "multi_thread")]
async fn the_mails_of_a_thread_are_in_one_channel() -> anyhow::Result<()> {
    // The application itself has made a thread.
    let before = "
        insert into channels (id, name, type) values (u('c9'), 'Orders', 'private');
        insert into email_threads (email_account_id, channel_id, subject, participants, last_message_at)
        values (u('b2'), u('c9'), 'Order 9', '{old@example.com}', '2026-03-01T00:00:00Z');";
    let play = begin("2026-03-02T10:00:00Z", before).await?;
    let orders = "Ben | Orders | private | Order 9 | old@example.com | 00:00";
    play.run(&mail("ann", 1, "Invoice 7", "Zoe@example.com", "Where is it?")).await?;
    let invoice = "Ann | Invoice 7 | private | Invoice 7 | ann@vutler.example";
    let first = format!("{invoice} zoe@example.com | 09:01");
    play.expect(THREADS, &[&first, orders]).await?;
    play.expect(POSTED, &[IS_THERE]).await?;
    play.expect(
        "select a.name, m.role, o.name from channel_members m join channels c on c.id = m.channel_id
         join agents a on a.id = m.agent_id join agents o on o.id = c.created_by where c.name = 'Invoice 7'",
        &["Ann | owner | Ann"],
    )
    .await?;
    // The agent whose mailbox it is hears of it like of any message.
    play.expect(TITLES, &["somebody outside in Invoice 7, for Ann"]).await?;

    // The same mail once more, an answer to it, the same subject in another mailbox, an
    // agent's answer in the thread of the application, and two which are nobody's.
    let more = [
        mail("ann", 1, "Invoice 7", "Zoe@example.com", "Where is it?"),
        mail("ann", 3, "RE: Fwd:  Invoice 7", "bob@example.com", "Here."),
        mail("ben", 2, "Invoice 7", "zoe@example.com", "And yours?"),
        mail("ben", 4, "AW: Order 9", "ann@vutler.example", "Sent."),
        mail("fay", 5, "Hello", "zoe@example.com", "?"),
        mail("nobody", 6, "Hello", "zoe@example.com", "?"),
    ];
    play.run(&format!("begin; {} commit", more.concat())).await?;
    let answered = format!("{invoice} bob@example.com zoe@example.com | 09:03");
    let threads = [
        answered.as_str(),
        "Ben | Invoice 7 | private | Invoice 7 | ben@vutler.example zoe@example.com | 09:02",
        "Ben | Orders | private | Order 9 | ann@vutler.example ben@vutler.example old@example.com | 09:04",
    ];
    play.expect(THREADS, &threads).await?;
    let posted = [
        IS_THERE,
        "Invoice 7 | - | From bob@example.com: Here.",
        "Invoice 7 | - | From zoe@example.com: And yours?",
        "Orders | Ann | From ann@vutler.example: Sent.",
    ];
    sound(&play).await?;
    play.expect(POSTED, &posted).await?;
    play.expect("select count(*) from channels where name in ('Invoice 7', 'Hello')", &["2"]).await?;
    let titles = [
        "Ann in Orders, for Ben",
        "somebody outside in Invoice 7, for Ann",
        "somebody outside in Invoice 7, for Ann",
        "somebody outside in Invoice 7, for Ben",
    ];
    play.expect(TITLES, &titles).await
}

/// Two which begin a thread at the same time begin one, and what has no subject has one
/// in common.
#[tokio::test(flavor = "multi_thread")]
async fn a_thread_is_begun_once() -> anyhow::Result<()> {
    let play = begin("2026-03-02T10:00:00Z", "").await?;
    let both = [
        mail("ann", 1, "Plan", "zoe@example.com", "One"),
        mail("ann", 2, "Re: plan", "zoe@example.com", "Another"),
        mail("ann", 3, "Re[2]: Plan", "zoe@example.com", "Two"),
        mail("ann", 4, "", "bob@example.com", "None"),
    ];
    play.run(&format!("begin; {} commit", both.concat())).await?;
    play.expect(
        "select c.name, count(distinct t.id), count(distinct m.id) from channels c
         join email_threads t on t.channel_id = c.id join messages m on m.channel_id = c.id
         group by c.id, c.name order by c.name collate \"C\"",
        &["(no subject) | 1 | 1", "Plan | 1 | 2", "plan | 1 | 1"],
    )
    .await?;
    sound(&play).await
}

/// What cannot be put into its channel makes no channel, and holds up no other mail.
#[tokio::test(flavor = "multi_thread")]
async fn a_mail_is_there_as_a_whole_or_not_at_all() -> anyhow::Result<()> {
    let mild = "alter table messages add constraint messages_are_mild check (text not like '%bother%');";
    let play = begin("2026-03-02T10:00:00Z", mild).await?;
    let three = [
        mail("ann", 1, "One", "zoe@example.com", "Fine."),
        mail("ann", 2, "Two", "zoe@example.com", "Oh bother."),
        mail("ann", 3, "Three", "zoe@example.com", "Fine."),
    ];
    play.run(&format!("begin; {} commit", three.concat())).await?;
    let refused = "select item, sqlstate from hearken.dead_letters order by item";
    play.expect(refused, &["channel | 23514", "member | 23514", "message | 23514", "thread | 23514"]).await?;
    play.quiet().await?;
    play.expect("select name from channels where topic = 'Mail' order by name", &["One", "Three"]).await?;
    play.expect("select subject from email_threads order by subject", &["One", "Three"]).await?;
    play.expect("select text from messages", &["From zoe@example.com\n\nFine."; 2]).await
}
