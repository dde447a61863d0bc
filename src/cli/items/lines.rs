//! Items as lines, for people and for programs.

use super::harmless;
use crate::cli::aligned::from_now;
use crate::pg::items::Item;
use jiff::Timestamp;
use serde::Serialize;

/// The longest title in a line, and the longest note of a worker, in characters.
const TITLE_CHARS: usize = 60;
const NOTE_CHARS: usize = 40;
/// The longest name of a queue, a routine or a worker.
const NAME_CHARS: usize = 32;

/// What stands above the cells of an item.
pub(in crate::cli) const HEADINGS: [&str; 8] =
    ["id", "state", "made", "queue", "routine", "attempt", "worker or due", "title"];

/// The widths of the cells where the lines to come are not known.
const WIDTHS: [usize; 7] = [8, 10, 10, 14, 20, 7, 16];

/// An item as cells.
pub(in crate::cli) fn cells(item: &Item, now: Timestamp) -> [String; 8] {
    let name = |text: &str| harmless::short_line(text, NAME_CHARS);
    let mut title = harmless::short_line(&item.title, TITLE_CHARS);
    if let Some(progress) = item.progress.as_ref().filter(|_| is_open(item)) {
        // A text without its quotes.
        let note = progress.as_str().map_or_else(|| progress.to_string(), str::to_owned);
        title = format!("{title} [{}]", harmless::short_line(&note, NOTE_CHARS));
    }
    [
        item.id.to_string(),
        item.state.clone(),
        from_now(now, item.created_at),
        name(&item.queue),
        name(&item.routine),
        format!("{}/{}", item.attempt, item.attempts_max),
        name(&worker_or_due(item, now)),
        title,
    ]
}

/// Whether an item has not finished.
pub(in crate::cli) fn is_open(item: &Item) -> bool {
    matches!(item.state.as_str(), "waiting" | "leased" | "failed")
}

/// Who has it, or when it is due.
fn worker_or_due(item: &Item, now: Timestamp) -> String {
    match item.state.as_str() {
        "waiting" | "failed" if item.due_at <= now => "due".to_owned(),
        "waiting" | "failed" => format!("due {}", from_now(now, item.due_at)),
        _ => item.worker.clone().unwrap_or_default(),
    }
}

/// Cells as a line of fixed widths, which longer cells push aside.
pub(in crate::cli) fn padded(cells: &[String; 8]) -> String {
    let mut line = String::new();
    for (cell, width) in cells.iter().zip(WIDTHS) {
        let cell = if cell.is_empty() { "-" } else { cell.as_str() };
        line.push_str(&format!("{cell:width$}  "));
    }
    line.push_str(&cells[7]);
    line.push('\n');
    line
}

/// One JSON object a line. Characters which a terminal would obey are written as
/// escapes, which says the same.
pub(in crate::cli) fn json<T: Serialize>(values: &[T]) -> serde_json::Result<String> {
    let mut text = String::new();
    for value in values {
        text.push_str(&harmless::line(&serde_json::to_string(value)?));
        text.push('\n');
    }
    Ok(text)
}

#[cfg(test)]
pub(in crate::cli) mod tests {
    use super::*;
    use serde_json::json;

    /// An item which waits, made an hour before eight.
    pub(in crate::cli) fn waiting() -> Item {
        let at = |text: &str| text.parse().unwrap();
        Item {
            id: 12,
            state: "waiting".to_owned(),
            archived: false,
            queue: "finance".to_owned(),
            priority: 0,
            routine: "refunds".to_owned(),
            version: "0123456789abcdef".to_owned(),
            item: "item".to_owned(),
            tenant: None,
            key: None,
            title: "Refund r1".to_owned(),
            tags: Vec::new(),
            attempt: 0,
            attempts_max: 5,
            worker: None,
            token: 0,
            created_at: at("2026-03-02T07:00:00Z"),
            due_at: at("2026-03-02T07:00:00Z"),
            leased_at: None,
            lease_until: None,
            deadline_at: None,
            finished_at: None,
            progress: None,
            progress_at: None,
            error: None,
            event_seq: Some(17),
            tick: None,
            source: None,
            event_id: None,
            chain: Vec::new(),
            superseded_by: None,
            dedup_key: "00".repeat(32),
            instructions: None,
            context: None,
            result: None,
            errors: None,
            webhook: None,
        }
    }

    fn shown(item: &Item) -> String {
        padded(&cells(item, "2026-03-02T08:00:00Z".parse().unwrap()))
    }

    #[track_caller]
    fn check(item: &Item, wants: &[&str]) {
        let line = shown(item);
        for want in wants {
            assert!(line.contains(want), "{want:?} is not in {line:?}");
        }
        assert_eq!(line.matches('\n').count(), 1, "{line:?}");
    }

    #[test]
    fn a_line_says_who_has_an_item_or_when_it_is_due() {
        check(&waiting(), &["12        waiting", "1h 0m ago", "0/5      due  ", "Refund r1\n"]);
        let due_at = "2026-03-02T08:05:00Z".parse().unwrap();
        let failed = Item { state: "failed".to_owned(), attempt: 2, due_at, ..waiting() };
        check(&failed, &["failed", "2/5", "due in 5m 0s"]);
        let worker = Some("py-1".to_owned());
        let progress = Some(json!({ "done": 3 }));
        let leased = Item { state: "leased".to_owned(), worker, progress, ..waiting() };
        check(&leased, &["leased", "py-1", "Refund r1 [{\"done\":3}]"]);
    }

    #[test]
    fn what_strangers_wrote_is_not_obeyed() {
        let title = format!("\u{1b}[2J\n{}", "x".repeat(500));
        let item = Item { title, queue: "q\u{9b}".to_owned(), ..waiting() };
        let line = shown(&item);
        assert!(line.contains("\\u001b[2J\\u000axxx") && line.contains("q\\u009b"), "{line}");
        assert!(line.chars().count() < 200, "{line}");
        let json = json(std::slice::from_ref(&item)).unwrap();
        assert!(!json.contains('\u{9b}') && !json.contains('\u{1b}'), "{json}");
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["queue"], item.queue);
    }
}
