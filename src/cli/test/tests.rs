//! Folders of routines, and what is reported of them.

use super::*;
use clap::Parser;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: TestArgs,
}

const REFUND: &str = r#"title = "Refunds"
[on.event]
type = "refund.requested"
[when]
"data.amount" = { gte = 500 }
[item]
queue = "q"
title = "Refund {{ data.id }}"
"#;

const GOOD: &str = r#"[[tests]]
name = "large"
given = [{ file = "fixtures/large.json" }]
expect = [{ title = "Refund r1" }]
[[tests]]
name = "small"
given = [{ type = "refund.requested", data = { id = "r2", amount = 5 } }]
because = "when.data.amount"
"#;

const BAD: &str = r#"[[tests]]
name = "large & <small>"
given = [{ type = "refund.requested", data = { id = "r2", amount = 500 } }]
expect = [{ title = "Refund r1" }]
"#;

#[test]
fn what_passed_is_a_line() {
    check(
        &[("refund", &format!("{REFUND}{GOOD}"))],
        "",
        0,
        "\
✓ refund  2 tests, conditions 1/1
1 routine, 2 tests: 2 passed, 0 failed
",
    );
}

#[test]
fn what_failed_is_told_below() {
    check(
        &[("a", &format!("{REFUND}{BAD}")), ("b", REFUND)],
        "",
        1,
        "\
✗ a  1 of 1 test failed, conditions 0/1
    ✗ large & <small> (a.toml:10)
        item 1: title: expected \"Refund r1\", got \"Refund r2\"
    not tried: `when.data.amount` was never false
! b  no tests
2 routines, 1 test: 0 passed, 1 failed; 1 routine without a test
",
    );
}

#[test]
fn what_the_gates_said_is_told_with_what_failed() {
    let flow = "[flow]\ndedup = { key = [\"data.id\"] }\n";
    let event = "{ type = \"refund.requested\", data = { id = \"r1\", amount = 900 } }";
    let expect = "{ title = \"Refund r1\" }";
    let test = format!("[[tests]]\nname = \"two\"\ngiven = [{event}, {event}]\n");
    let test = format!("{test}expect = [{expect}, {expect}]\n");
    check(
        &[("a", &format!("{REFUND}{flow}{test}"))],
        "",
        1,
        "\
✗ a  1 of 1 test failed, conditions 0/1
    ✗ two (a.toml:12)
        item 2 did not come: title \"Refund r1\"
        note: at 0s: event 2 (refund.requested): duplicate by `flow.dedup`: item 1 has the same dedup key
    not tried: `when.data.amount` was never false
1 routine, 1 test: 0 passed, 1 failed
",
    );
}

#[test]
fn tests_may_be_asked_for() {
    check(
        &[("b", REFUND)],
        "",
        0,
        "! b  no tests\n1 routine, 0 tests: 0 passed, 0 failed; 1 routine without a test\n",
    );
    check(
        &[("b", REFUND)],
        "--require-tests",
        1,
        "\
✗ b  no tests
    it has no tests
1 routine, 0 tests: 0 passed, 0 failed; 1 routine without a test; 1 routine not tested enough
",
    );
    let large = GOOD.split("[[tests]]\nname = \"small\"").next().unwrap();
    check(
        &[("refund", &format!("{REFUND}{large}"))],
        "--min-coverage|67",
        1,
        "\
✗ refund  1 test, conditions 0/1
    its tests try 66 % of it, and 67 % are asked for
    not tried: `when.data.amount` was never false
1 routine, 1 test: 1 passed, 0 failed; 1 routine not tested enough
",
    );
}

#[test]
fn only_some_tests_are_run() {
    let files = [("a", format!("{REFUND}{GOOD}")), ("b", format!("{REFUND}{BAD}"))];
    let files = [(files[0].0, files[0].1.as_str()), (files[1].0, files[1].1.as_str())];
    check(&files, "--filter|a: sm", 0, "✓ a  1 test\n1 routine, 1 test: 1 passed, 0 failed\n");
    assert!(Cli::try_parse_from(["test", "--filter", "x", "--min-coverage", "5"]).is_err());
    assert!(Cli::try_parse_from(["test", "--min-coverage", "101"]).is_err());
}

#[test]
fn a_file_which_cannot_be_used_hides_no_other() {
    check(
        &[("a", "titel = 1\n"), ("b", &format!("{REFUND}{GOOD}"))],
        "",
        2,
        "\
✗ a  cannot be used, see above
✓ b  2 tests, conditions 1/1
2 routines, 2 tests: 2 passed, 0 failed; 1 file cannot be used
",
    );
}

#[test]
fn machines_get_an_object_a_line() {
    let reports = with_files(&[("a", &format!("{REFUND}{BAD}"))], "");
    let mut out = Vec::new();
    json::print(&mut out, &reports).unwrap();
    let text = String::from_utf8(out).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let lines = lines.collect::<Vec<_>>();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["test"], "large & <small>");
    assert_eq!(lines[0]["outcome"], "failed");
    assert_eq!(lines[0]["problems"][0], "item 1: title: expected \"Refund r1\", got \"Refund r2\"");
    assert_eq!(lines[0]["notes"], serde_json::json!([]));
    assert_eq!(lines[1]["tests"], 1);
    assert_eq!(lines[1]["coverage"]["conditions"]["total"], 1);
}

#[test]
fn build_servers_get_junit() {
    let reports = with_files(&[("a", &format!("{REFUND}{BAD}")), ("b", "x = 1\n")], "");
    let text = junit::render(&reports);
    let suite = "<testsuite name=\"a\" tests=\"1\" failures=\"1\" errors=\"0\" skipped=\"0\" time=\"0\">";
    assert!(text.contains(suite), "{text}");
    assert!(text.contains("name=\"large &amp; &lt;small&gt;\""), "{text}");
    assert!(text.contains("<testsuite name=\"b\" tests=\"1\" failures=\"0\" errors=\"1\""), "{text}");
    assert_eq!(text.matches("<testcase").count(), text.matches("</testcase>").count());
    assert!(text.ends_with("</testsuites>\n"));
}

/// The reports of a folder with these routines, files named relative to it.
fn with_files(files: &[(&str, &str)], args: &str) -> Vec<Report> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("fixtures")).unwrap();
    let event = r#"{ "type": "refund.requested", "data": { "id": "r1", "amount": 900 } }"#;
    std::fs::write(folder.path().join("fixtures/large.json"), event).unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(format!("{name}.toml")), text).unwrap();
    }
    let path = folder.path().to_str().unwrap();
    let args = ["test", path].into_iter().chain(args.split('|').filter(|arg| !arg.is_empty()));
    let args = Cli::try_parse_from(args).map(|cli| cli.args).unwrap_or_else(|error| panic!("{error}"));
    let mut reports = reports(&args, &load_all(&args.path).unwrap());
    for report in &mut reports {
        report.file = report.file.replace(&format!("{path}/"), "");
    }
    reports
}

/// Compares the status and what is printed.
#[track_caller]
fn check(files: &[(&str, &str)], args: &str, code: u8, want: &str) {
    let reports = with_files(files, args);
    let mut out = Vec::new();
    text::print(&mut out, &reports).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), want);
    assert_eq!(status(&reports), code);
}
