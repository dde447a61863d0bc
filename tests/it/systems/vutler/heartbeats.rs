//! Hearts which stop and beat again: health, restarts, and what is written down of it.

use super::{begin, sound};
use crate::systems::play::{Play, folder};
use std::process::Command;

/// Ann beat half a minute ago, Ben just now. Cem has no container, Dan's is stopped on
/// purpose, Eve and Fay are away: of these four nothing is expected.
const STATES: &str = "
insert into agent_runtime_state
    (agent_id, status, health, container_id, started_at, last_heartbeat, created_at)
select u(agent), status, health, box, started_at::timestamptz, beat::timestamptz, '2026-03-01T00:00:00Z'
from (values
    ('a1', 'running', 'healthy', 'box-1', '2026-03-02T08:00:00Z', '2026-03-02T08:59:30Z'),
    ('a2', 'running', 'healthy', 'box-2', '2026-03-02T08:00:00Z', '2026-03-02T08:59:55Z'),
    ('a3', 'running', 'unknown', null, '2026-03-02T08:00:00Z', null),
    ('a4', 'stopped', 'unknown', 'box-4', '2026-03-01T00:00:00Z', '2026-03-01T00:01:00Z'),
    ('a5', 'running', 'healthy', 'box-5', '2026-03-01T00:00:00Z', '2026-03-01T00:01:00Z'),
    ('a6', 'running', 'healthy', 'box-6', '2026-03-01T00:00:00Z', '2026-03-01T00:01:00Z')
) s (agent, status, health, box, started_at, beat);
";

const HEALTH: &str = "select a.name, s.health, s.error_count, s.restart_count, s.last_error \
                      from agent_runtime_state s join agents a on a.id = s.agent_id \
                      where a.name in ('Ann', 'Ben') order by a.name";

const RESTARTS: &str = "select a.name, r.status, r.reason, to_char(r.due_at at time zone 'UTC', 'MI:SS') \
                        from agent_restarts r join agents a on a.id = r.agent_id order by r.due_at, a.name";

const LOGS: &str = "select a.name, l.level, l.message, to_char(l.timestamp at time zone 'UTC', 'MI:SS') \
                    from agent_logs l join agents a on a.id = l.agent_id order by l.timestamp, a.name";

const ANN_ILL: &str = "Ann | unhealthy | 1 | 0 | no heartbeat for 60 seconds";
const ANN_WELL: &str = "Ann | healthy | 0 | 0 | -";
const BEN_WELL: &str = "Ben | healthy | 0 | 0 | -";

/// The heart of this agent beats at this minute and second after nine.
async fn beats(play: &Play, agent: &str, at: &str) -> anyhow::Result<()> {
    play.run(&format!(
        "update agent_runtime_state set last_heartbeat = '2026-03-02T09:{at}Z' where agent_id = u('{agent}')"
    ))
    .await
}

/// It is so many minutes and seconds after nine.
async fn at(play: &Play, time: &str) -> anyhow::Result<()> {
    play.at(&format!("2026-03-02T09:{time}Z")).await
}

