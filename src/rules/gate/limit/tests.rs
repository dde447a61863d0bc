//! Limits by hand, and beside twins which count every interval.

use super::*;
use crate::rules::schedule::zone::parse_zone;
use jiff::tz::TimeZone;
use proptest::prelude::*;

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

fn request(max: u32, per: Per) -> LimitRequest {
    LimitRequest { key: DedupKey([7; 32]), max, used: 0, per, excess: Excess::Drop }
}

fn sliding(max: u32, length: i64) -> LimitRequest {
    request(max, Per::Sliding(seconds(length)))
}

fn calendar(max: u32, period: &str) -> LimitRequest {
    request(max, Per::Calendar(Slots::parse(period, TimeZone::UTC).unwrap()))
}

fn uses(at: &[(i64, u32)]) -> Uses {
    let mut uses = Uses::default();
    at.iter().for_each(|(at, n)| uses.add(second(*at), *n));
    uses
}

/// The first second with room, and whether that is at once.
#[track_caller]
fn check(limit: &LimitRequest, at: &[(i64, u32)], from: i64, want: i64) {
    let uses = uses(at);
    assert_eq!(limit.first_free(&uses, second(from), second(0)), Some(second(want)));
    assert_eq!(limit.fits(&uses, second(from), second(0)), from == want);
    assert!(limit.fits(&uses, second(want), second(0)));
}

#[test]
fn without_uses_there_is_room() {
    check(&sliding(1, 10), &[], 5, 5);
    check(&calendar(1, "1m"), &[], 5, 5);
}

#[test]
fn an_interval_is_full_until_its_first_use_has_left_it() {
    let two = sliding(2, 10);
    check(&two, &[(0, 1)], 5, 5);
    check(&two, &[(0, 1), (3, 1)], 5, 10);
    check(&two, &[(0, 1), (3, 1)], 10, 10);
    check(&two, &[(0, 2)], 0, 10);
    check(&two, &[(0, 1), (3, 1), (10, 1)], 5, 13);
    check(&two, &[(0, 1), (3, 1), (12, 1)], 5, 13);
}

#[test]
fn the_edge_is_exact() {
    let one = sliding(1, 10);
    let uses = uses(&[(20, 1)]);
    let nano = SignedDuration::from_nanos(1);
    // (10, 20] has none of a use at 10, and all of one a nanosecond later.
    assert!(one.fits(&uses, second(10), second(0)));
    assert!(!one.fits(&uses, second(10) + nano, second(0)));
    assert!(!one.fits(&uses, second(30) - nano, second(0)));
    assert!(one.fits(&uses, second(30), second(0)));
    assert_eq!(one.first_free(&uses, second(10) + nano, second(0)), Some(second(30)));
}

#[test]
fn uses_in_the_future_count() {
    let one = sliding(1, 10);
    check(&one, &[(20, 1)], 5, 5);
    check(&one, &[(20, 1)], 11, 30);
    // Between two there is room where both are far enough.
    check(&one, &[(0, 1), (20, 1)], 1, 10);
    check(&one, &[(0, 1), (19, 1)], 1, 29);
    check(&one, &[(0, 1), (19, 1), (39, 1)], 1, 29);
    // Uses on both sides: (4, 14] has room, (3, 13] has none.
    let three = sliding(3, 10);
    check(&three, &[(0, 1), (4, 1), (12, 1), (14, 1)], 5, 5);
    check(&three, &[(0, 1), (4, 1), (12, 1), (13, 1)], 5, 14);
    check(&three, &[(0, 1), (4, 1), (6, 1), (12, 1)], 5, 14);
}

#[test]
fn intervals_which_are_too_full_already_are_waited_out() {
    check(&sliding(1, 10), &[(0, 5), (4, 5)], 0, 14);
    check(&calendar(1, "1m"), &[(0, 5), (60, 1)], 30, 120);
}

#[test]
fn a_slot_counts_by_itself() {
    let two = calendar(2, "1m");
    check(&two, &[(0, 1)], 59, 59);
    check(&two, &[(0, 2)], 59, 60);
    check(&two, &[(0, 2), (60, 2), (120, 1)], 30, 120);
    // Wherever in its slot a use was noted.
    check(&two, &[(0, 1), (45, 1)], 30, 60);
    assert_eq!(two.place(second(59)), second(0));
    assert_eq!(sliding(2, 10).place(second(59)), second(59));
}

