//! What is listed, and what is refused.

use super::*;
use clap::Parser;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: NextArgs,
}

/// Reads arguments with bars between them.
fn parse(args: &str) -> Result<NextArgs, clap::Error> {
    Cli::try_parse_from(std::iter::once("next").chain(args.split('|'))).map(|cli| cli.args)
}

#[test]
fn an_object_a_line() {
    check(
        "--cron|30 2 * * *|--tz|America/New_York|--from|2026-03-08T00:00:00Z|--count|2|--json",
        "{\"tick\":\"2026-03-08T07:00:00Z\",\"local\":\"2026-03-08T03:00:00-04:00\",\
         \"note\":\"02:30 does not exist on this day, moved to 03:00\"}\n\
         {\"tick\":\"2026-03-09T06:30:00Z\",\"local\":\"2026-03-09T02:30:00-04:00\",\"note\":null}\n",
    );
}

#[test]
fn columns_for_people() {
    check(
        "--cron|30 1 * * *|--tz|America/New_York|--repeat|second|--from|2026-10-31T20:00|--count|2",
        "2026-11-01T01:30:00-05:00  2026-11-01T06:30:00Z  01:30 exists twice, second of two\n\
         2026-11-02T01:30:00-05:00  2026-11-02T06:30:00Z\n",
    );
}

#[test]
fn a_period_is_counted_from_the_epoch() {
    check(
        "--every|6h|--from|2026-03-01T07:00:00+01:00|--count|1|--json",
        "{\"tick\":\"2026-03-01T12:00:00Z\",\"local\":\"2026-03-01T12:00:00+00:00\",\"note\":null}\n",
    );
}

#[test]
fn a_time_of_day_every_so_many_days() {
    check(
        "--every|3d|--time|09:00|--tz|Europe/Berlin|--from|2026-03-26T10:00|--count|2",
        "2026-03-29T09:00:00+02:00  2026-03-29T07:00:00Z\n\
         2026-04-01T09:00:00+02:00  2026-04-01T07:00:00Z\n",
    );
}

#[test]
fn routines_are_merged_and_named() {
    let schedule = |text| Schedule::new(Timing::Cron(Cron::parse(text).unwrap()));
    let listing = |name: &str, schedules| Listed { routine: Some(name.to_owned()), schedules };
    let listed = [
        listing("hourly", vec![schedule("0 * * * *")]),
        listing("half", vec![schedule("30 * * * *"), schedule("0 5 * * *")]),
    ];
    let from: Timestamp = "2026-03-01T04:00:00Z".parse().unwrap();
    let lines = lines(&listed, from, 4);
    let mut out = Vec::new();
    print(&mut out, &lines, false).unwrap();
    let want = "half    2026-03-01T04:30:00+00:00  2026-03-01T04:30:00Z\n\
                hourly  2026-03-01T05:00:00+00:00  2026-03-01T05:00:00Z\n\
                half    2026-03-01T05:00:00+00:00  2026-03-01T05:00:00Z\n\
                half    2026-03-01T05:30:00+00:00  2026-03-01T05:30:00Z\n";
    assert_eq!(String::from_utf8(out).unwrap(), want);
    let mut out = Vec::new();
    print(&mut out, &lines[..1], true).unwrap();
    assert!(String::from_utf8(out).unwrap().ends_with("\"note\":null,\"routine\":\"half\"}\n"));
}

#[test]
fn a_bad_expression_is_underlined() {
    let report = refuse("--cron|0 61 * * *");
    assert!(report.contains("`61` is no hour"), "{report}");
    assert!(report.contains("0 61 * * *\n"), "{report}");
    assert!(report.contains("  ^^"), "{report}");
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (args, want) in [
        ("--cron|0 0 * * *|--tz|Europe/Berln", "did you mean `Europe/Berlin`?"),
        ("--cron|0 0 * * *|--from|soon", "`soon` is no time"),
        ("--every|10ms", "at least 1s"),
        ("--tz|UTC", "go with --cron"),
        ("--every|36h|--time|09:00", "a number of whole days"),
        ("--every|1d|--time|9", "`9` is no time of day"),
    ] {
        let report = refuse(args);
        assert!(report.contains(want), "{report}");
    }
    assert!(parse("name|--cron|0 0 * * *").is_err());
    assert!(parse("--cron|0 0 * * *|--every|1h").is_err());
    assert!(parse("--cron|0 0 * * *|--gap|before").is_err());
    assert!(parse("--time|09:00").is_err());
    assert!(parse("name|--time|09:00").is_err());
    assert!(parse("--cron|0 0 * * *|--time|09:00").is_err());
}

#[test]
fn a_routine_which_is_no_file_may_be_one_of_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let text = "title = \"t\"\n[on.schedule]\nevery = \"1h\"\n[item]\nqueue = \"q\"\ntitle = \"t\"\n";
    std::fs::write(folder.path().join("hourly.toml"), text).unwrap();
    let report = refuse(&format!("hq.x|--routines|{}", folder.path().display()));
    assert!(report.contains("there is no routine `hq.x`\nhelp: only files are read here"), "{report}");
}

/// Compares what is listed.
#[track_caller]
fn check(args: &str, want: &str) {
    let args = parse(args).unwrap();
    let Ok(from) = start(&args) else { panic!("no start") };
    let Ok(listed) = listed(&args) else { panic!("nothing listed") };
    let mut out = Vec::new();
    print(&mut out, &lines(&listed, from, args.count), args.json).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), want);
}

/// The report about arguments which cannot be used.
#[track_caller]
fn refuse(args: &str) -> String {
    let args = parse(args).unwrap();
    match start(&args).and_then(|_| listed(&args)) {
        Err(Failure::Usage(report)) => report,
        _ => panic!("not refused"),
    }
}
