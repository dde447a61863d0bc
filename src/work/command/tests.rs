//! Commands, as real processes of `/bin/sh`.

use super::*;
use crate::pg::work::{Lease, More};
use crate::work::holds::{Held, Holds};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch;

fn item() -> Leased {
    Leased {
        id: 7,
        token: 9,
        attempt: 2,
        queue: "q".to_owned(),
        priority: 1,
        routine: "r".to_owned(),
        title: "a \0 title".to_owned(),
        instructions: String::new(),
        context: json!({ "amount": 1.5 }),
        tenant: None,
        tags: Vec::new(),
        event_seq: Some(3),
        tick: None,
        due_at: Timestamp::UNIX_EPOCH,
        lease_until: Timestamp::UNIX_EPOCH,
        more: Some(More {
            key: Some("k".to_owned()),
            webhook: None,
            dedup_key: "00ff".to_owned(),
            attempts_max: None,
        }),
    }
}

fn handler(script: &str) -> Arc<CommandHandler> {
    Arc::new(CommandHandler::new(CommandSettings {
        command: ["/bin/sh", "-c", script].map(OsString::from).to_vec(),
        launcher: Vec::new(),
        result_max: 1000,
        later: Duration::from_secs(60),
        show: Show::Nothing,
    }))
}

/// A hold, with what makes it lost and what stops it.
fn hold() -> (Hold, Arc<Held>, watch::Sender<bool>) {
    let lease = Lease { id: 7, token: 9 };
    let held = Arc::new(Held::new(lease, false, Instant::now(), Duration::from_secs(600)));
    let (stop, stopping) = watch::channel(false);
    (Hold::new(held.clone(), Arc::<Holds>::default(), stopping), held, stop)
}

#[track_caller]
fn check(script: &str, want: Answer) -> impl Future<Output = ()> {
    let place = std::panic::Location::caller();
    let answer = handler(script).handle(item(), Hold::detached());
    async move { assert_eq!(answer.await, want, "{place}") }
}

fn failed(error: &str) -> Answer {
    Answer::Failed { error: error.to_owned(), retry: Retry::Backoff }
}

#[tokio::test]
async fn the_exit_status_says_what_became_of_the_item() {
    check("true", Answer::Done(None)).await;
    check("echo '{\"ok\": true}'", Answer::Done(Some(json!({ "ok": true })))).await;
    check("echo fine; echo loud >&2", Answer::Done(Some(json!("fine")))).await;
    check("exit 3", failed("exited with status 3")).await;
    let failing = "echo partly; echo 'no such refund' >&2; exit 1";
    check(failing, failed("exited with status 1: no such refund")).await;
    check("kill -9 $$", failed("killed by signal 9 (SIGKILL)")).await;
    let pause = Duration::from_secs(60);
    let note = "the bank is closed".to_owned();
    check("echo 'the bank is closed' >&2; exit 75", Answer::Snoozed { pause, note }).await;
    let note = "exited with status 75".to_owned();
    check("exit 75", Answer::Snoozed { pause, note }).await;
}

#[tokio::test]
async fn the_item_is_on_standard_input_and_in_the_environment() {
    let Answer::Done(Some(read)) = handler("cat").handle(item(), Hold::detached()).await else {
        panic!("no result")
    };
    assert_eq!(read["id"], json!(7));
    assert_eq!(read["title"], json!("a \0 title"));
    assert_eq!(read["context"], json!({ "amount": 1.5 }));
    assert_eq!(read["idempotency_key"], json!("00ff"));
    assert_eq!(read["tenant"], Value::Null);
    let script =
        "echo \"$HEARKEN_ITEM_ID $HEARKEN_TOKEN $HEARKEN_KEY $HEARKEN_TITLE ${HEARKEN_TENANT-none}\"";
    check(script, Answer::Done(Some(json!("7 9 k a \u{FFFD} title none")))).await;
}

#[tokio::test]
async fn a_command_which_does_not_read_its_item_is_not_waited_for() {
    let item = Leased { instructions: "x".repeat(4 << 20), ..item() };
    let answer = handler("exec <&-; echo done").handle(item, Hold::detached()).await;
    assert_eq!(answer, Answer::Done(Some(json!("done"))));
}

#[tokio::test]
async fn a_child_which_keeps_the_pipes_does_not_hold_us_up() {
    let began = Instant::now();
    check("sleep 600 & echo done", Answer::Done(Some(json!("done")))).await;
    assert!(began.elapsed() >= PIPES_GRACE, "it has a moment");
    assert!(began.elapsed() < Duration::from_secs(60));
}

#[tokio::test]
async fn more_output_than_is_kept_blocks_nobody() {
    let script = "head -c 10000000 /dev/zero | tr '\\0' x; head -c 10000000 /dev/zero >&2";
    let answer = handler(script).handle(item(), Hold::detached()).await;
    let Answer::Done(Some(Value::String(text))) = answer else { panic!("{answer:?}") };
    assert!(text.ends_with("\n[cut: 1000 bytes of 10000000]"), "{text}");
}

#[tokio::test]
async fn a_command_which_is_stopped_is_done_if_it_comes_to_its_end_and_given_back_if_not() {
    let (hold, _held, stop) = hold();
    stop.send_replace(true);
    assert_eq!(handler("sleep 600").handle(item(), hold.clone()).await, Answer::Released);
    let saves = "trap 'echo saved; exit 0' TERM; echo '::progress ready'; while :; do sleep 0.05; done";
    let (hold, held, stop) = self::hold();
    let working = tokio::spawn(handler(saves).handle(item(), hold));
    while held.take_note().is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.send_replace(true);
    assert_eq!(working.await.unwrap(), Answer::Done(Some(json!("saved"))));
}

#[tokio::test]
async fn a_command_whose_lease_is_lost_is_stopped_and_answers_nothing() {
    let (hold, held, _stop) = hold();
    held.lose();
    assert_eq!(handler("sleep 600").handle(item(), hold).await, Answer::Lost);
}

#[tokio::test]
async fn a_command_which_cannot_be_started_is_a_failed_attempt() {
    let handler = Arc::new(CommandHandler::new(CommandSettings {
        command: vec![OsString::from("/no/such/program")],
        ..handler("").settings.clone()
    }));
    let answer = handler.handle(item(), Hold::detached()).await;
    let Answer::Failed { error, .. } = answer else { panic!("{answer:?}") };
    assert!(error.contains("could not be started"), "{error}");
}