#[test]
fn what_others_have_used_counts_now() {
    let with = |limit: LimitRequest, used| LimitRequest { used, ..limit };
    let free = |limit: &LimitRequest, from| limit.first_free(&Uses::default(), second(from), second(100));
    assert_eq!(free(&with(sliding(3, 10), 2), 100), Some(second(100)));
    assert_eq!(free(&with(sliding(3, 10), 3), 100), Some(second(110)));
    assert_eq!(free(&with(sliding(3, 10), 3), 115), Some(second(115)));
    assert_eq!(free(&with(sliding(3, 10), 3), 95), Some(second(110)));
    assert_eq!(free(&with(calendar(3, "1m"), 2), 70), Some(second(70)));
    assert_eq!(free(&with(calendar(3, "1m"), 3), 70), Some(second(120)));
    assert_eq!(free(&with(calendar(3, "1m"), 3), 30), Some(second(30)));
    let uses = uses(&[(100, 1)]);
    assert!(!with(sliding(3, 10), 2).fits(&uses, second(100), second(100)));
    assert!(!with(calendar(3, "1m"), 2).fits(&uses, second(110), second(100)));
}

#[test]
fn a_limit_of_none_never_has_room() {
    for limit in [sliding(0, 10), calendar(0, "1m")] {
        assert_eq!(limit.first_free(&Uses::default(), second(0), second(0)), None);
        assert!(!limit.fits(&Uses::default(), second(0), second(0)));
    }
}

#[test]
fn what_is_free_after_a_year_is_never_free() {
    let day = 86_400;
    let full: Vec<(i64, u32)> = (0..400).map(|slot| (slot * day, 1)).collect();
    assert_eq!(calendar(1, "1d").first_free(&uses(&full), second(0), second(0)), None);
    assert_eq!(sliding(1, day).first_free(&uses(&full), second(0), second(0)), None);
    check(&calendar(1, "1d"), &full[..366], 0, 366 * day);
    check(&sliding(1, day), &full[..366], 0, 366 * day);
    assert_eq!(sliding(1, 400 * day).first_free(&uses(&[(0, 1)]), second(0), second(0)), None);
}

#[test]
fn the_ends_of_time_are_borne() {
    for limit in [sliding(1, 10), calendar(1, "1d")] {
        let uses = Uses::default();
        for at in [Timestamp::MIN, Timestamp::MAX] {
            assert_eq!(limit.first_free(&uses, at, at), Some(at));
            assert!(limit.fits(&uses, at, at));
        }
        assert_eq!(limit.expires(Timestamp::MAX), Timestamp::MAX);
        assert_eq!(limit.since(Timestamp::MIN), Timestamp::MIN);
    }
}

#[test]
fn limits_are_described_and_stored() {
    assert_eq!(sliding(20, 3_600).describe(), "20 per 1h");
    let slots = Slots::parse("1d", parse_zone("Europe/Berlin").unwrap()).unwrap();
    let limit = LimitRequest { used: 3, ..request(10, Per::Calendar(slots)) };
    assert_eq!(limit.describe(), "10 per 1d (Europe/Berlin), 3 of them used by others");
    let waiting = Excess::Delay { max_delay: Some(seconds(90)) };
    for limit in [limit, sliding(20, 3_600), LimitRequest { excess: waiting, ..sliding(1, 1) }] {
        let text = serde_json::to_string(&limit).unwrap();
        assert_eq!(serde_json::from_str::<LimitRequest>(&text).unwrap(), limit, "{text}");
    }
}

/// How many uses are in `(from, to]`.
fn crowd(uses: &[(i64, u32)], from: i64, to: i64) -> u32 {
    uses.iter().filter(|(at, _)| from < *at && *at <= to).map(|(_, n)| n).sum()
}

/// Counts every interval which ends at a whole second and has `due` in it.
fn naive_sliding(uses: &[(i64, u32)], length: i64, max: u32, due: i64) -> bool {
    (due..due + length).all(|end| crowd(uses, end - length, end) < max)
}

/// Counts the second's slot of `length`.
fn naive_calendar(uses: &[(i64, u32)], length: i64, max: u32, due: i64) -> bool {
    let start = due.div_euclid(length) * length;
    crowd(uses, start - 1, start + length - 1) < max
}

fn some_uses() -> impl Strategy<Value = Vec<(i64, u32)>> {
    proptest::collection::vec((-60..150_i64, 1..3_u32), 0..24)
}

