//! Routines which nothing tells apart: what makes matching slow.

use super::candidate::Candidate;

/// Lists shorter than this are asked in less time than an event takes to read.
const HEAVY: usize = 500;

/// What the conjunctions of a list have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Crowd {
    /// Nothing: they are asked of each event.
    All,
    /// The same value at some path.
    Equal,
    /// The same text inside others.
    Text,
    /// A field which must be there.
    Present,
    /// A field which must not be there.
    Absent,
    /// Ranges at the same path.
    Ranges,
}

/// The long lists of an index.
#[derive(Clone, Debug, Default)]
pub(super) struct Heaviness {
    /// How many there are, what they have in common, and one of them.
    pub(super) lists: Vec<(usize, Crowd, u32)>,
}

impl Heaviness {
    pub(super) fn list(&mut self, candidates: &[Candidate], crowd: Crowd) {
        if let Some(first) = candidates.first()
            && candidates.len() >= HEAVY
        {
            self.lists.push((candidates.len(), crowd, first.number));
        }
    }

    /// Ranges are heavy if the most of them which hold one number are many.
    pub(super) fn ranges(&mut self, ranges: &[super::interval::Range]) {
        if ranges.len() < HEAVY {
            return;
        }
        let mut ends = ranges.iter().flat_map(|range| [(range.low, 1), (range.high, -1)]).collect::<Vec<_>>();
        // At one point, ranges begin before others end.
        ends.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
        let deepest = ends.iter().scan(0_i64, |open, (_, step)| {
            *open += step;
            Some(*open)
        });
        let deepest = usize::try_from(deepest.max().unwrap_or(0)).unwrap_or(0);
        if deepest >= HEAVY {
            self.lists.push((deepest, Crowd::Ranges, ranges[0].owner.number));
        }
    }
}

impl Crowd {
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::All => "are asked of every event, since they name neither a type nor a value",
            Self::Equal => "share the value by which they are found, and nothing else tells them apart",
            Self::Text => "share the text by which they are found, and nothing else tells them apart",
            Self::Present => "are found only by a field which must be there",
            Self::Absent => "are found only by a field which must be missing",
            Self::Ranges => "have ranges of one field which overlap, and nothing else tells them apart",
        }
    }
}