/// Generates the functions by which restarts are leased.
#[track_caller]
fn protocol(play: &Play) {
    let output = Command::new(env!("CARGO_BIN_EXE_hearken"))
        .args(["protocol", "restarts", "--config"])
        .arg(folder("vutler").join("hearken.toml"))
        .env("DATABASE_URL", &play.db.url)
        .env_remove("HEARKEN_CONFIG")
        .output()
        .expect("a command");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_agent_is_restarted_once_unless_it_comes_back() -> anyhow::Result<()> {
    let play = begin("2026-03-02T09:00:00Z", STATES).await?;
    protocol(&play);
    silence_is_noticed_once(&play).await?;
    what_comes_back_is_left_alone(&play).await?;
    a_restart_in_hand_is_the_only_one(&play).await?;
    // Nobody expected anything of the others, so nothing was done to them.
    play.expect(
        "select a.name, s.status, s.health, s.error_count \
         from agent_runtime_state s join agents a on a.id = s.agent_id where a.name > 'C' order by a.name",
        &[
            "Cem | running | unknown | 0",
            "Dan | stopped | unknown | 0",
            "Eve | running | healthy | 0",
            "Fay | running | healthy | 0",
        ],
    )
    .await?;
    sound(&play).await
}

/// Sixty seconds are not too long; seventy are. The looks after that find nothing new.
async fn silence_is_noticed_once(play: &Play) -> anyhow::Result<()> {
    beats(play, "a2", "00:30").await?;
    at(play, "00:30").await?;
    play.quiet().await?;
    play.expect(HEALTH, &[ANN_WELL, BEN_WELL]).await?;
    play.expect(RESTARTS, &[]).await?;
    for time in ["00:40", "00:50"] {
        at(play, time).await?;
        play.expect(HEALTH, &[ANN_ILL, BEN_WELL]).await?;
        play.expect(RESTARTS, &["Ann | waiting | no heartbeat | 00:40"]).await?;
        play.quiet().await?;
    }
    play.expect("select container_id from agent_restarts", &["box-1"]).await?;
    play.expect(RESTARTS, &["Ann | waiting | no heartbeat | 00:40"]).await?;
    play.expect(LOGS, &["Ann | WARN | unhealthy: no heartbeat for 60 seconds | 00:40"]).await
}

async fn what_comes_back_is_left_alone(play: &Play) -> anyhow::Result<()> {
    beats(play, "a1", "00:55").await?;
    beats(play, "a2", "00:58").await?;
    at(play, "01:00").await?;
    play.expect(RESTARTS, &["Ann | cancelled | no heartbeat | 00:40"]).await?;
    play.expect(HEALTH, &[ANN_WELL, BEN_WELL]).await?;
    play.expect(&format!("select * from ({LOGS}) l offset 1"), &["Ann | INFO | healthy | 01:00"]).await?;
    assert!(play.rows("select id from hearken.restarts_lease('docker-1')").await?.is_empty());
    Ok(())
}

/// It falls silent, a worker takes the restart, it beats once more and falls silent: the
/// worker's restart will do.
async fn a_restart_in_hand_is_the_only_one(play: &Play) -> anyhow::Result<()> {
    let first = "Ann | cancelled | no heartbeat | 00:40";
    beats(play, "a2", "01:58").await?;
    at(play, "02:00").await?;
    play.expect(RESTARTS, &[first, "Ann | waiting | no heartbeat | 02:00"]).await?;
    let lease = "select a.name, r.container_id from hearken.restarts_lease('docker-1') r \
                 join agents a on a.id = r.agent_id";
    assert_eq!(play.rows(lease).await?, ["Ann | box-1"]);
    beats(play, "a1", "02:05").await?;
    at(play, "02:10").await?;
    play.expect(HEALTH, &[ANN_WELL, BEN_WELL]).await?;
    beats(play, "a2", "03:00").await?;
    at(play, "03:10").await?;
    play.expect(HEALTH, &[ANN_ILL, BEN_WELL]).await?;
    play.quiet().await?;
    play.expect(RESTARTS, &[first, "Ann | running | no heartbeat | 02:00"]).await?;
    let refused =
        "select outcome from hearken.decisions where routine = 'heartbeat-lost' and outcome <> 'missed'";
    play.expect(refused, &["duplicate"]).await?;

    play.run(
        "update agent_runtime_state
         set status = 'starting', health = 'unknown', started_at = '2026-03-02T09:03:15Z',
             restart_count = restart_count + 1
         where agent_id = u('a1')",
    )
    .await?;
    let complete =
        "select hearken.restarts_complete(id, lease_token) from agent_restarts where status = 'running'";
    assert_eq!(play.rows(complete).await?, ["done"]);
    beats(play, "a2", "03:20").await?;
    at(play, "03:30").await?;
    play.quiet().await?;
    play.expect(RESTARTS, &[first, "Ann | done | no heartbeat | 02:00"]).await?;
    play.run("update agent_runtime_state set status = 'running' where agent_id = u('a1')").await?;
    beats(play, "a1", "03:35").await?;
    at(play, "03:40").await?;
    play.expect(HEALTH, &["Ann | healthy | 0 | 1 | -", BEN_WELL]).await?;
    let ill = "Ann | WARN | unhealthy: no heartbeat for 60 seconds";
    let (fell, fell_again) = (format!("{ill} | 02:00"), format!("{ill} | 03:10"));
    let (well, well_again) = ("Ann | INFO | healthy | 02:10", "Ann | INFO | healthy | 03:40");
    let logs = [fell.as_str(), well, fell_again.as_str(), well_again];
    play.expect(&format!("select * from ({LOGS}) l offset 2"), &logs).await
}

#[tokio::test(flavor = "multi_thread")]
async fn restarts_of_people_stay_and_failed_ones_come_again() -> anyhow::Result<()> {
    let play = begin("2026-03-02T09:00:00Z", STATES).await?;
    play.run(
        "insert into agent_restarts (agent_id, reason, due_at)
         values (u('a2'), 'by hand', '2026-03-02T09:00:00Z')",
    )
    .await?;
    // Ben is to be restarted anyhow, and is so once.
    at(&play, "01:00").await?;
    play.expect(HEALTH, &[ANN_ILL, "Ben | unhealthy | 1 | 0 | no heartbeat for 60 seconds"]).await?;
    let by_hand = "Ben | waiting | by hand | 00:00";
    play.expect(RESTARTS, &[by_hand, "Ann | waiting | no heartbeat | 01:00"]).await?;
    beats(&play, "a2", "01:05").await?;
    at(&play, "01:10").await?;
    play.expect(HEALTH, &[ANN_ILL, BEN_WELL]).await?;
    play.quiet().await?;
    play.expect(RESTARTS, &[by_hand, "Ann | waiting | no heartbeat | 01:00"]).await?;

    // One which failed for good: again after five minutes, and not before.
    play.run(
        "update agent_restarts set status = 'failed', finished_at = '2026-03-02T09:01:30Z'
         where agent_id = u('a1')",
    )
    .await?;
    let failed = "Ann | failed | no heartbeat | 01:00";
    beats(&play, "a2", "06:20").await?;
    at(&play, "06:20").await?;
    play.quiet().await?;
    play.expect(RESTARTS, &[by_hand, failed]).await?;
    at(&play, "06:40").await?;
    play.expect(RESTARTS, &[by_hand, failed, "Ann | waiting | no heartbeat | 06:40"]).await?;
    let twice = "Ann | unhealthy | 2 | 0 | no heartbeat for 60 seconds";
    play.expect(HEALTH, &[twice, BEN_WELL]).await?;

    // Whoever is switched off needs no restart.
    play.run("update agents set status = 'inactive' where id = u('a1')").await?;
    at(&play, "06:50").await?;
    play.expect(RESTARTS, &[by_hand, failed, "Ann | cancelled | no heartbeat | 06:40"]).await?;
    sound(&play).await
}
