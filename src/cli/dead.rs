//! `hearken dead`.

mod letters;

use super::items::filter::FilterArgs;
use super::items::{harmless, lines};
use super::retry::bulk::{Order, Selection, Target};
use super::{ConfigArgs, of_schema, runtime, say};
use crate::cli::aligned::{from_now, table};
use crate::pg::items::{self, Deed, Detail, Filter, Item, Letter, Reach, State};
use crate::pg::schedules;
use crate::pg::session::Session;
use jiff::Timestamp;
use serde::Serialize;
use std::cmp::Reverse;
use std::process::ExitCode;

/// The longest error, and the longest title, in a line, in characters.
const ERROR_CHARS: usize = 60;
const TITLE_CHARS: usize = 40;

/// List what failed for good, the latest first; start it again, or give it up.
///
/// That is of two kinds: dead items, whose attempts are used up, and dead letters, which
/// failed before they became items: the inbox refused them, or their routine could not
/// make them. The numbers of letters begin with an L. Times are those of the failure.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct DeadArgs {
    #[command(flatten)]
    list: ListArgs,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    filter: FilterArgs,
    /// Only items, or only letters.
    #[arg(long, value_enum)]
    only: Option<Kind>,
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,
    /// One JSON object a line, with everything.
    #[arg(long)]
    json: bool,
}

/// One of the two kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    Items,
    Letters,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Items wait again; what letters were about is offered to the inbox again.
    Retry(RetryArgs),
    /// Items go to the history; letters are deleted.
    Drop(DropArgs),
}

#[derive(Debug, clap::Args)]
struct RetryArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    selection: Selection,
    /// With --all: only items, or only letters.
    #[arg(long, value_enum, requires = "all")]
    only: Option<Kind>,
}

#[derive(Debug, clap::Args)]
struct DropArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    selection: Selection,
    /// With --all: only items, or only letters.
    #[arg(long, value_enum, requires = "all")]
    only: Option<Kind>,
    /// Why, for those who find the items in the history.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Runs it. The exit status is 1 if something named could not be done.
///
/// # Errors
///
/// Of the settings or the database, or if what is asked for makes no sense.
pub fn run(args: &DeadArgs) -> anyhow::Result<ExitCode> {
    let order = |deed, reason| Order { deed, default: &[State::Dead], possible: &[State::Dead], reason };
    runtime()?.block_on(async {
        match &args.action {
            None => list(&args.list).await,
            Some(Action::Retry(args)) => {
                let session = args.config.connect().await?;
                act(&session, order(Deed::Retry, None), &args.selection, args.only).await
            }
            Some(Action::Drop(args)) => {
                let session = args.config.connect().await?;
                let order = order(Deed::Drop, args.reason.as_deref());
                act(&session, order, &args.selection, args.only).await
            }
        }
    })
}

/// Something which failed for good.
#[derive(Debug, Serialize)]
#[serde(tag = "dead", rename_all = "lowercase")]
enum Dead {
    Item(Box<Item>),
    Letter(Box<Letter>),
}

impl Dead {
    fn at(&self) -> Timestamp {
        match self {
            Self::Item(item) => item.finished_at.unwrap_or(item.created_at),
            Self::Letter(letter) => letter.at,
        }
    }

    fn cells(&self, now: Timestamp) -> [String; 8] {
        let short =
            |text: &Option<String>, max| harmless::short_line(text.as_deref().unwrap_or_default(), max);
        let at = from_now(now, self.at());
        match self {
            Self::Item(item) => [
                "item".to_owned(),
                item.id.to_string(),
                at,
                harmless::short_line(&item.queue, TITLE_CHARS),
                harmless::short_line(&item.routine, TITLE_CHARS),
                format!("{}/{}", item.attempt, item.attempts_max),
                short(&item.error, ERROR_CHARS),
                harmless::short_line(&item.title, TITLE_CHARS),
            ],
            Self::Letter(letter) => [
                letter.kind.clone(),
                format!("L{}", letter.id),
                at,
                short(&letter.queue, TITLE_CHARS),
                short(&letter.routine, TITLE_CHARS),
                String::new(),
                harmless::short_line(&letter.message, ERROR_CHARS),
                short(&letter.title, TITLE_CHARS),
            ],
        }
    }
}

const HEADINGS: [&str; 8] = ["kind", "id", "died", "queue", "routine", "attempt", "error", "title"];

async fn list(args: &ListArgs) -> anyhow::Result<ExitCode> {
    let session = args.config.connect().await?;
    items::prepare(&session).await.map_err(of_schema)?;
    let now = schedules::now(&session).await.map_err(of_schema)?;
    let detail = if args.json { Detail::Whole } else { Detail::Line };
    let dead = dead(&session, &args.filter.at(now), args, detail).await?;
    if args.json {
        say(&lines::json(&dead)?)?;
    } else if dead.is_empty() {
        say("nothing is dead\n")?;
    } else {
        let rows: Vec<_> = dead.iter().map(|dead| dead.cells(now)).collect();
        say(&table(HEADINGS, &rows))?;
        if dead.len() >= args.limit as usize {
            eprintln!("note: these are the latest {}; --limit shows more", args.limit);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Both kinds together, the latest first.
async fn dead(
    session: &Session,
    filter: &Filter,
    args: &ListArgs,
    detail: Detail,
) -> anyhow::Result<Vec<Dead>> {
    let limit = i64::from(args.limit);
    let mut dead = Vec::new();
    if args.only != Some(Kind::Letters) {
        let items = items::dead_items(session, filter, detail, limit).await.map_err(of_schema)?;
        dead.extend(items.into_iter().map(|item| Dead::Item(Box::new(item))));
    }
    if args.only != Some(Kind::Items) {
        let letters = items::letters(session, filter, detail, None, limit).await.map_err(of_schema)?;
        dead.extend(letters.into_iter().map(|letter| Dead::Letter(Box::new(letter))));
    }
    dead.sort_by_key(|dead| Reverse(dead.at()));
    dead.truncate(args.limit as usize);
    Ok(dead)
}

/// Does something about what is named, or about all which fits.
async fn act(
    session: &Session,
    order: Order<'_>,
    selection: &Selection,
    only: Option<Kind>,
) -> anyhow::Result<ExitCode> {
    selection.check(false)?;
    items::prepare(session).await.map_err(of_schema)?;
    let mut all_done = true;
    if selection.all {
        if only != Some(Kind::Letters) {
            all_done &= order.run(session, selection, &[], Reach::Inbox).await?;
        }
        if only != Some(Kind::Items) {
            all_done &= letters::all(session, order.deed, selection).await?;
        }
    }
    for target in &selection.targets {
        all_done &= match *target {
            Target::Item(id) => order.one(session, id).await?,
            Target::Letter(id) => letters::one(session, order.deed, id).await?,
        };
    }
    Ok(if all_done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
