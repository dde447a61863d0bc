//! Six businesses on one database: calls and their retries, content, tasks for
//! Claude Code, memory; and all of it by a daemon which row-level security binds.

mod policies;

use super::play::Play;

/// What is there before the daemon: what agents remember, what is to be posted and
/// published, and a task whose worker died.
const BEFORE: &str = "\
    insert into jarvis_memory (memory_type, key, value, confidence) values \
        ('identity', 'lbc.name', '\"Load Bearing Capital\"', 1), \
        ('identity', 'pn.name', '\"Petroleum Noir\"', 1), \
        ('strategy', 'lbc.opening', '\"Ask about the roof.\"', 0.9), \
        ('strategy', 'lbc.old', '\"Ask about the price.\"', 0.2); \
    insert into content_queue (platform, caption, scheduled_at) \
        values ('youtube', 'Sell as it is', '2026-03-02T15:00:00Z'), ('youtube', 'No time yet', null); \
    insert into pn_content_queue (platform, caption, scheduled_at) \
        values ('tiktok', 'Noir', '2026-03-02T15:00:00Z'); \
    insert into sc_content_queue (platform, caption, scheduled_at) \
        values ('linkedin', 'Beams', '2026-03-02T18:00:00Z'); \
    insert into demo_content_queue (platform, caption, scheduled_at) \
        values ('youtube', 'Hello', '2026-03-02T15:00:00Z'); \
    insert into build_content_queue (title, article, scheduled_publish_at) \
        values ('Why RLS', 'Because.', '2026-03-02T14:30:00Z'), \
               ('Queues', 'Later.', '2026-03-03T10:00:00Z'); \
    insert into claude_code_queue (business, title, prompt, status, started_at) \
        values ('sc', 'Left behind', 'Do.', 'in_progress', '2026-03-02T10:00:00Z')";

const LEADS: &str = "\
    insert into leads \
        (id, county, address, owner_name, owner_phone, distress_score, do_not_call, scrape_source) \
    select ('00000000-0000-0000-0000-0000000000' || id)::uuid, \
           'Kern', address, name, phone, score, never, 'court' \
    from (values \
        ('a1', '1 Elm St', 'Ann Lee', '+15550001', 82, false), \
        ('a2', '2 Elm St', 'Bob Ray', '+15550002', 40, false), \
        ('a3', '3 Elm St', 'Cem Oz', '+15550003', 95, true), \
        ('a4', '4 Oak Rd', 'Dan Roe', '+15550004', 75, false), \
        ('a5', '5 Oak Rd', null, '+15550005', 71, false)) t (id, address, name, phone, score, never)";

const DIALS: &str = "select right(lead_id::text, 2), status, attempts::text from dial_queue order by lead_id";
const CALLS: &str = "select title from hearken.inbox_items where queue = 'vapi' order by title";
const NO_LETTERS: &str = "select message from hearken.dead_letters";

