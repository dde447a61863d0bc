//! The report for people: a few lines on the whole, and a table for each kind of
//! thing that waits.

use super::{NextTick, Report, SCHEDULES_MAX, Ticks};
use crate::cli::aligned::{from_now, table};
use crate::pg::items::QueueState;
use crate::pg::overview::{Daemon, HeldCount, Letters, LogState, OpenItems, Overview, Pause};
use jiff::Timestamp;
use std::fmt::Write;

/// The report.
pub(super) fn of(report: &Report) -> String {
    let overview = &report.overview;
    let mut text = summary(overview);
    for part in
        [paused(overview), queues(report), items(overview), held(overview), letters(overview), ticks(report)]
    {
        if !part.is_empty() {
            text.push('\n');
            text.push_str(&part);
        }
    }
    text
}

/// Who leads, what is in force, how far the log has been read.
fn summary(overview: &Overview) -> String {
    let now = overview.now;
    let mut text = String::new();
    let mut line = |what: &str, value: String| {
        // Writing to a String does not fail.
        let _ = writeln!(text, "{what:<9} {value}");
    };
    let leader = overview.daemons.iter().find(|daemon| daemon.state == "leader");
    match leader.filter(|_| overview.led) {
        Some(leader) => line("leader", daemon(leader, overview)),
        None if overview.led => line("leader", "a daemon which is about to begin".to_owned()),
        None => line("leader", "none: nothing is read, no tick is run".to_owned()),
    }
    for standby in overview.daemons.iter().filter(|daemon| daemon.state == "standby") {
        line("standby", daemon(standby, overview));
    }
    match &overview.set {
        Some(set) => {
            let (count, since, hash) = (set.routines, shown(set.since), short(&set.hash));
            line("routines", format!("{count} in force since {since}, set {hash}"));
        }
        None => line("routines", "none were ever in force".to_owned()),
    }
    line("log", log(&overview.log, now));
    for source in &overview.sources {
        let stands = match (source.failed_at, &source.error) {
            (Some(at), Some(why)) => format!("cannot be used since {}: {why}", shown(at)),
            _ => "in use".to_owned(),
        };
        line("source", format!("{} ({}), {stands}", source.name, source.relation));
    }
    text
}

/// A daemon, and whether it has other routines than those in force.
fn daemon(daemon: &Daemon, overview: &Overview) -> String {
    let other = match (&daemon.routines, &overview.set) {
        (Some(own), Some(set)) if *own != set.hash => format!(", with another set {}", short(own)),
        _ => String::new(),
    };
    format!("{}, reported {}{other}", daemon.instance, from_now(overview.now, daemon.seen_at))
}

fn log(log: &LogState, now: Timestamp) -> String {
    let read = match log.read_at {
        Some(at) => format!("last read {}", from_now(now, at)),
        None => return "never read".to_owned(),
    };
    let more = if log.more { "more than " } else { "" };
    match (log.behind, log.since) {
        (None, _) => format!("far behind: how far could not be found out in time; {read}"),
        (Some(0), _) => format!("read to its end; {read}"),
        (Some(count), None) => format!("{more}{count} events to be read; {read}"),
        (Some(count), Some(since)) => {
            format!("{more}{count} events to be read, the oldest written {}; {read}", from_now(now, since))
        }
    }
}

fn paused(overview: &Overview) -> String {
    let row = |pause: &Pause| {
        [
            pause.routine.clone(),
            shown(pause.since),
            pause.paused_by.clone(),
            pause.reason.clone().unwrap_or_default(),
        ]
    };
    let rows: Vec<_> = overview.paused.iter().map(row).collect();
    section("no routine is paused", ["paused routine", "since", "by", "reason"], Some(rows.as_slice()))
}

/// The queues which are paused or have a policy; nothing, if there are none.
fn queues(report: &Report) -> String {
    let row = |state: &QueueState| {
        let paused = state.paused_since.map_or_else(String::new, |since| {
            let by = state.paused_by.as_deref().unwrap_or("?");
            let reason = state.pause_reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            format!("since {} by {by}{reason}", shown(since))
        });
        [state.queue.clone(), paused, state.policy.clone()]
    };
    // A row which is left over from a pause says nothing.
    let speaks = |state: &&QueueState| state.paused_since.is_some() || !state.policy.is_empty();
    let rows: Vec<_> = report.queues.iter().filter(speaks).map(row).collect();
    if rows.is_empty() { String::new() } else { table(["queue", "paused", "policy"], &rows) }
}

fn items(overview: &Overview) -> String {
    let rows = overview.items.as_ref().map(|items| {
        let row = |item: &OpenItems| {
            let due = item.due_at.map(|at| from_now(overview.now, at)).unwrap_or_default();
            [item.queue.clone(), item.state.clone(), item.count.to_string(), due]
        };
        items.iter().map(row).collect::<Vec<_>>()
    });
    section("no item is open", ["queue", "open items", "count", "first due"], rows.as_deref())
}

fn held(overview: &Overview) -> String {
    let rows = overview.held.as_ref().map(|held| {
        let row = |held: &HeldCount| {
            let due = match held.next_due_at {
                _ if held.paused => "paused".to_owned(),
                None => "in its turn".to_owned(),
                Some(at) => format!("{} ({})", shown(at), from_now(overview.now, at)),
            };
            [held.routine.clone(), held.gate.clone(), held.phase.clone(), held.count.to_string(), due]
        };
        held.iter().map(row).collect::<Vec<_>>()
    });
    section("nothing is held", ["routine", "held by", "phase", "count", "next due"], rows.as_deref())
}

fn letters(overview: &Overview) -> String {
    let rows = overview.dead_letters.as_ref().map(|letters| {
        let row = |letters: &Letters| {
            let newest = letters.newest.map(|at| from_now(overview.now, at)).unwrap_or_default();
            [letters.kind.clone(), letters.count.to_string(), newest]
        };
        letters.iter().map(row).collect::<Vec<_>>()
    });
    section("no dead letters", ["dead letters", "count", "newest"], rows.as_deref())
}

fn ticks(report: &Report) -> String {
    let ticks = match &report.ticks {
        Ticks::Known(ticks) => ticks,
        Ticks::TooMany => {
            return format!(
                "next ticks: not worked out for more than {SCHEDULES_MAX} schedules; `hearken next ROUTINE` lists \
                 those of a file\n"
            );
        }
        Ticks::NotInTime => return "next ticks: the schedules could not be read in time\n".to_owned(),
    };
    let now = report.overview.now;
    let row = |tick: &NextTick| [tick.routine.clone(), tick.local.clone(), from_now(now, tick.tick)];
    let rows: Vec<_> = ticks.iter().map(row).collect();
    section("no tick is to come", ["next ticks", "at", ""], Some(rows.as_slice()))
}

/// A table, or what is said in its place.
fn section<const N: usize>(none: &str, headings: [&str; N], rows: Option<&[[String; N]]>) -> String {
    match rows {
        None => format!("{}: too many to be counted in time\n", headings.join(", ")),
        Some([]) => format!("{none}\n"),
        Some(rows) => table(headings, rows),
    }
}

/// A time, to the second.
fn shown(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The first digits of a hash.
fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

#[cfg(test)]
mod tests;
