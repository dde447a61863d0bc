//! How many rows the next page asks for.
//!
//! A page has two bounds: rows, and the bytes of their bodies. It grows by doubling
//! under backlog, and shrinks when little happens. Where it was full of bytes, the rows
//! beyond them were looked up, unpacked and measured in vain: the next one asks for few
//! more than went in. And where a statement took too long, the page was too much: it
//! asks for an eighth, so that a page is never slow again and again for its size alone.

use crate::config::Daemon;
use crate::rules::snapshot::PageEnd;

/// The rows of the next page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PageSize {
    rows: i64,
    least: i64,
    most: i64,
}

impl PageSize {
    /// Between `batch_min` and `most`, and at first the former.
    pub(super) fn new(daemon: &Daemon, most: u32) -> Self {
        Self::between(i64::from(daemon.batch_min), i64::from(most))
    }

    fn between(least: i64, most: i64) -> Self {
        let least = least.min(most);
        Self { rows: least, least, most }
    }

    /// So many.
    pub(super) fn rows(self) -> i64 {
        self.rows
    }

    /// After a page of `offered` rows at most, which had `worked`.
    pub(super) fn after(&mut self, end: PageEnd, worked: usize, offered: i64) {
        let worked = i64::try_from(worked).unwrap_or(i64::MAX);
        self.rows = match end {
            // Full of bytes.
            PageEnd::Full if worked > 0 && worked < offered => worked.saturating_mul(2).min(self.most),
            PageEnd::Full => self.rows.saturating_mul(2).min(self.most),
            PageEnd::Last if worked < self.rows / 2 => (self.rows / 2).max(self.least),
            PageEnd::Last => self.rows.max(self.least),
        };
    }

    /// After a page which took too long.
    pub(super) fn was_too_large(&mut self) {
        self.rows = (self.rows / 8).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pages one after the other, each with what the next one asks for: how it ended,
    /// with how many rows; or none, of one which took too long.
    #[track_caller]
    fn check(pages: &[(Option<(PageEnd, usize)>, i64)]) {
        let mut size = PageSize::between(100, 1000);
        assert_eq!(size.rows(), 100);
        for (place, (page, want)) in pages.iter().enumerate() {
            match page {
                Some((end, worked)) => size.after(*end, *worked, size.rows()),
                None => size.was_too_large(),
            }
            assert_eq!(size.rows(), *want, "page {place}");
        }
    }

    const fn full(worked: usize) -> Option<(PageEnd, usize)> {
        Some((PageEnd::Full, worked))
    }

    const fn last(worked: usize) -> Option<(PageEnd, usize)> {
        Some((PageEnd::Last, worked))
    }

    #[test]
    fn grows_under_backlog_and_shrinks_after_it() {
        check(&[(full(100), 200), (full(200), 400), (full(400), 800), (full(800), 1000), (full(1000), 1000)]);
        check(&[(full(100), 200), (last(100), 200), (last(99), 100), (last(0), 100)]);
    }

    #[test]
    fn asks_for_few_more_than_the_bytes_took() {
        check(&[(full(4), 8), (full(4), 8), (full(8), 16), (last(3), 100)]);
        check(&[(full(1), 2), (full(1), 2), (full(2), 4)]);
    }

    /// A step which turned out to be empty was full of nothing.
    #[test]
    fn a_page_of_no_rows_says_nothing_of_bytes() {
        check(&[(full(0), 200)]);
    }

    #[test]
    fn is_smaller_after_one_which_took_too_long() {
        check(&[(full(100), 200), (None, 25), (full(25), 50), (None, 6), (None, 1), (None, 1), (full(1), 2)]);
    }

    #[test]
    fn a_small_limit_is_kept_to() {
        let mut size = PageSize::between(100, 10);
        assert_eq!(size.rows(), 10);
        size.after(PageEnd::Full, 10, 10);
        assert_eq!(size.rows(), 10);
    }
}
