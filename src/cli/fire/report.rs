//! What is said of a firing, to people or as JSON.

use crate::cli::explain::printable;
use crate::daemon::fire::{Cause, Fate, Fired, FiredDraft, Remark};
use crate::rules::event::Event;
use crate::rules::explain::{Explanation, Outcome, draft_json};
use crate::rules::routine::Routine;
use serde_json::{Value, json};

/// How it is said.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// In lines.
    People,
    /// As one object.
    Json,
}

/// Whether it was done.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mood {
    /// It was.
    Done,
    /// It was taken back.
    DryRun,
}

/// Says what became of a routine which was fired.
#[derive(Debug)]
pub(super) struct Report<'a> {
    /// The routine.
    pub(super) routine: &'a Routine,
    /// Whether it was done.
    pub(super) mood: Mood,
    /// How it is said.
    pub(super) form: Form,
}

impl Report<'_> {
    /// An event which the routine does not want.
    pub(super) fn of_no_match(&self, event: &Event, explanation: &Explanation) -> String {
        if let Form::Json = self.form {
            let mut object = self.head(json!({ "event": event.seq }));
            if let (Value::Object(object), Value::Object(why)) = (&mut object, explanation.to_json()) {
                object.extend(why);
            }
            return format!("{object}\n");
        }
        let kind = printable(&event.kind);
        let mut text =
            format!("{} does not match the event {} of type {kind}\n", self.routine.name, event.seq);
        if let Outcome::NoMatch(reason) = &explanation.outcome {
            for (depth, line) in reason.lines() {
                text.push_str(&format!("{}{}\n", "  ".repeat(depth + 1), printable(&line)));
            }
        }
        text
    }

    /// What came of the firing.
    pub(super) fn of(&self, cause: &Cause, fired: &Fired) -> String {
        match self.form {
            Form::Json => format!("{}\n", self.json(cause, fired)),
            Form::People => self.text(fired),
        }
    }

    fn head(&self, cause: Value) -> Value {
        let mut object = json!({
            "routine": self.routine.name.as_str(),
            "version": self.routine.version.as_str(),
            "dry_run": matches!(self.mood, Mood::DryRun),
        });
        if let (Value::Object(object), Value::Object(cause)) = (&mut object, cause) {
            object.extend(cause);
        }
        object
    }

    fn json(&self, cause: &Cause, fired: &Fired) -> Value {
        let mut object = self.head(match cause {
            Cause::Event(event) => json!({ "event": event.seq, "matched": true }),
            Cause::Tick(tick) => json!({ "tick": tick.to_string() }),
        });
        match fired {
            Fired::Paused => object["paused"] = true.into(),
            Fired::Failed(reasons) => object["errors"] = reasons.clone().into(),
            Fired::Done { drafts, remarks } => {
                object["items"] = drafts.iter().map(fired_json).collect();
                if !remarks.is_empty() {
                    object["decisions"] = remarks.iter().map(remark_json).collect();
                }
            }
        }
        object
    }

    fn text(&self, fired: &Fired) -> String {
        let name = &self.routine.name;
        match fired {
            Fired::Paused => {
                format!("{name} is paused, and nothing was done; `hearken resume {name}` ends the pause\n")
            }
            Fired::Failed(reasons) => {
                let reasons: String =
                    reasons.iter().map(|reason| format!("  {}\n", printable(reason))).collect();
                format!("{name} cannot do it, and nothing was written:\n{reasons}")
            }
            Fired::Done { drafts, remarks } => {
                let mut text = match self.mood {
                    Mood::DryRun => "dry run: nothing of this was kept\n".to_owned(),
                    Mood::Done => String::new(),
                };
                if drafts.is_empty() && remarks.is_empty() {
                    text.push_str(&format!("{name} ran, and makes no item of it\n"));
                }
                drafts.iter().for_each(|fired| text.push_str(&self.line(fired)));
                for Remark { outcome, reason } in remarks {
                    text.push_str(&format!("{}: {}\n", outcome.as_str(), printable(reason)));
                }
                text
            }
        }
    }

    /// A draft for people; in a dry run, with all that it says.
    fn line(&self, fired: &FiredDraft) -> String {
        let FiredDraft { draft, fate, reason } = fired;
        let place = match &draft.foreign {
            Some(foreign) => format!("the inbox {}", foreign.inbox),
            None => draft.queue.to_string(),
        };
        let title = printable(&draft.title);
        let because = reason.as_deref().map_or_else(String::new, |reason| format!(": {}", printable(reason)));
        let line = match (fate, self.mood) {
            (Fate::Made(_), Mood::DryRun) => format!("an item for {place}: {title}"),
            (Fate::Made(Some(id)), Mood::Done) => format!("item {id} for {place}: {title}"),
            (Fate::Made(None), Mood::Done) => format!("a row for {place}: {title}"),
            (Fate::There(Some(id)), _) => format!("was there before (item {id}){because}"),
            (Fate::There(None), _) => format!("was there before{because}"),
            (Fate::Held(_), Mood::DryRun) => format!("a gate would hold it{because}"),
            (Fate::Held(id), Mood::Done) => format!("a gate holds it as {id}{because}"),
            (Fate::Told(outcome, _), _) => format!("{}{because}", outcome.as_str()),
        };
        match (self.mood, fate) {
            (Mood::DryRun, Fate::Made(_) | Fate::Held(_)) => {
                let object = draft_json(draft);
                let pretty = serde_json::to_string_pretty(&object).unwrap_or_else(|_| object.to_string());
                format!("{}: {line}\n{}\n", draft.item, indented(&pretty))
            }
            (_, _) => format!("{}: {line}\n", draft.item),
        }
    }
}

