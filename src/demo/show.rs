//! What the demo prints: events as they are written, items as they are seen,
//! and the summary.
//!
//! The events come from the task which writes them and the items from the task
//! which watches the inbox; an item may overtake the news of its event, and
//! then waits for it here. One which waits too long comes from an event of
//! somebody else, a spectator with psql perhaps: the demo did not time that one
//! and says so.

use crate::pg::demo::{self as sql, DemoItem, InboxCounts, Totals};
use crate::pg::error::PgError;
use crate::pg::session::Session;
use jiff::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// An item which waited so long for the news of its event comes from an event
/// of somebody else.
const STRANGER_AFTER: Duration = Duration::from_millis(500);
/// How many events are remembered for their items: minutes of them at the
/// highest rate, so that a demo left alone does not grow.
const EVENTS_MAX: usize = 100_000;
/// How many latencies are kept, the last ones.
const LATENCIES_MAX: usize = 100_000;
/// More lines a second nobody reads; the rest is counted.
const LINES_PER_SECOND_MAX: u32 = 40;
/// Titles are cut to so many characters, to fit on a line.
const TITLE_MAX: usize = 60;

/// How a piece of text looks, where there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Less important.
    Dim,
    /// More important.
    Bold,
    /// Something came in.
    Blue,
    /// Something was done.
    Green,
    /// Whose it is.
    Yellow,
}

impl Style {
    /// The code of the terminal ("select graphic rendition").
    fn code(self) -> &'static str {
        match self {
            Self::Dim => "2",
            Self::Bold => "1",
            Self::Blue => "34",
            Self::Green => "32",
            Self::Yellow => "33",
        }
    }
}

/// Whether colours are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ink {
    Coloured,
    Plain,
}

/// Standard output, with colours if it is a terminal.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    ink: Ink,
}

impl Screen {
    /// Finds out what standard output is; `NO_COLOR` turns colours off.
    #[must_use]
    pub fn of_stdout() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let coloured = wanted && std::io::stdout().is_terminal();
        Self { ink: if coloured { Ink::Coloured } else { Ink::Plain } }
    }

    /// Prints a line. A reader who went away is no reason to fail: the demo
    /// still has to tidy up.
    pub fn line(self, text: &str) {
        let _ = writeln!(std::io::stdout().lock(), "{text}");
    }

    /// The text in a style.
    #[must_use]
    pub fn paint(self, style: Style, text: &str) -> String {
        match self.ink {
            Ink::Coloured => format!("\u{1b}[{}m{text}\u{1b}[0m", style.code()),
            Ink::Plain => text.to_owned(),
        }
    }

    /// A line of the introduction or the summary: a word, and what there is to
    /// say of it.
    pub fn fact(self, name: &str, text: &str) {
        self.line(&format!("  {} {text}", self.paint(Style::Bold, &format!("{name:<11}"))));
    }
}

/// An event which was written.
#[derive(Clone, Debug)]
pub struct Written {
    /// Its number in the log.
    pub seq: i64,
    /// Just before the insert began.
    pub began: Instant,
    /// Its type.
    pub kind: &'static str,
    /// What it happened to.
    pub subject: String,
    /// What happened, for people.
    pub told: String,
}

/// An item which was seen in the inbox.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The item.
    pub item: DemoItem,
    /// When the look which found it was answered.
    pub at: Instant,
}

/// What there is to show.
#[derive(Clone, Debug)]
pub enum Happening {
    /// An event came in.
    Written(Written),
    /// An item came out.
    Seen(Seen),
    /// Now and then: how full the inbox is.
    Inbox(InboxCounts),
}

/// What only the spectator knows: how long things took.
#[derive(Clone, Debug, Default)]
pub struct Scores {
    latencies: VecDeque<Duration>,
}

impl Scores {
    fn add(&mut self, latency: Duration) {
        if self.latencies.len() == LATENCIES_MAX {
            self.latencies.pop_front();
        }
        self.latencies.push_back(latency);
    }
}

/// What is known of the time an item took.
#[derive(Clone, Copy, Debug)]
enum Timing {
    /// From just before the insert of its event to its being seen.
    Measured(Duration),
    /// An event of somebody else, in milliseconds of the server's clock.
    Stranger(Option<f64>),
    /// A tick, and how many milliseconds after it the item was put into the
    /// inbox, by the server's clock.
    Tick(Timestamp, f64),
}

