//! What the gates behind debounce and batch say of a draft: hours, dedup,
//! supersede, limit, overlap.

use super::clock::{SEARCH, is_open, later, next_open, slot, zone};
use super::entry::{Draft, Entry, Status, Waits};
use super::model::{COLLECTED_MAX, Model};
use super::room::Room;
use super::spec::{Conflict, Dedup, Excess, Flow, Hours, Outside, Overlap, Source, Window};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The most drafts which wait for one item.
const QUEUED_MAX: usize = 100;

/// What is said of a draft.
#[derive(Debug)]
pub enum Verdict {
    /// It comes to nothing.
    No { ruling: &'static str, gate: &'static str, met: Vec<i64> },
    /// It goes into one which is there.
    Into { owner: usize, ruling: &'static str },
    /// It comes to be, or is held.
    Yes(Passage),
}

/// How a draft comes to be.
#[derive(Debug)]
pub struct Passage {
    /// When it is due.
    pub due: Timestamp,
    /// The gates which hold it.
    pub gates: Vec<&'static str>,
    /// What else it waits for.
    pub waits: Waits,
    /// Those which give way to it.
    pub victims: Vec<usize>,
}

/// What dedup says.
enum Same {
    /// There is none.
    No,
    /// There is one with a worker: it follows.
    Follows,
    /// There is one, and this is the end of it.
    Verdict(Verdict),
}

impl Model {
    /// What the gates say of a draft; its place, if it was held until now.
    pub fn verdict(&self, place: Option<usize>, draft: &Draft, now: Timestamp) -> Verdict {
        let flow = &self.flows[draft.routine];
        let hours = asked_hours(flow, draft);
        let Some(wanted) = first_open(hours.as_ref(), now) else {
            return no("outside_hours", "hours");
        };
        let mut gates = if wanted > now { vec!["hours"] } else { vec![] };
        let mut waits = Waits::default();
        match self.dedup(place, draft, wanted) {
            Same::No => {}
            Same::Follows => waits.open = true,
            Same::Verdict(verdict) => return verdict,
        }
        let victims = self.victims(place, draft);
        let Some(due) = self.limits(draft, hours.as_ref(), wanted, now) else {
            return no("limited", "limit");
        };
        if due > wanted {
            gates.push("limit");
            if let Some(met) = self.moved_into(place, draft, wanted, due) {
                return Verdict::No { ruling: "duplicate", gate: "dedup", met: vec![met] };
            }
        }
        let before = |entry: &Entry| entry.status.is_open() && entry.draft.routine == draft.routine;
        let open = self.others(place).filter(|(other, entry)| !victims.contains(other) && before(entry));
        let open = open.map(|(_, entry)| entry.id).collect::<Vec<_>>();
        let waits_already = |entry: &&Entry| {
            entry.draft.routine == draft.routine && matches!(entry.status, Status::Queued(_))
        };
        let queued = self.entries.iter().filter(waits_already).count();
        match flow.overlap {
            Overlap::Skip if !open.is_empty() => {
                return Verdict::No { ruling: "overlap", gate: "overlap", met: open };
            }
            Overlap::Queue if !open.is_empty() && queued >= QUEUED_MAX => {
                return Verdict::No { ruling: "overlap", gate: "overlap", met: open };
            }
            Overlap::Queue => waits.overlap = !open.is_empty(),
            Overlap::Allow | Overlap::Skip => {}
        }
        gates.extend(waits.open.then_some("dedup"));
        gates.extend(waits.overlap.then_some("overlap"));
        Verdict::Yes(Passage { due, gates, waits, victims })
    }

    fn others(&self, place: Option<usize>) -> impl Iterator<Item = (usize, &Entry)> {
        self.entries.iter().enumerate().filter(move |(other, _)| Some(*other) != place)
    }

    /// All which have taken the dedup key at the time `due`.
    fn owners(&self, place: Option<usize>, draft: &Draft, dedup: &Dedup, due: Timestamp) -> Vec<usize> {
        let has = |entry: &Entry| match dedup.window {
            Window::Forever => entry.passed,
            Window::WhileOpen => entry.passed && entry.status.is_open(),
            Window::Sliding(minutes) => entry.passed && later(entry.due, minutes) > due,
            Window::Calendar(period, tz) => {
                entry.passed && slot(period, &zone(tz), entry.due) == slot(period, &zone(tz), due)
            }
        };
        let same = |entry: &Entry| self.has_same_dedup_key(&entry.draft, draft) && has(entry);
        let mut owners: Vec<usize> =
            self.others(place).filter(|(_, entry)| same(entry)).map(|(other, _)| other).collect();
        // A window which slides belongs to whoever took the key last, which is who is due
        // last: another one takes it only when the one before has let go of it.
        if matches!(dedup.window, Window::Sliding(_)) {
            owners.sort_by_key(|owner| std::cmp::Reverse(self.entries[*owner].due));
        }
        owners
    }

