//! By hand: the loop guard, debounce and batch.

use super::table::check;

#[test]
fn a_routine_does_not_set_itself_off() {
    let chain = |count: usize| format!("b chain={}", vec!["other"; count].join(","));
    check(
        "",
        &[
            ("0s", "a chain=gates0", &["loop a: loop"]),
            ("1s", &chain(7), &["item #1 b"]),
            ("2s", &chain(8), &["loop b: loop"]),
        ],
    );
    check(
        "loop = \"allow\"",
        &[("0s", "a chain=other,gates0", &["item #1 a"]), ("1s", &chain(8), &["loop b: loop"])],
    );
}

#[test]
fn the_loop_guard_stands_before_all_others() {
    let flow = "debounce = { quiet = \"30s\", max_wait = \"1m\" }\ndedup = { key = [\"data.k\"] }";
    let rows: [super::table::Row<'_>; 3] = [
        ("0s", "a k=1 chain=gates0", &["loop a: loop"]),
        ("1s", "b k=1", &["held b: debounce until 31s"]),
        ("1m", "", &["@31s item #1 b"]),
    ];
    check(flow, &rows);
}

#[test]
fn debounce_waits_for_quiet_and_no_longer_than_it_may() {
    let table = check(
        "debounce = { key = [\"data.k\"], quiet = \"30s\", max_wait = \"1m\", keep = \"last\" }",
        &[
            ("0s", "a k=1", &["held a: debounce until 30s"]),
            ("20s", "b k=1", &["merged b: debounce #1"]),
            ("25s", "c k=2", &["held c: debounce until 55s"]),
            ("45s", "d k=1", &["merged d: debounce #1"]),
            ("2m", "", &["@55s item #2 c", "@1m item #1 d"]),
            ("3m", "e k=1", &["held e: debounce until 210s"]),
            ("210s", "f k=1", &["@210s item #3 e", "held f: debounce until 4m"]),
        ],
    );
    table.items(&["#1 d Waiting d", "#2 c Waiting c", "#3 e Waiting e"]);
    assert_eq!(table.held(), 1);
}

#[test]
fn without_an_end_debounce_waits_as_long_as_drafts_come() {
    check(
        "debounce = { quiet = \"1m\" }",
        &[
            ("0s", "a k=1", &["held a: debounce until 1m"]),
            ("59s", "b k=2", &["merged b: debounce #1"]),
            ("118s", "c", &["merged c: debounce #1"]),
            ("5m", "", &["@178s item #1 c"]),
        ],
    )
    .items(&["#1 c Waiting c"]);
}

#[test]
fn debounce_keeps_the_first_the_last_or_all() {
    let flow = |keep: &str| format!("debounce = {{ quiet = \"1m\", max_wait = \"1h\", keep = \"{keep}\" }}");
    let merged: &[&str] = &["merged b: debounce #1"];
    for (keep, title, item) in [
        ("first", "a", "#1 a Waiting a"),
        ("last", "c", "#1 c Waiting c"),
        ("all", "c", "#1 c Waiting [a,b,c]"),
    ] {
        check(
            &flow(keep),
            &[
                ("0s", "a", &["held a: debounce until 1m"]),
                ("1s", "b", merged),
                ("2s", "c", &["merged c: debounce #1"]),
                ("2m", "", &[&format!("@62s item #1 {title}")]),
            ],
        )
        .items(&[item]);
    }
    check(&flow("all"), &[("0s", "a", &["held a: debounce until 1m"]), ("2m", "", &["@1m item #1 a"])])
        .items(&["#1 a Waiting [a]"]);
}

#[test]
fn an_event_which_was_written_before_does_not_replace_a_later_one() {
    for (keep, item) in [("last", "#1 a Waiting a"), ("all", "#1 a Waiting [a,b]")] {
        check(
            &format!("debounce = {{ quiet = \"1m\", max_wait = \"1h\", keep = \"{keep}\" }}"),
            &[
                ("0s", "a seq=2000", &["held a: debounce until 1m"]),
                ("1s", "b seq=1500", &["merged b: debounce #1"]),
                ("2m", "", &["@61s item #1 a"]),
            ],
        )
        .items(&[item]);
    }
}

#[test]
fn a_batch_goes_on_when_it_is_full_or_its_time_is_up() {
    check(
        "batch = { key = [\"data.k\"], max = 3, within = \"10m\" }",
        &[
            ("0s", "a k=1", &["held a: batch until 10m"]),
            ("1m", "b k=1", &["merged b: batch #1"]),
            ("2m", "x k=2", &["held x: batch until 12m"]),
            ("3m", "c k=1", &["merged c: batch #1", "item #1 a"]),
            ("4m", "d k=1", &["held d: batch until 14m"]),
            ("20m", "", &["@12m item #2 x", "@14m item #3 d"]),
        ],
    )
    .items(&["#1 a Waiting [a,b,c]", "#2 x Waiting [x]", "#3 d Waiting [d]"]);
}

#[test]
fn debounce_lets_go_of_a_thousand() {
    let mut table = check("debounce = { quiet = \"1m\", max_wait = \"1h\", keep = \"all\" }", &[]);
    assert_eq!(table.step("0s", "a"), ["held a: debounce until 1m"]);
    for _ in 0..998 {
        assert_eq!(table.step("1s", "b"), ["merged b: debounce #1"]);
    }
    assert_eq!(table.step("1s", "c"), ["merged c: debounce #1", "item #1 c"]);
    assert_eq!(table.step("2s", "d"), ["held d: debounce until 62s"]);
}

#[test]
fn a_burst_is_one_draft_to_the_gates_behind() {
    let flow = "debounce = { key = [\"data.k\"], quiet = \"1m\", max_wait = \"10m\" }\n\
                limit = { max = 1, per = \"1h\" }";
    check(
        flow,
        &[
            ("0s", "a k=1", &["held a: debounce until 1m"]),
            ("1s", "b k=1", &["merged b: debounce #1"]),
            ("10s", "c k=2", &["held c: debounce until 70s"]),
            ("2m", "", &["@61s item #1 b", "@70s limited c: limit"]),
        ],
    );
    let flow = "debounce = { key = [\"data.k\"], quiet = \"1m\", max_wait = \"10m\" }\n\
                dedup = { key = [\"data.k\"] }";
    check(
        flow,
        &[
            ("0s", "a k=1", &["held a: debounce until 1m"]),
            ("2m", "", &["@1m item #1 a"]),
            ("3m", "b k=1", &["held b: debounce until 4m"]),
            ("4m", "", &["@4m duplicate b: dedup #1"]),
        ],
    )
    .items(&["#1 a Waiting a"]);
}