/// An item which is wanted: how much later than the last one, how long before it
/// is due, and how long it may be delayed; dropped, if not at all.
fn wanted() -> impl Strategy<Value = (i64, i64, Option<i64>)> {
    (0..12_i64, prop_oneof![3 => Just(0_i64), 1 => 0..50_i64], proptest::option::of(0..80_i64))
}

/// Places what is wanted as the gate does, and says where the uses are.
fn placed(limit: &LimitRequest, wanted: &[(i64, i64, Option<i64>)]) -> Uses {
    let mut uses = Uses::default();
    let mut now = 0;
    for (pause, ahead, max_delay) in wanted {
        now += pause;
        let from = second(now + ahead);
        let due = match max_delay {
            None => limit.fits(&uses, from, second(now)).then_some(from),
            Some(most) => limit
                .first_free(&uses, from, second(now))
                .filter(|due| due.duration_since(from) <= seconds(*most)),
        };
        if let Some(due) = due {
            uses.add(limit.place(due), 1);
        }
    }
    uses
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_sliding_limit_is_what_counting_says(
        noted in some_uses(),
        (max, length) in (1..6_u32, 1..30_i64),
        from in -20..100_i64,
        used in 0..4_u32,
        now in -10..100_i64,
    ) {
        let limit = LimitRequest { used, ..sliding(max, length) };
        let mut all = noted.clone();
        all.push((now, used));
        let want = (from..).find(|due| naive_sliding(&all, length, max, *due));
        let noted = uses(&noted);
        prop_assert_eq!(limit.first_free(&noted, second(from), second(now)), want.map(second));
        prop_assert_eq!(limit.fits(&noted, second(from), second(now)), want == Some(from));
    }

    #[test]
    fn a_limit_of_a_calendar_is_what_counting_says(
        noted in some_uses(),
        (max, length) in (1..6_u32, prop::sample::select(vec![10_i64, 20, 60])),
        from in -20..100_i64,
        used in 0..4_u32,
        now in -10..100_i64,
    ) {
        let limit = LimitRequest { used, ..calendar(max, &format!("{length}s")) };
        let mut all = noted.clone();
        all.push((now, used));
        let want = (from..).find(|due| naive_calendar(&all, length, max, *due));
        let noted = uses(&noted);
        prop_assert_eq!(limit.first_free(&noted, second(from), second(now)), want.map(second));
        prop_assert_eq!(limit.fits(&noted, second(from), second(now)), want == Some(from));
    }

    /// Never one more than `max` in any interval, whatever was dropped, delayed or
    /// due in the future. An interval with the most uses ends with one of them.
    #[test]
    fn no_interval_ever_has_more_than_the_limit(
        wanted in proptest::collection::vec(wanted(), 0..120),
        (max, length) in (1..6_u32, 1..40_i64),
    ) {
        let uses = placed(&sliding(max, length), &wanted);
        let uses: Vec<(i64, u32)> = uses.iter().map(|(at, n)| (at.as_second(), n)).collect();
        for (end, _) in &uses {
            prop_assert!(crowd(&uses, end - length, *end) <= max, "until {}: {:?}", end, uses);
        }
    }

    #[test]
    fn no_slot_ever_has_more_than_the_limit(
        wanted in proptest::collection::vec(wanted(), 0..120),
        max in 1..6_u32,
    ) {
        let uses = placed(&calendar(max, "20s"), &wanted);
        for (at, n) in uses.iter() {
            prop_assert!(at.as_second() % 20 == 0 && n <= max, "{} at {}", n, at);
        }
    }

    /// Nothing is lost if what was used long ago is forgotten.
    #[test]
    fn what_plays_no_part_may_be_forgotten(
        noted in some_uses(),
        (max, length) in (1..6_u32, prop::sample::select(vec![10_i64, 20, 60])),
        (due, later) in (-20..100_i64, 0..40_i64),
    ) {
        for limit in [sliding(max, length), calendar(max, &format!("{length}s"))] {
            let all = uses(&noted);
            let keep = |wanted: &dyn Fn(Timestamp) -> bool| {
                let mut kept = Uses::default();
                all.iter().filter(|(at, _)| wanted(*at)).for_each(|(at, n)| kept.add(at, n));
                kept
            };
            let since = keep(&|at| at >= limit.since(second(due)));
            let valid = keep(&|at| limit.expires(at) > second(due));
            let free = |uses: &Uses| limit.first_free(uses, second(due + later), second(0));
            prop_assert_eq!(free(&since), free(&all));
            prop_assert_eq!(free(&valid), free(&all));
        }
    }
}