    fn dedup(&self, place: Option<usize>, draft: &Draft, due: Timestamp) -> Same {
        let Some(dedup) = &self.flows[draft.routine].dedup else { return Same::No };
        let owners = self.owners(place, draft, dedup, due);
        if owners.is_empty() {
            return Same::No;
        }
        let find = |is: &dyn Fn(Status) -> bool| {
            owners.iter().copied().find(|owner| is(self.entries[*owner].status))
        };
        let ids = owners.iter().map(|owner| self.entries[*owner].id).collect::<Vec<_>>();
        let duplicate = |met| Same::Verdict(Verdict::No { ruling: "duplicate", gate: "dedup", met });
        let held = find(&Status::is_accepted);
        let waiting = held.or(find(&|status: Status| status == Status::Waiting));
        let is_running = find(&|status: Status| status == Status::Running).is_some();
        let follows = waiting.is_none() && is_running && dedup.window == Window::WhileOpen;
        match (dedup.conflict, waiting) {
            (Conflict::Skip, _) => duplicate(ids),
            (_, None) if follows => Same::Follows,
            (Conflict::FollowUp, _) | (_, None) => duplicate(ids),
            (Conflict::Replace, Some(owner)) if draft.seq < self.entries[owner].draft.seq => {
                duplicate(vec![self.entries[owner].id])
            }
            (Conflict::Replace, Some(owner)) => Same::Verdict(Verdict::Into { owner, ruling: "replaced" }),
            (Conflict::Append, Some(owner)) => {
                let entry = &self.entries[owner];
                let is_full = entry.draft.contexts.len() + draft.contexts.len() > COLLECTED_MAX;
                if is_full {
                    return duplicate(vec![entry.id]);
                }
                Same::Verdict(Verdict::Into { owner, ruling: "merged" })
            }
        }
    }

    /// What is met in another slot of the calendar, into which a limit moved the
    /// draft.
    fn moved_into(
        &self,
        place: Option<usize>,
        draft: &Draft,
        wanted: Timestamp,
        due: Timestamp,
    ) -> Option<i64> {
        let dedup = self.flows[draft.routine].dedup.as_ref()?;
        let Window::Calendar(period, tz) = dedup.window else { return None };
        let is_moved = slot(period, &zone(tz), wanted) != slot(period, &zone(tz), due);
        let owner = self.owners(place, draft, dedup, due).first().copied()?;
        is_moved.then_some(self.entries[owner].id)
    }

    /// Those which give way, if the draft comes to be.
    fn victims(&self, place: Option<usize>, draft: &Draft) -> Vec<usize> {
        let Some(key) = &self.flows[draft.routine].supersede else { return vec![] };
        let gives_way = |entry: &Entry| {
            let same = entry.draft.routine == draft.routine;
            let waits = entry.status == Status::Waiting || entry.status.is_accepted();
            same && waits && entry.draft.shape.values(key) == draft.shape.values(key)
        };
        self.others(place).filter(|(_, entry)| gives_way(entry)).map(|(other, _)| other).collect()
    }

    /// When all limits have room: now, later, or never.
    fn limits(
        &self,
        draft: &Draft,
        hours: Option<&(Hours, TimeZone)>,
        wanted: Timestamp,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let limits = &self.flows[draft.routine].limits;
        let room = |limit| Room::new(limit, draft, &self.entries, now);
        let rooms = limits.iter().map(room).collect::<Vec<_>>();
        if rooms.iter().any(|room| room.max == 0) {
            return None;
        }
        if rooms.iter().all(|room| room.fits(wanted)) {
            return Some(wanted);
        }
        let mut most = SEARCH;
        for limit in limits {
            match limit.excess {
                Excess::Drop => return None,
                Excess::Delay(Some(minutes)) => most = most.min(minutes),
                Excess::Delay(None) => {}
            }
        }
        let opens = |at: Timestamp| hours.is_none_or(|(hours, tz)| is_open(hours, tz, at));
        let fits = |at: &Timestamp| rooms.iter().all(|room| room.fits(*at)) && opens(*at);
        (0..=most).map(|minutes| later(wanted, minutes)).find(fits)
    }
}

fn no(ruling: &'static str, gate: &'static str) -> Verdict {
    Verdict::No { ruling, gate, met: vec![] }
}

/// The hours which a draft must keep, and where; none, if it is urgent.
fn asked_hours(flow: &Flow, draft: &Draft) -> Option<(Hours, TimeZone)> {
    let hours = flow.hours.clone()?;
    let is_urgent = hours.unless.is_some_and(|p| draft.shape.p >= p);
    let tz = match hours.from {
        Source::Fixed => hours.tz,
        Source::Event => draft.shape.tz.unwrap_or(hours.tz),
    };
    (!is_urgent).then(|| (hours, zone(tz)))
}

/// The first open minute from `at` on; none, if there is none or outside is out.
fn first_open(hours: Option<&(Hours, TimeZone)>, at: Timestamp) -> Option<Timestamp> {
    let Some((hours, tz)) = hours else { return Some(at) };
    match hours.outside {
        Outside::Drop => is_open(hours, tz, at).then_some(at),
        Outside::Hold => next_open(hours, tz, at),
    }
}
