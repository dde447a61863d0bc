//! Expressions, and what becomes of them.

use super::*;

#[track_caller]
fn check(expression: &str, want: Result<&str, &str>) {
    let table = TableName::parse("app.jobs").unwrap();
    let columns = ["id", "done", "state", "time", "date", "year", "payload", "Odd \"one\"", "end"];
    let columns = columns.map(str::to_owned);
    let got = over(expression, &table, &columns, "new");
    match (got, want) {
        (Ok(got), Ok(want)) => assert_eq!(got, want, "{expression}"),
        (Err(got), Err(want)) => assert!(got.contains(want), "{expression}: {got}"),
        (got, want) => panic!("{expression}: {got:?}, and not {want:?}"),
    }
}

#[test]
fn a_column_gets_its_row() {
    check("not done", Ok("not new.\"done\""));
    check("DONE is null", Ok("new.\"done\" is null"));
    let commented = "new.\"state\" in ('a', 'state') -- done\n and not new.\"done\"";
    check("state in ('a', 'state') -- done\n and not done", Ok(commented));
    check("\"Odd \"\"one\"\"\" /* done */ = 1", Ok("new.\"Odd \"\"one\"\"\" /* done */ = 1"));
    check("payload->>'done' <> state", Ok("new.\"payload\"->>'done' <> new.\"state\""));
    check("id>=5 and id=3", Ok("new.\"id\">=5 and new.\"id\"=3"));
    check("(payload).id = 3", Ok("(new.\"payload\").id = 3"));
}

#[test]
fn a_qualified_column_gets_it_in_its_place() {
    check("jobs.done", Ok("new.\"done\""));
    check("app.jobs.done or jobs . state = 'x'", Ok("new.\"done\" or new.\"state\" = 'x'"));
    check("jobs is not null", Ok("new.* is not null"));
    check("other.done", Err("no column"));
    check("jobs.nothing", Err("no column"));
}

#[test]
fn what_is_no_column_stays() {
    check("id::date > date '2026-01-01'", Ok("new.\"id\"::date > date '2026-01-01'"));
    check("date(id) = app.state(id)", Ok("date(new.\"id\") = app.state(new.\"id\")"));
    check("cast(id as date) = date", Ok("cast(new.\"id\" as date) = new.\"date\""));
    check("extract(year from time) = year", Ok("extract(year from new.\"time\") = new.\"year\""));
    check("time at time zone 'UTC' > time", Ok("new.\"time\" at time zone 'UTC' > new.\"time\""));
    check("f(id => id)", Ok("f(id => new.\"id\")"));
    check("case when done then 1 end = 1", Ok("case when new.\"done\" then 1 end = 1"));
    check("\"end\" = 1", Ok("new.\"end\" = 1"));
    check("state collate \"C\" = 'x'", Ok("new.\"state\" collate \"C\" = 'x'"));
}

#[test]
fn functions_with_a_schema_are_known() {
    assert_eq!(functions("at <= hearken.now() and f(x) = \"A\".\"b\" (1)"), ["hearken.now", "A.b"]);
    assert!(functions("jobs.done").is_empty());
}

#[test]
fn a_subquery_is_none_of_a_condition() {
    check("exists (select from other where done)", Err("subquery"));
    check("id in (table done)", Err("subquery"));
    check("", Err("not understood"));
    check("/* a /* b */ */ done", Err("not understood"));
}
