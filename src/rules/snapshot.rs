//! How far a log has been read, without a clock and without a gap.
//!
//! PostgreSQL gives rows their numbers in one order and commits them in another,
//! so "greater than the last number" skips what commits late. A *snapshot* says
//! exactly which transactions are visible. Between two snapshots, `old` and
//! `new`, the news are the transactions which `new` sees and `old` did not: no
//! row is skipped, none is met twice, and an open transaction holds back its own
//! rows and nobody else's. (The idea is PgQ's; the functions are described in
//! the PostgreSQL manual, section "Transaction ID and Snapshot Information".)
//!
//! A *step* is the way from `old` to `new`. It may take several pages; inside a
//! step the position is `(xid, seq)`, the order of the log's index.

use std::fmt;

/// A transaction id with its epoch: `xid8` of PostgreSQL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Xid(pub u64);

/// `pg_snapshot`: which transactions are visible.
///
/// Those below `xmin` are; those from `xmax` on are not; between them, those not
/// listed as in progress are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    xmin: Xid,
    xmax: Xid,
    in_progress: Vec<Xid>,
}

/// Why three values are no snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a snapshot: ids must ascend and lie between xmin and xmax")]
pub struct SnapshotError;

impl Snapshot {
    /// The snapshot in which nothing is visible: where a log begins.
    #[must_use]
    pub fn nothing() -> Self {
        Self { xmin: Xid(1), xmax: Xid(1), in_progress: Vec::new() }
    }

    /// The snapshot in which everything is visible. Only for rows whose ids come
    /// from another cluster, see [`Position::after_restore`].
    #[must_use]
    pub fn everything() -> Self {
        Self { xmin: Xid(i64::MAX as u64), xmax: Xid(i64::MAX as u64), in_progress: Vec::new() }
    }

    /// A snapshot of its parts.
    ///
    /// # Errors
    ///
    /// If `xmin > xmax`, or the list does not ascend strictly within them.
    pub fn new(xmin: Xid, xmax: Xid, in_progress: Vec<Xid>) -> Result<Self, SnapshotError> {
        let ascends = in_progress.windows(2).all(|pair| pair[0] < pair[1]);
        let within = in_progress.iter().all(|xid| xmin <= *xid && *xid < xmax);
        if xmin.0 == 0 || xmin > xmax || !ascends || !within {
            return Err(SnapshotError);
        }
        Ok(Self { xmin, xmax, in_progress })
    }

    /// The first id which is in progress or not yet given out.
    #[must_use]
    pub fn xmin(&self) -> Xid {
        self.xmin
    }

    /// The first id which was not yet given out.
    #[must_use]
    pub fn xmax(&self) -> Xid {
        self.xmax
    }

    /// The ids between the two which are in progress, ascending.
    #[must_use]
    pub fn in_progress(&self) -> &[Xid] {
        &self.in_progress
    }

    /// Whether the rows of a transaction are visible, as `pg_visible_in_snapshot`.
    #[must_use]
    pub fn sees(&self, xid: Xid) -> bool {
        xid < self.xmin || (xid < self.xmax && self.in_progress.binary_search(&xid).is_err())
    }

    /// The same snapshot, with one more transaction in progress.
    ///
    /// `pg_current_snapshot()` does not list the transaction which asks. Rows
    /// which it writes afterwards would count as seen, though nobody read them.
    #[must_use]
    pub fn without(mut self, own: Xid) -> Self {
        if own >= self.xmax {
            return self;
        }
        if let Err(place) = self.in_progress.binary_search(&own) {
            self.in_progress.insert(place, own);
            self.xmin = self.xmin.min(own);
        }
        self
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:", self.xmin.0, self.xmax.0)?;
        for (i, xid) in self.in_progress.iter().enumerate() {
            write!(f, "{}{}", if i == 0 { "" } else { "," }, xid.0)?;
        }
        Ok(())
    }
}

/// A row of the log in its index's order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowPlace {
    /// The transaction which wrote it.
    pub xid: Xid,
    /// Its number.
    pub seq: i64,
}

/// Whether a page was the last one of its step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageEnd {
    /// There was nothing more to read.
    Last,
    /// The page was full: there may be more.
    Full,
}

/// How far a log has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Everything visible here is done.
    pub old: Snapshot,
    /// The step being worked through; none between steps.
    pub new: Option<Snapshot>,
    /// Within the step, everything up to here is done.
    pub done: RowPlace,
    /// Rows up to this `seq` are done for good.
    pub seq_min: i64,
    /// While the backlog of a restore is worked off: rows beyond it wait.
    pub seq_max: Option<i64>,
}

impl Position {
    /// Before the first row.
    #[must_use]
    pub fn start() -> Self {
        Self { old: Snapshot::nothing(), new: None, done: RowPlace::default(), seq_min: 0, seq_max: None }
    }