impl Timing {
    fn describe(self) -> String {
        match self {
            Self::Measured(latency) => format!("({})", millis(latency)),
            Self::Stranger(Some(ms)) => format!("(somebody else's event; {ms:.1} ms by the server's clock)"),
            Self::Stranger(None) => "(somebody else's event)".to_owned(),
            Self::Tick(tick, ms) => format!("(tick {}, {ms:.1} ms after it)", tick.strftime("%H:%M:%SZ")),
        }
    }
}

/// The show.
pub struct Show {
    screen: Screen,
    session: Session,
    written: BTreeMap<i64, Instant>,
    early: Vec<Seen>,
    scores: Scores,
    lines: Lines,
}

impl Show {
    /// A show on a screen; the session is for looking up events of others.
    #[must_use]
    pub fn new(screen: Screen, session: Session) -> Self {
        Self {
            screen,
            session,
            written: BTreeMap::new(),
            early: Vec::new(),
            scores: Scores::default(),
            lines: Lines::new(screen),
        }
    }

    /// Shows what happens until nobody is left to tell.
    ///
    /// # Errors
    ///
    /// Of the database.
    pub async fn run(mut self, mut happenings: mpsc::Receiver<Happening>) -> Result<Scores, PgError> {
        loop {
            tokio::select! {
                happening = happenings.recv() => match happening {
                    Some(happening) => self.take(happening),
                    None => break,
                },
                () = tokio::time::sleep(STRANGER_AFTER), if !self.early.is_empty() => {}
            }
            self.show_strangers(STRANGER_AFTER).await?;
        }
        self.show_strangers(Duration::ZERO).await?;
        self.lines.end();
        Ok(self.scores)
    }

    fn take(&mut self, happening: Happening) {
        match happening {
            Happening::Written(event) => self.event(event),
            Happening::Seen(seen) => self.seen(seen),
            Happening::Inbox(counts) => {
                let text = format!("   inbox: {}", describe_inbox(counts));
                self.lines.line(&self.screen.paint(Style::Dim, &text));
            }
        }
    }

    fn event(&mut self, event: Written) {
        let kind = format!("{:<17}", event.kind);
        let rest = format!("{:<16}  {}", event.subject, event.told);
        let text = if event.kind == "page.viewed" {
            // Noise: no routine listens to it.
            self.screen.paint(Style::Dim, &format!("→ {kind} {rest}"))
        } else {
            format!("{} {rest}", self.screen.paint(Style::Blue, &format!("→ {kind}")))
        };
        self.lines.line(&text);
        self.written.insert(event.seq, event.began);
        if self.written.len() > EVENTS_MAX {
            self.written.pop_first();
        }
        let (mine, early) = std::mem::take(&mut self.early)
            .into_iter()
            .partition::<Vec<_>, _>(|seen| seen.item.event_seq == Some(event.seq));
        self.early = early;
        for seen in mine {
            self.seen(seen);
        }
    }

    fn seen(&mut self, seen: Seen) {
        if let Some(tick) = seen.item.tick {
            let late = seen.item.created_at.as_microsecond() - tick.as_microsecond();
            self.item(&seen.item, Timing::Tick(tick, late as f64 / 1000.0));
            return;
        }
        let began = seen.item.event_seq.and_then(|seq| self.written.get(&seq).copied());
        match began {
            Some(began) => {
                let latency = seen.at.saturating_duration_since(began);
                self.scores.add(latency);
                self.item(&seen.item, Timing::Measured(latency));
            }
            None => self.early.push(seen),
        }
    }

    /// Shows the items which have waited for the news of their event in vain.
    async fn show_strangers(&mut self, after: Duration) -> Result<(), PgError> {
        if self.early.is_empty() {
            return Ok(());
        }
        let (strangers, early) = std::mem::take(&mut self.early)
            .into_iter()
            .partition::<Vec<_>, _>(|seen| seen.at.elapsed() >= after);
        self.early = early;
        for seen in strangers {
            let ms = sql::since_event_ms(&self.session, seen.item.id).await?;
            self.item(&seen.item, Timing::Stranger(ms));
        }
        Ok(())
    }

    fn item(&mut self, item: &DemoItem, timing: Timing) {
        let text = format!(
            "   {} {} {:<22} {}  {}",
            self.screen.paint(Style::Green, "✓"),
            self.screen.paint(Style::Yellow, &format!("{:<16}", item.queue)),
            item.routine,
            for_one_line(&item.title, TITLE_MAX),
            self.screen.paint(Style::Dim, &timing.describe()),
        );
        self.lines.line(&text);
    }
}

