//! What the clock takes away: presence, sessions, keys and logs.

use super::{begin, sound};

const PRESENCE: &str = "select a.name, p.status, p.status_text, \
                        to_char(p.updated_at at time zone 'UTC', 'DD HH24:MI:SS') \
                        from presence p join agents a on a.id = p.agent_id order by a.name";

#[tokio::test(flavor = "multi_thread")]
async fn who_is_silent_is_shown_as_offline() -> anyhow::Result<()> {
    let before = "
        insert into presence (agent_id, status, status_text, last_seen, updated_at) values
            (u('a1'), 'online', null, '2026-03-02T09:00:00Z', '2026-03-02T09:00:00Z'),
            (u('a2'), 'busy', 'on the phone', '2026-03-02T08:59:00Z', '2026-03-02T08:59:00Z'),
            (u('a3'), 'offline', null, '2026-03-01T00:00:00Z', '2026-03-01T00:00:00Z');";
    let play = begin("2026-03-02T09:00:00Z", before).await?;
    let (ann, cem) = ("Ann | online | - | 02 09:00:00", "Cem | offline | - | 01 00:00:00");
    // Ninety seconds are not too long.
    play.at("2026-03-02T09:00:30Z").await?;
    play.quiet().await?;
    play.expect(PRESENCE, &[ann, "Ben | busy | on the phone | 02 08:59:00", cem]).await?;
    play.at("2026-03-02T09:00:40Z").await?;
    play.expect(PRESENCE, &[ann, "Ben | offline | on the phone | 02 09:00:40", cem]).await?;
    play.run(
        "update presence
         set status = 'online', last_seen = '2026-03-02T09:00:45Z', updated_at = '2026-03-02T09:00:45Z'
         where agent_id = u('a2')",
    )
    .await?;
    play.at("2026-03-02T09:01:00Z").await?;
    sound(&play).await?;
    play.expect(PRESENCE, &[ann, "Ben | online | on the phone | 02 09:00:45", cem]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_and_keys_end_when_they_expire() -> anyhow::Result<()> {
    let before = "
        insert into sessions (agent_id, token_hash, expires_at) values
            (u('a4'), 's1', '2026-03-02T09:10:00Z'), (u('a4'), 's2', '2026-03-02T09:10:01Z'),
            (u('a1'), 's3', '2026-04-01T00:00:00Z');
        insert into api_keys (agent_id, key_hash, key_prefix, expires_at, revoked_at) values
            (u('a1'), 'k1', 'clx_a1b2', '2026-03-02T09:01:00Z', null),
            (u('a1'), 'k2', 'clx_c3d4', '2026-03-02T09:01:01Z', null),
            (u('a1'), 'k3', 'clx_e5f6', null, null),
            (u('a2'), 'k4', 'clx_a7b8', '2026-02-01T00:00:00Z', '2026-01-15T00:00:00Z');";
    let play = begin("2026-03-02T09:00:00Z", before).await?;
    let sessions = "select token_hash from sessions order by token_hash";
    let keys = "select key_hash, to_char(revoked_at at time zone 'UTC', 'MM-DD HH24:MI') \
                from api_keys order by key_hash";
    play.at("2026-03-02T09:01:00Z").await?;
    play.expect(keys, &["k1 | 03-02 09:01", "k2 | -", "k3 | -", "k4 | 01-15 00:00"]).await?;
    play.at("2026-03-02T09:09:59Z").await?;
    play.quiet().await?;
    let revoked = ["k1 | 03-02 09:01", "k2 | 03-02 09:09", "k3 | -", "k4 | 01-15 00:00"];
    play.expect(keys, &revoked).await?;
    play.expect(sessions, &["s1", "s2", "s3"]).await?;
    play.at("2026-03-02T09:10:00Z").await?;
    play.expect(sessions, &["s2", "s3"]).await?;
    play.at("2026-03-02T09:20:00Z").await?;
    play.expect(sessions, &["s3"]).await?;
    sound(&play).await?;
    play.expect(keys, &revoked).await
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_archived_at_night_and_removed_after_a_week() -> anyhow::Result<()> {
    let before = "
        insert into agent_logs (agent_id, timestamp, level, message)
        select u('a1'), timestamptz '2026-02-20T00:00:00Z' + n * interval '1 second', 'DEBUG', 'line ' || n
        from generate_series(1, 10050) n;
        insert into agent_logs (agent_id, timestamp, level, message) values
            (u('a1'), '2026-02-24T00:00:00Z', 'INFO', 'a week ago'),
            (u('a1'), '2026-03-02T00:00:00Z', 'INFO', 'first'),
            (u('a1'), '2026-03-02T23:59:59Z', 'INFO', 'last'),
            (u('a1'), '2026-03-03T00:00:00Z', 'INFO', 'next');";
    let play = begin("2026-03-02T23:59:30Z", before).await?;
    let old = "select count(*) from agent_logs where level = 'DEBUG'";
    play.expect(old, &["10050"]).await?;
    // Ten thousand at a time.
    play.at("2026-03-03T00:00:00Z").await?;
    play.expect(old, &["50"]).await?;
    play.quiet().await?;
    play.expect(old, &["50"]).await?;
    play.at("2026-03-03T00:01:00Z").await?;
    play.expect("select message from agent_logs order by timestamp", &["first", "last", "next"]).await?;

    let archive = "select title, context ->> 'lines', context ->> 's3_key' \
                   from hearken.inbox_items where queue = 'archive' order by title";
    play.quiet().await?;
    play.expect(archive, &[]).await?;
    play.at("2026-03-03T00:30:00Z").await?;
    let day = "Archive the logs of 2026-03-02 | 2 | agent-logs/2026-03-02.jsonl.gz";
    play.expect(archive, &[day]).await?;
    // Nobody was there for a night; of the day after it there is nothing to archive.
    play.at("2026-03-05T00:30:00Z").await?;
    let next = "Archive the logs of 2026-03-03 | 1 | agent-logs/2026-03-03.jsonl.gz";
    play.expect(archive, &[day, next]).await?;
    sound(&play).await?;
    play.expect(archive, &[day, next]).await
}