/// Each line a little to the right, without what would steer a terminal.
fn indented(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("  {}", printable(line))).collect();
    lines.join("\n")
}

fn fired_json(fired: &FiredDraft) -> Value {
    let (outcome, id) = match fired.fate {
        Fate::Made(id) => ("created", id),
        Fate::There(id) => ("duplicate", id),
        Fate::Held(id) => ("held", Some(id)),
        Fate::Told(outcome, id) => (outcome.as_str(), id),
    };
    let mut object = json!({ "outcome": outcome, "id": id, "reason": fired.reason });
    if let (Value::Object(object), Value::Object(draft)) = (&mut object, draft_json(&fired.draft)) {
        object.extend(draft);
    }
    if fired.draft.foreign.is_none() {
        object["dedup_key"] = hex::encode(fired.draft.key.0).into();
    }
    object
}

fn remark_json(remark: &Remark) -> Value {
    json!({ "outcome": remark.outcome.as_str(), "reason": remark.reason })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::name::RoutineName;
    use crate::rules::plan::plan_tick;
    use crate::rules::routine::parse;

    const ROUTINE: &str = "title = \"t\"\n[on.schedule]\nevery = \"1h\"\n\
        [item]\nqueue = \"ops\"\ntitle = \"Sweep\"\n[item.context]\nn = 1\n";

    fn routine() -> Routine {
        parse(&RoutineName::parse("sweep").unwrap(), "sweep.toml", ROUTINE).unwrap()
    }

    fn fired(fate: Fate, reason: Option<&str>) -> (Cause, Fired) {
        let tick = "2026-03-02T09:00:00Z".parse().unwrap();
        let mut draft = plan_tick(&routine(), tick).unwrap().remove(0).draft;
        draft.title = "Sweep \u{1b}[2J".to_owned();
        let drafts = vec![FiredDraft { draft, fate, reason: reason.map(str::to_owned) }];
        (Cause::Tick(tick), Fired::Done { drafts, remarks: Vec::new() })
    }

    #[track_caller]
    fn check(mood: Mood, fate: Fate, reason: Option<&str>, want: &str) {
        let (cause, fired) = fired(fate, reason);
        let said = Report { routine: &routine(), mood, form: Form::People }.of(&cause, &fired);
        assert!(said.starts_with(want), "wanted {want:?}, and it said {said:?}");
        assert!(!said.contains('\u{1b}'), "{said:?}");
    }

    #[test]
    fn people_hear_what_became_of_each_item() {
        check(Mood::Done, Fate::Made(Some(12)), None, "item: item 12 for ops: Sweep \u{fffd}[2J\n");
        check(Mood::Done, Fate::There(Some(12)), Some("why"), "item: was there before (item 12): why\n");
        check(Mood::Done, Fate::Held(13), Some("not now"), "item: a gate holds it as 13: not now\n");
        check(
            Mood::DryRun,
            Fate::Held(13),
            None,
            "dry run: nothing of this was kept\nitem: a gate would hold it\n  {\n",
        );
        check(
            Mood::DryRun,
            Fate::Made(Some(12)),
            None,
            "dry run: nothing of this was kept\nitem: an item for ops",
        );
    }

    #[test]
    fn machines_get_one_object() {
        let (cause, fired) = fired(Fate::Made(Some(12)), None);
        let said = Report { routine: &routine(), mood: Mood::Done, form: Form::Json }.of(&cause, &fired);
        let object: Value = serde_json::from_str(&said).unwrap();
        assert_eq!((&object["routine"], &object["dry_run"]), (&json!("sweep"), &json!(false)));
        assert_eq!(object["tick"], "2026-03-02T09:00:00Z");
        let item = &object["items"][0];
        assert_eq!(
            (&item["outcome"], &item["id"], &item["context"]),
            (&json!("created"), &json!(12), &json!({"n": 1}))
        );
    }
}
