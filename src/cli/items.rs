//! `hearken items`.

pub(super) mod filter;
mod follow;
pub(super) mod harmless;
pub(super) mod lines;

use super::{ConfigArgs, of_schema, runtime, say};
use crate::cli::aligned::table;
use crate::pg::items::{self, Detail, Filter, Pages, Reach, State};
use crate::pg::schedules;
use crate::pg::session::Session;
use filter::FilterArgs;
use std::process::ExitCode;

/// List items, the newest first, and follow them as they change.
///
/// Lists those in the inbox: all which are open, and those which finished a short while
/// ago; the older ones are in the history. Times are those at which items were made.
#[derive(Debug, clap::Args)]
pub struct ItemsArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    filter: FilterArgs,
    /// Those in this state: waiting, leased, failed, done, dead, cancelled, superseded or
    /// dropped; may be given several times.
    #[arg(long = "state", value_name = "STATE", value_parser = State::parse)]
    states: Vec<State>,
    /// Those with this ordering key.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Those which this worker has, or had last.
    #[arg(long, value_name = "NAME")]
    worker: Option<String>,
    /// Those in the history, too.
    #[arg(long, conflicts_with = "follow")]
    archived: bool,
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,
    /// One JSON object a line, with everything.
    #[arg(long)]
    json: bool,
    /// Go on, and print an item again whenever its state, its attempt or its progress
    /// changes; Ctrl-C ends it.
    #[arg(long)]
    follow: bool,
}

impl ItemsArgs {
    fn detail(&self) -> Detail {
        if self.json { Detail::Whole } else { Detail::Line }
    }
}

/// Runs it.
///
/// # Errors
///
/// Of the settings or the database.
pub fn run(args: &ItemsArgs) -> anyhow::Result<ExitCode> {
    runtime()?.block_on(async {
        let session = args.config.connect().await?;
        items::prepare(&session).await.map_err(of_schema)?;
        let now = schedules::now(&session).await.map_err(of_schema)?;
        let filter = Filter {
            states: args.states.clone(),
            key: args.key.clone(),
            worker: args.worker.clone(),
            ..args.filter.at(now)
        };
        if args.follow {
            return follow::follow(&session, &filter, args.detail(), args.limit).await;
        }
        list(&session, args, &filter).await
    })
}

async fn list(session: &Session, args: &ItemsArgs, filter: &Filter) -> anyhow::Result<ExitCode> {
    let now = schedules::now(session).await.map_err(of_schema)?;
    let reach = if args.archived { Reach::History } else { Reach::Inbox };
    let mut pages = Pages::new(filter, reach, args.detail(), args.limit);
    let mut rows = Vec::new();
    loop {
        let page = pages.next(session).await.map_err(of_schema)?;
        if page.is_empty() {
            break;
        }
        match args.detail() {
            Detail::Whole => say(&lines::json(&page)?)?,
            Detail::Line => rows.extend(page.iter().map(|item| lines::cells(item, now))),
        }
    }
    if args.json {
        return Ok(ExitCode::SUCCESS);
    }
    if rows.is_empty() {
        say("no items\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    say(&table(lines::HEADINGS, &rows))?;
    if rows.len() >= args.limit as usize {
        eprintln!("note: these are the newest {}; --limit shows more", args.limit);
    }
    Ok(ExitCode::SUCCESS)
}