    /// Whether everything still to be read was begun after the old snapshot: no
    /// step is under way, and the last one left nothing in progress.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        self.new.is_none() && self.old.in_progress.is_empty()
    }

    /// The position after a page which was read in `snapshot` and ended at
    /// `last`. `own` is the reader's transaction, if it had an id by then.
    #[must_use]
    pub fn after_page(&self, snapshot: Snapshot, own: Option<Xid>, last: RowPlace, end: PageEnd) -> Self {
        let snapshot = match own {
            Some(own) => snapshot.without(own),
            None => snapshot,
        };
        match end {
            PageEnd::Full => Self { new: Some(snapshot), done: last, ..self.clone() },
            PageEnd::Last => self.next_step(snapshot),
        }
    }

    /// The position once the step to `snapshot` is done.
    #[must_use]
    pub fn next_step(&self, snapshot: Snapshot) -> Self {
        Self { old: snapshot, new: None, done: RowPlace::default(), ..self.clone() }
    }

    /// The position when the database turns out to be restored from a dump.
    ///
    /// Rows up to `seq` keep the transaction ids of the cluster they were dumped
    /// from, so they are compared with the *old* snapshots, which come from the
    /// same cluster: first the rest of the step in hand, then all that the old
    /// cluster had not seen ([`Position::after_backlog`]).
    #[must_use]
    pub fn after_restore(&self, seq: i64) -> Self {
        Self { seq_max: Some(seq), ..self.clone() }
    }

    /// What follows a finished step while `seq_max` is set: the step to
    /// everything, and after it the snapshot of the restore, with all restored
    /// rows done for good. None if there is no backlog of a restore.
    #[must_use]
    pub fn after_backlog(&self, restored_in: &Snapshot) -> Option<Self> {
        let seq = self.seq_max?;
        if self.new.is_some() {
            return None;
        }
        if self.old != Snapshot::everything() {
            return Some(Self { new: Some(Snapshot::everything()), ..self.clone() });
        }
        Some(Self {
            old: restored_in.clone(),
            new: None,
            done: RowPlace::default(),
            seq_min: seq,
            seq_max: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn snapshot(xmin: u64, xmax: u64, xip: &[u64]) -> Snapshot {
        Snapshot::new(Xid(xmin), Xid(xmax), xip.iter().copied().map(Xid).collect()).expect("a snapshot")
    }

    #[test]
    fn a_snapshot_sees_what_had_ended() {
        let s = snapshot(10, 20, &[10, 14]);
        let seen: Vec<u64> = (8..22).filter(|xid| s.sees(Xid(*xid))).collect();
        assert_eq!(seen, [8, 9, 11, 12, 13, 15, 16, 17, 18, 19]);
        assert_eq!(s.to_string(), "10:20:10,14");
    }

    #[test]
    fn the_readers_own_transaction_counts_as_in_progress() {
        let s = snapshot(10, 20, &[14]);
        assert!(!s.clone().without(Xid(12)).sees(Xid(12)));
        assert_eq!(s.clone().without(Xid(25)), s, "an id from xmax on is not seen anyway");
        assert_eq!(s.clone().without(Xid(14)), s);
    }

    #[test]
    fn parts_which_make_no_snapshot_are_refused() {
        for (xmin, xmax, xip) in
            [(0, 1, vec![]), (5, 4, vec![]), (1, 9, vec![3, 3]), (4, 9, vec![3]), (4, 9, vec![9])]
        {
            assert_eq!(
                Snapshot::new(Xid(xmin), Xid(xmax), xip.into_iter().map(Xid).collect()),
                Err(SnapshotError)
            );
        }
    }

    #[test]
    fn a_restore_is_worked_off_by_the_old_ids_and_then_forgotten() {
        let before = Position { old: snapshot(90, 90, &[]), ..Position::start() };
        let restored_in = snapshot(7, 7, &[]);

        let backlog = before.after_restore(500).after_backlog(&restored_in).expect("a backlog");
        assert_eq!((backlog.new.clone(), backlog.seq_max), (Some(Snapshot::everything()), Some(500)));

        let done = backlog.next_step(Snapshot::everything()).after_backlog(&restored_in).expect("the end");
        assert_eq!(done, Position { old: restored_in.clone(), seq_min: 500, ..Position::start() });
        assert_eq!(done.after_backlog(&restored_in), None);
    }

    proptest! {
        /// Reading transaction by transaction along any chain of snapshots meets
        /// each transaction exactly once, whatever the order in which they end.
        #[test]
        fn every_transaction_belongs_to_exactly_one_step(ends in proptest::collection::vec(0u64..30, 1..40)) {
            // Transaction i begins at time i and ends at time i + 1 + ends[i].
            let last = ends.len() as u64 + 40;
            let at = |time: u64| {
                let xmax = time.min(ends.len() as u64) + 1;
                let open: Vec<Xid> = (0..xmax - 1).filter(|i| i + 1 + ends[*i as usize] > time).map(|i| Xid(i + 1)).collect();
                let xmin = open.first().copied().unwrap_or(Xid(xmax));
                Snapshot::new(xmin, Xid(xmax), open).expect("a snapshot")
            };
            let mut met = vec![0; ends.len()];
            let mut old = Snapshot::nothing();
            for time in (0..=last).step_by(3).chain([last]) {
                let new = at(time);
                for (i, count) in met.iter_mut().enumerate() {
                    let xid = Xid(i as u64 + 1);
                    if new.sees(xid) && !old.sees(xid) {
                        *count += 1;
                    }
                }
                old = new;
            }
            prop_assert!(met.iter().all(|count| *count == 1), "{met:?}");
        }
    }
}
