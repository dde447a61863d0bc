//! What stays in force of a source which cannot be read, and what waits.

use super::*;
use crate::rules::routine::rows::{self, Row, RowSourceName, Trust};
use serde_json::json;

const SETTINGS: &str = "[routines.hq]\nsql = \"table r\"\nqueues = [\"q\"]\n\
                        [routines.other]\nsql = \"table o\"\nqueues = [\"q\"]\ntenants = [\"t1\"]\n";

#[test]
fn a_source_which_cannot_be_read_gives_what_it_gave_last() {
    let texts = [
        ("a".to_owned(), "title = \"t\"\n[on.event]\n[item]\nqueue = \"x\"\ntitle = \"t\"\n".to_owned()),
        text("hq", "r1", "q", Some("t1")),
        text("hq", "r2", "elsewhere", Some("t1")),
        text("other", "r3", "q", Some("t2")),
        text("gone", "r4", "q", None),
    ];
    let mut sources = sources();
    let kept = ["hq.r1", "hq.r5", "hqs.r6", "a"].map(str::to_owned);
    sources.fall_back(&texts, &kept);
    // A file is none of theirs; the queue of `r2` and the tenant of `r3` are not
    // allowed any more. Of `r5` nobody knows, but something is kept for it.
    check(&sources, &["hq.r1"], &["hq.r2", "hq.r5", "other.r3"]);
    assert_eq!(sources.list[0].fact()["refused"], 1);
    let rows = sources.rows();
    assert_eq!(rows.routines[0].confined.tenant.as_deref(), Some("t1"));
}

#[test]
fn a_source_which_was_read_gives_what_it_has() {
    let mut sources = sources();
    sources.list[0].was_read = true;
    sources.fall_back(&[text("hq", "r1", "q", None)], &["hq.r2".to_owned()]);
    check(&sources, &[], &[]);
}

#[test]
fn a_source_which_failed_is_read_behind_the_others() {
    let mut sources = sources();
    assert_eq!(sources.due(), [0, 1]);
    sources.list[0].trouble = Some("it hangs".to_owned());
    assert_eq!(sources.due(), [1, 0]);
    sources.list[1].due += Duration::from_secs(60);
    assert_eq!(sources.due(), [0]);
}

#[test]
fn a_trouble_is_counted_once_and_again_when_it_is_another() {
    let status = Status::new(Duration::from_secs(60));
    let mut sources = sources();
    let mut check = |troubles: [Option<&str>; 2], count: u64| {
        for (source, trouble) in sources.list.iter_mut().zip(troubles) {
            source.trouble = trouble.map(str::to_owned);
        }
        sources.tell(&status);
        assert_eq!(status.metrics.reload_failures.get(), count, "{troubles:?}");
    };
    check([Some("away"), None], 1);
    check([Some("away"), None], 1);
    check([Some("away"), Some("away")], 2);
    check([None, Some("away")], 2);
    check([None, Some("slow")], 3);
    check([None, None], 3);
    check([Some("away"), None], 4);
    assert!(status.troubles().contains(&"routine sources: `hq`: away".to_owned()));
}

#[test]
fn a_source_is_due_when_it_is_asked_for() {
    let mut sources = sources();
    sources.put_off(Duration::from_secs(60));
    assert!(sources.next_due() > Instant::now() + Duration::from_secs(50));
    sources.all_due();
    assert!(sources.next_due() <= Instant::now());
    assert!(Sources::new(&Config::default()).is_empty());
}

fn sources() -> Sources {
    Sources::new(&Config::parse("hearken.toml", SETTINGS).unwrap())
}

/// The name and the text of a row as it was recorded.
fn text(source: &str, name: &str, queue: &str, tenant: Option<&str>) -> (String, String) {
    let trust = Trust {
        source: RowSourceName::parse(source).unwrap(),
        queues: vec![rows::QueuePattern::parse("*").unwrap()],
        tenants: rows::Tenants::Any,
        run_as: None,
        tables: Default::default(),
    };
    let routine = json!({ "title": "t", "on": { "event": {} }, "item": { "queue": queue, "title": "t" } });
    let row = Row { name: name.to_owned(), routine: routine.to_string(), tenant: tenant.map(str::to_owned) };
    let (routine, problems) = rows::read(&trust, &row);
    let routine = routine.unwrap_or_else(|| panic!("{problems}"));
    (routine.name.to_string(), routine.text.to_string())
}

#[track_caller]
fn check(sources: &Sources, routines: &[&str], refused: &[&str]) {
    let rows = sources.rows();
    assert_eq!(rows.routines.iter().map(|routine| routine.name.as_str()).collect::<Vec<_>>(), routines);
    assert_eq!(rows.refused.iter().map(RoutineName::as_str).collect::<Vec<_>>(), refused);
}