/// A call which came to an end, of the lead with these last two characters.
fn outcome(lead: &str, outcome: &str, at: &str) -> String {
    format!(
        "insert into call_outcomes (lead_id, outcome, sentiment, transcript, created_at) values \
         ('00000000-0000-0000-0000-0000000000{lead}', '{outcome}', 'positive', 'Yes.', '{at}')"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_of_six_businesses() -> anyhow::Result<()> {
    let play = Play::begin_with("six-businesses", "2026-03-02T13:00:00Z", BEFORE).await?;
    leads_are_called(&play).await?;
    calls_end_or_are_put_off(&play).await?;
    jobs_of_the_afternoon(&play).await?;
    calls_are_given_up(&play).await?;
    the_next_morning(&play).await?;
    play.quiet().await?;
    play.expect(NO_LETTERS, &[]).await
}

/// Those in distress, whom one may call, are called once each, with what is
/// remembered and believed.
async fn leads_are_called(play: &Play) -> anyhow::Result<()> {
    play.run(LEADS).await?;
    let called = ["a1 | in_progress | 0", "a4 | in_progress | 0", "a5 | in_progress | 0"];
    play.expect(DIALS, &called).await?;
    let calls = [
        "Call Ann Lee about 1 Elm St, attempt 1",
        "Call Dan Roe about 4 Oak Rd, attempt 1",
        "Call the owner about 5 Oak Rd, attempt 1",
    ];
    play.expect(CALLS, &calls).await?;
    let known = "select context ->> 'phone', context ->> 'agent', context -> 'strategy' ->> 'lbc.opening', \
                 (context -> 'strategy' ? 'lbc.old')::text, (context -> 'last_call')::text \
                 from hearken.inbox_items where queue = 'vapi' and title like '%1 Elm St%'";
    play.expect(known, &["+15550001 | lead-caller | Ask about the roof. | false | {}"]).await?;
    // Worse than it was, but it was bad enough before.
    play.run("update leads set distress_score = 88 where address = '1 Elm St'").await?;
    play.quiet().await?;
    play.expect(DIALS, &called).await
}

/// No answer: again in an hour. An answer: done, and followed up. Nothing heard for
/// an hour: as no answer. Who wants no calls any more gets none.
async fn calls_end_or_are_put_off(play: &Play) -> anyhow::Result<()> {
    play.run(&outcome("a1", "no_answer", "2026-03-02T13:00:30Z")).await?;
    play.run(&outcome("a4", "answered_interested", "2026-03-02T13:00:40Z")).await?;
    let tasks = "select right(title, 2), business, priority::text, context ->> 'transcript' \
                 from claude_code_queue where title like 'Draft%'";
    play.expect(tasks, &["a4 | lbc | 8 | Yes."]).await?;
    let memory = "select right(split_part(key, ':', 2), 2), memory_type, value ->> 'outcome', \
                  ((value ->> 'at')::timestamptz = '2026-03-02T13:00:40Z')::text \
                  from jarvis_memory where key like 'lead:%'";
    play.expect(memory, &["a4 | episodic | answered_interested | true"]).await?;

    play.at("2026-03-02T13:02:05Z").await?;
    play.expect(DIALS, &["a1 | pending | 1", "a4 | done | 1", "a5 | in_progress | 0"]).await?;
    let when =
        "select to_char(scheduled_at at time zone 'UTC', 'HH24:MI') from dial_queue where status = 'pending'";
    play.expect(when, &["14:02"]).await?;

    play.at("2026-03-02T14:02:30Z").await?;
    play.expect(DIALS, &["a1 | in_progress | 1", "a4 | done | 1", "a5 | pending | 1"]).await?;
    play.expect(
        &format!("select title from ({CALLS}) t where title like '%2'"),
        &["Call Ann Lee about 1 Elm St, attempt 2"],
    )
    .await?;
    play.run(&outcome("a1", "busy", "2026-03-02T14:03:00Z")).await?;
    play.run("update leads set do_not_call = true where address = '5 Oak Rd'").await?;
    play.at("2026-03-02T14:04:05Z").await?;
    play.expect(DIALS, &["a1 | pending | 2", "a4 | done | 1", "a5 | cancelled | 1"]).await
}

/// The weekly review, the task which was left behind, and at three what is due and
/// nothing else: articles, and content of whoever posts for real.
async fn jobs_of_the_afternoon(play: &Play) -> anyhow::Result<()> {
    let reviews = "select business, title, context -> 'memory' ->> (business || '.name') \
                   from claude_code_queue where title like 'Review%' order by business";
    let reviewed = [
        "lbc | Review of the week to 02 Mar | Load Bearing Capital",
        "pn | Review of the week to 02 Mar | Petroleum Noir",
        "sc | Review of the week to 02 Mar | -",
    ];
    play.expect(reviews, &reviewed).await?;
    let left = "select status, attempts::text from claude_code_queue where title = 'Left behind'";
    play.expect(left, &["pending | 1"]).await?;

    let due = "select queue, title from hearken.inbox_items \
               where queue in ('poster', 'demo', 'publish-build-content') order by queue, title";
    play.quiet().await?;
    play.expect(due, &[]).await?;
    play.at("2026-03-02T15:00:05Z").await?;
    let posted = [
        "demo | Demo on youtube: Hello",
        "poster | LBC on youtube: Sell as it is",
        "poster | PN on tiktok: Noir",
        "publish-build-content | Publish: Why RLS",
    ];
    play.expect(due, &posted).await?;
    let articles = "select title, status from build_content_queue order by title";
    play.expect(articles, &["Queues | pending", "Why RLS | in_progress"]).await?;
    let waiting = "select caption from content_queue where status = 'pending'";
    play.expect(waiting, &["No time yet"]).await
}

/// After the third attempt there is a task to find another way, once.
async fn calls_are_given_up(play: &Play) -> anyhow::Result<()> {
    play.at("2026-03-02T16:04:30Z").await?;
    play.expect(DIALS, &["a1 | in_progress | 2", "a4 | done | 1", "a5 | cancelled | 1"]).await?;
    play.run(&outcome("a1", "voicemail", "2026-03-02T16:05:00Z")).await?;
    for minute in ["2026-03-02T16:06:05Z", "2026-03-02T16:07:05Z"] {
        play.at(minute).await?;
        play.expect(DIALS, &["a1 | failed | 3", "a4 | done | 1", "a5 | cancelled | 1"]).await?;
        let task =
            "select title, business, context ->> 'attempts' from claude_code_queue where title like 'Find%'";
        play.expect(task, &["Find another way to reach the owner of 1 Elm St | lbc | 3"]).await?;
        play.quiet().await?;
    }
    let calls = format!("select count(*)::text from ({CALLS}) t");
    play.expect(&calls, &["5"]).await
}

/// The daily job, the content of the evening, and nothing twice.
async fn the_next_morning(play: &Play) -> anyhow::Result<()> {
    play.at("2026-03-03T06:00:05Z").await?;
    let scrape = "select title, dedup_key from claude_code_queue where title like 'Scrape%'";
    play.expect(scrape, &["Scrape the counties, 03 Mar 2026 | scrape:2026-03-03"]).await?;
    let posts = "select title from hearken.inbox_items where queue = 'poster' order by title";
    let all = ["LBC on youtube: Sell as it is", "PN on tiktok: Noir", "SC on linkedin: Beams"];
    play.expect(posts, &all).await?;
    let reviews = "select count(*)::text from claude_code_queue where title like 'Review%'";
    play.expect(reviews, &["3"]).await
}

/// The table says which words are a status. What it refuses is set aside with the
/// name of the constraint; what came beside it is there.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_status_is_a_dead_letter_and_stops_nothing_else() -> anyhow::Result<()> {
    let play = Play::begin("six-businesses", "2026-03-02T13:00:00Z").await?;
    play.run(
        "select hearken.emit('claude.task.requested', jsonb_build_object( \
             'request_id', n, 'business', business, 'title', title, 'prompt', 'Do.', 'status', status)) \
         from (values (1, 'lbc', 'First', 'pending'), (2, 'lbc', 'Second', 'urgent'), \
                      (3, 'acme', 'Third', 'pending'), (4, 'sc', 'Fourth', 'cancelled'), \
                      (1, 'lbc', 'First again', 'pending')) t (n, business, title, status)",
    )
    .await?;
    play.expect(
        "select title, status from claude_code_queue order by title",
        &["First | pending", "Fourth | cancelled"],
    )
    .await?;
    let letters = "select kind, sqlstate, routine, (message like '%' || want || '%')::text \
                   from (select *, row_number() over (order by id) as n from hearken.dead_letters) l \
                   join (values (1, 'claude_code_queue_status_is_known'), \
                                (2, 'claude_code_queue_business_is_known')) w (n, want) using (n) \
                   order by n";
    let refused = "refused | 23514 | claude-task-requested | true";
    play.expect(letters, &[refused, refused]).await?;
    play.expect("select count(*)::text from hearken.dead_letters", &["2"]).await
}

/// What an agent remembers is one row, changed in place.
#[tokio::test(flavor = "multi_thread")]
async fn memory_is_changed_in_place() -> anyhow::Result<()> {
    let play = Play::begin("six-businesses", "2026-03-02T13:00:00Z").await?;
    let memory = "select memory_type, key, value::text, confidence::text from jarvis_memory order by key";
    let session = |page: u32| {
        format!(
            "select hearken.emit('agent.session.ended', \
                 jsonb_build_object('agent', 'scraper', 'value', jsonb_build_object('page', {page})))"
        )
    };
    play.run(&session(7)).await?;
    play.expect(memory, &["state | scraper.last_session | {\"page\": 7} | 0.8"]).await?;
    let before = play.rows("select id::text, created_at::text from jarvis_memory").await?;
    play.run(&session(9)).await?;
    play.expect(memory, &["state | scraper.last_session | {\"page\": 9} | 0.8"]).await?;
    assert_eq!(play.rows("select id::text, created_at::text from jarvis_memory").await?, before);
    // A sixth kind of memory is none.
    play.run(
        "select hearken.emit('agent.learned', '{\"agent\": \"a\", \"key\": \"k\", \"value\": 1, \"memory_type\": \"gossip\"}')",
    )
    .await?;
    play.expect(
        "select kind, sqlstate, routine from hearken.dead_letters",
        &["refused | 23514 | remember-session"],
    )
    .await?;
    play.expect(memory, &["state | scraper.last_session | {\"page\": 9} | 0.8"]).await
}
