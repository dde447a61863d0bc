//! Tables for people: columns of equal width, and times as distances from now.

use jiff::Timestamp;

/// A table with a line of headings. The last column is not filled up; an empty
/// cell is a dash.
pub(super) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let mut lines = vec![headings.map(str::to_owned)];
    lines.extend(rows.iter().map(|row| row.clone().map(|cell| shown(&cell))));
    let mut widths = [0; N];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for line in &lines {
        let cells = line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        let cells = cells.collect::<Vec<_>>().join("  ");
        text.push_str(cells.trim_end());
        text.push('\n');
    }
    text
}

/// A text on one line, which does nothing to a terminal.
fn shown(text: &str) -> String {
    if text.is_empty() {
        return "-".to_owned();
    }
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// How far off a time is, such as `in 5m 3s` or `2d 4h ago`.
pub(super) fn from_now(now: Timestamp, at: Timestamp) -> String {
    let seconds = at.duration_since(now).as_secs();
    match seconds {
        0 => "now".to_owned(),
        1.. => format!("in {}", span(seconds.unsigned_abs())),
        _ => format!("{} ago", span(seconds.unsigned_abs())),
    }
}

/// A span of time in its two largest units.
fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {}s", seconds % 60),
        (0, _, _) => format!("{hours}h {}m", minutes % 60),
        _ => format!("{days}d {}h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["a", "größer", "x"], ["longer", "", "y\u{1b}[2J z"]];
        let rows = rows.map(|row| row.map(str::to_owned));
        let want = "one     two     three\n\
                    a       größer  x\n\
                    longer  -       y [2J z\n";
        assert_eq!(table(["one", "two", "three"], &rows), want);
    }

    #[track_caller]
    fn check(seconds: i64, want: &str) {
        let now = Timestamp::from_second(1_000_000).unwrap();
        assert_eq!(from_now(now, Timestamp::from_second(1_000_000 + seconds).unwrap()), want);
    }

    #[test]
    fn distances_have_two_units() {
        check(0, "now");
        check(59, "in 59s");
        check(61, "in 1m 1s");
        check(-3600, "1h 0m ago");
        check(-7384, "2h 3m ago");
        check(2 * 86_400 + 4 * 3600 + 59, "in 2d 4h");
    }
}