/// Lines, no more of them than can be read.
#[derive(Debug)]
struct Lines {
    screen: Screen,
    since: Instant,
    shown: u32,
    hidden: u32,
}

impl Lines {
    fn new(screen: Screen) -> Self {
        Self { screen, since: Instant::now(), shown: 0, hidden: 0 }
    }

    fn line(&mut self, text: &str) {
        if self.since.elapsed() >= Duration::from_secs(1) {
            self.end();
            self.since = Instant::now();
            self.shown = 0;
        }
        if self.shown < LINES_PER_SECOND_MAX {
            self.shown += 1;
            self.screen.line(text);
        } else {
            self.hidden += 1;
        }
    }

    /// Owns up to what was left out.
    fn end(&mut self) {
        if self.hidden > 0 {
            let text = format!("   … and {} more lines", self.hidden);
            self.screen.line(&self.screen.paint(Style::Dim, &text));
            self.hidden = 0;
        }
    }
}

/// Prints the summary.
pub fn summary(screen: Screen, totals: &Totals, scores: &Scores, lasted: Duration) {
    let items: i64 = totals.items.iter().map(|(_, count)| count).sum();
    screen.line("");
    screen.line(&screen.paint(Style::Bold, &format!("Summary of {:.1} s", lasted.as_secs_f64())));
    screen.fact("events", &totals.events.to_string());
    screen.fact("items", &items.to_string());
    for (routine, count) in &totals.items {
        screen.fact("", &format!("{count:>6}  {routine}"));
    }
    screen.fact("latency", &describe_latencies(scores));
    screen.fact("inbox", &describe_inbox(totals.inbox));
    let (refused, doubled) = (totals.duplicates, totals.doubled);
    screen.fact("duplicates", &format!("{refused} held back, {doubled} in the inbox twice"));
    screen.fact("dead", &format!("{} dead letters", totals.dead_letters));
}

fn describe_latencies(scores: &Scores) -> String {
    let mut sorted: Vec<Duration> = scores.latencies.iter().copied().collect();
    sorted.sort_unstable();
    match (percentile(&sorted, 50), percentile(&sorted, 99)) {
        (Some(half), Some(most)) => format!(
            "p50 {}, p99 {}, over {} items: from just before the insert to seeing the item",
            millis(half),
            millis(most),
            sorted.len()
        ),
        _ => "none measured: no item came of an event".to_owned(),
    }
}

fn describe_inbox(counts: InboxCounts) -> String {
    let mut text = format!("{} waiting, {} leased, {} done", counts.waiting, counts.leased, counts.done);
    if counts.dead > 0 {
        text.push_str(&format!(", {} dead", counts.dead));
    }
    text
}

fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
}

/// The least value which so many percent of the values do not exceed ("nearest
/// rank"): always one of the values. None if there are none.
fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

/// The text on one line and not too long; what would move the cursor becomes a
/// space, for titles are made of data.
fn for_one_line(text: &str, max: usize) -> String {
    let mut line: String =
        text.chars().take(max).map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    if text.chars().nth(max).is_some() {
        line.pop();
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let sorted: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&sorted, 50), Some(Duration::from_millis(100)));
        assert_eq!(percentile(&sorted, 99), Some(Duration::from_millis(198)));
        assert_eq!(percentile(&sorted, 100), Some(Duration::from_millis(200)));
        assert_eq!(percentile(&sorted[..1], 99), Some(Duration::from_millis(1)));
        assert_eq!(percentile(&sorted[..3], 50), Some(Duration::from_millis(2)));
        assert_eq!(percentile(&[], 50), None);
    }

    #[test]
    fn only_the_last_latencies_are_kept() {
        let mut scores = Scores::default();
        for n in 0..=LATENCIES_MAX {
            scores.add(Duration::from_micros(n as u64));
        }
        assert_eq!(scores.latencies.len(), LATENCIES_MAX);
        assert_eq!(scores.latencies.front(), Some(&Duration::from_micros(1)));
    }

    #[test]
    fn a_title_stays_on_its_line() {
        assert_eq!(for_one_line("short", 5), "short");
        assert_eq!(for_one_line("longer", 5), "long…");
        assert_eq!(for_one_line("a\u{1b}[2J\nb", 60), "a [2J b");
    }

    #[test]
    fn without_colours_the_text_is_as_it_was() {
        assert_eq!(Screen { ink: Ink::Plain }.paint(Style::Green, "✓"), "✓");
        assert_eq!(Screen { ink: Ink::Coloured }.paint(Style::Green, "✓"), "\u{1b}[32m✓\u{1b}[0m");
    }
}
