//! `hearken held`.

use super::aligned::{from_now, table};
use super::{ConfigArgs, of_schema, runtime, say};
use crate::pg::overview::{self, Answer, HeldDraft};
use crate::pg::schedules;
use crate::rules::name::RoutineName;
use crate::rules::text::shortened;
use jiff::Timestamp;
use std::process::ExitCode;

/// The longest title in a line for people, in characters.
const TITLE_CHARS: usize = 60;

/// List the drafts which gates hold back, in the order in which they go on;
/// cancel them, or let them go on at once.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct HeldArgs {
    #[command(flatten)]
    list: ListArgs,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Those of this routine only.
    #[arg(long, value_name = "NAME", value_parser = RoutineName::parse)]
    routine: Option<RoutineName>,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// They become no items; a decision says so of each.
    Cancel(CancelArgs),
    /// They are due now, and wait for nothing else.
    Release(ReleaseArgs),
}

#[derive(Debug, clap::Args)]
struct CancelArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The numbers of the drafts, as `hearken held` lists them.
    #[arg(value_name = "ID", required_unless_present = "routine", conflicts_with = "routine")]
    ids: Vec<i64>,
    /// All drafts of this routine.
    #[arg(long, value_name = "NAME", value_parser = RoutineName::parse)]
    routine: Option<RoutineName>,
    /// Why, for the decisions.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(Debug, clap::Args)]
struct ReleaseArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The numbers of the drafts, as `hearken held` lists them.
    #[arg(value_name = "ID", required = true)]
    ids: Vec<i64>,
}

/// Runs it. The exit status is 1 if one of the drafts named is not held.
///
/// # Errors
///
/// Of the settings or the database.
pub fn run(args: &HeldArgs) -> anyhow::Result<ExitCode> {
    runtime()?.block_on(async {
        match &args.action {
            None => list(&args.list).await,
            Some(Action::Cancel(args)) => cancel(args).await,
            Some(Action::Release(args)) => release(args).await,
        }
    })
}

async fn list(args: &ListArgs) -> anyhow::Result<ExitCode> {
    let session = args.config.connect().await?;
    let held = overview::held_drafts(&session, args.routine.as_ref()).await.map_err(of_schema)?;
    if args.json {
        let mut text = String::new();
        for draft in &held {
            text.push_str(&serde_json::to_string(draft)?);
            text.push('\n');
        }
        say(&text)?;
    } else if held.is_empty() {
        say("nothing is held\n")?;
    } else {
        let now = schedules::now(&session).await.map_err(of_schema)?;
        say(&listed(&held, now))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The drafts for people.
fn listed(held: &[HeldDraft], now: Timestamp) -> String {
    let row = |draft: &HeldDraft| {
        [
            draft.id.to_string(),
            draft.routine.clone(),
            draft.gate.clone(),
            due(draft, now),
            draft.count.to_string(),
            shortened(draft.title.as_deref().unwrap_or_default(), TITLE_CHARS),
            draft.reason.clone().unwrap_or_default(),
        ]
    };
    let rows: Vec<[String; 7]> = held.iter().map(row).collect();
    table(["id", "routine", "gate", "due", "drafts", "title", "reason"], &rows)
}

/// When a draft goes on, as far as that is known.
fn due(draft: &HeldDraft, now: Timestamp) -> String {
    if draft.paused {
        return "paused".to_owned();
    }
    match draft.phase.as_str() {
        "queued" => "in its turn".to_owned(),
        _ => format!("{} ({})", draft.due_at.strftime("%Y-%m-%dT%H:%M:%SZ"), from_now(now, draft.due_at)),
    }
}

async fn cancel(args: &CancelArgs) -> anyhow::Result<ExitCode> {
    let session = args.config.connect().await?;
    let reason = args.reason.as_deref();
    if let Some(routine) = &args.routine {
        let cancelled = overview::cancel_held_of(&session, routine, reason).await.map_err(of_schema)?;
        let drafts = if cancelled == 1 { "draft" } else { "drafts" };
        say(&format!("{cancelled} held {drafts} of `{routine}` cancelled\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut answers = Vec::new();
    for id in &args.ids {
        let answer = overview::cancel_held(&session, *id, reason).await.map_err(of_schema)?;
        answers.push((*id, answer, "cancelled"));
    }
    told(&answers)
}

async fn release(args: &ReleaseArgs) -> anyhow::Result<ExitCode> {
    let session = args.config.connect().await?;
    let mut answers = Vec::new();
    for id in &args.ids {
        let answer = overview::release_held(&session, *id).await.map_err(of_schema)?;
        // It is done, and this is a remark on it: without the grants it is left out.
        let paused =
            answer == Answer::Done && overview::waits_for_resume(&session, *id).await.unwrap_or_default();
        let done = if paused { "released; it goes on when the routine is resumed" } else { "released" };
        answers.push((*id, answer, done));
    }
    told(&answers)
}

/// Says of each draft what became of it, in these words if it was done.
fn told(answers: &[(i64, Answer, &str)]) -> anyhow::Result<ExitCode> {
    let mut all_done = true;
    for (id, answer, done) in answers {
        match answer {
            Answer::Done => say(&format!("{id} {done}\n"))?,
            Answer::Gone => {
                all_done = false;
                eprintln!("{id} is not held: it became an item, was cancelled, or never was");
            }
        }
    }
    Ok(if all_done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn draft(id: i64, phase: &str) -> HeldDraft {
        HeldDraft {
            id,
            routine: "refunds".to_owned(),
            item: "item".to_owned(),
            queue: "q".to_owned(),
            gate: "hours".to_owned(),
            phase: phase.to_owned(),
            due_at: at("2026-03-02T07:00:00Z"),
            since: at("2026-03-01T20:00:00Z"),
            count: 2,
            title: Some("Refund r1".to_owned()),
            reason: None,
            paused: false,
        }
    }

    #[test]
    fn people_see_when_each_draft_goes_on() {
        let paused = HeldDraft { paused: true, ..draft(9, "accepted") };
        let listed = listed(&[draft(7, "accepted"), draft(8, "queued"), paused], at("2026-03-02T06:00:00Z"));
        let lines: Vec<&str> = listed.lines().collect();
        assert_eq!(lines.len(), 4);
        assert!(lines[1].starts_with("7   refunds  hours  2026-03-02T07:00:00Z (in 1h 0m)  2 "), "{listed}");
        assert!(lines[1].ends_with("Refund r1  -"), "{listed}");
        assert!(lines[2].contains("in its turn"), "{listed}");
        assert!(lines[3].contains("paused"), "{listed}");
    }
}
