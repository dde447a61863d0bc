//! `hearken pause` and `hearken resume`.

use super::{ConfigArgs, of_schema, runtime, say};
use crate::pg::items;
use crate::pg::paused::{self, Acquaintance, Switched};
use crate::pg::session::Session;
use crate::rules::name::{QueueName, RoutineName};
use crate::rules::text::closest;
use std::process::ExitCode;

/// Pause a routine, or a queue.
///
/// A routine: from the next pass on its events become decisions `paused`, which are not
/// made up for. Its ticks wait: once it goes on, `missed` decides about them. Its held
/// drafts wait, and go on then. What is in the inbox stays there.
///
/// A queue: nothing is leased from it any more. What is leased goes on, and new items
/// gather there.
#[derive(Debug, clap::Args)]
pub struct PauseArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    what: What,
    /// Why, for those who find it paused.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// End the pause of a routine, or of a queue.
#[derive(Debug, clap::Args)]
pub struct ResumeArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    what: What,
}

/// What is paused.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct What {
    /// The routine.
    #[arg(value_name = "NAME", value_parser = RoutineName::parse)]
    routine: Option<RoutineName>,
    /// The queue.
    #[arg(long, value_name = "QUEUE", value_parser = QueueName::parse)]
    queue: Option<QueueName>,
}

/// Pauses it. A routine which is not known is paused all the same: it may be on
/// its way.
///
/// # Errors
///
/// Of the settings or the database.
pub fn pause(args: &PauseArgs) -> anyhow::Result<ExitCode> {
    let reason = args.reason.as_deref();
    runtime()?.block_on(async {
        let session = args.config.connect().await?;
        if let Some(queue) = &args.what.queue {
            let switched = items::pause_queue(&session, queue, reason).await.map_err(of_schema)?;
            say(&match switched {
                Switched::Now => format!(
                    "the queue `{queue}` is paused: nothing is leased from it, what is leased goes on\n\
                     `hearken resume --queue {queue}` ends it\n"
                ),
                Switched::Before => {
                    format!("the queue `{queue}` was paused before; nothing was changed\n")
                }
            })?;
        }
        if let Some(routine) = &args.what.routine {
            let switched = paused::pause(&session, routine, reason).await.map_err(of_schema)?;
            say(&match switched {
                Switched::Now => format!(
                    "`{routine}` is paused: its events become decisions, its ticks and held drafts wait\n\
                     `hearken resume {routine}` ends it\n"
                ),
                Switched::Before => format!("`{routine}` was paused before; nothing was changed\n"),
            })?;
            warn_of_stranger(&session, routine).await;
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Resumes it.
///
/// # Errors
///
/// Of the settings or the database.
pub fn resume(args: &ResumeArgs) -> anyhow::Result<ExitCode> {
    runtime()?.block_on(async {
        let session = args.config.connect().await?;
        if let Some(queue) = &args.what.queue {
            let switched = items::resume_queue(&session, queue).await.map_err(of_schema)?;
            say(&match switched {
                Switched::Now => format!("the queue `{queue}` goes on\n"),
                Switched::Before => format!("the queue `{queue}` was not paused\n"),
            })?;
        }
        if let Some(routine) = &args.what.routine {
            match paused::resume(&session, routine).await.map_err(of_schema)? {
                Switched::Now => {
                    say(&format!("`{routine}` goes on; `missed` decides about the ticks of the pause\n"))?;
                }
                Switched::Before => {
                    say(&format!("`{routine}` was not paused\n"))?;
                    warn_of_stranger(&session, routine).await;
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Says so if the name is none of a routine, since it may be mistyped. That is advice
/// on what is done already: whoever may pause need not be allowed to see which
/// routines there are, and then hears nothing.
async fn warn_of_stranger(session: &Session, routine: &RoutineName) {
    let Ok(known) = paused::acquaintance(session, routine).await else { return };
    match known {
        Acquaintance::InForce => {}
        Acquaintance::Former => {
            eprintln!("note: `{routine}` is not in force at present; it was before");
        }
        Acquaintance::Unknown => {
            let names = paused::names_in_force(session).await.unwrap_or_default();
            let near = closest(routine.as_str(), names.iter().map(String::as_str));
            let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            eprintln!("warning: no routine called `{routine}` was ever in force{near}");
        }
    }
}
