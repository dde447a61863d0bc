//! Tests of reading `[each]`.

use crate::rules::name::RoutineName;
use crate::rules::routine::{EachParam, check as check_routine};
use std::time::Duration;

fn file(each: &str) -> String {
    format!(
        "title = \"t\"\n[on.event]\n[each]\n{each}\n[item]\nqueue = \"q\"\ntitle = \"{{{{ row.id }}}}\"\n"
    )
}

#[test]
fn a_query_is_read_with_its_limits() {
    let text =
        file("sql = \"select id from a where t = $1 and s = $2;\"\nparams = [{ get = \"data.team\" }, 7]");
    let name = RoutineName::parse("r").unwrap();
    let (routine, problems) = check_routine(&name, "r.toml", &text);
    assert!(problems.is_empty(), "{problems}");
    let each = routine.unwrap().each.unwrap();
    assert_eq!(each.sql.text(), "select id from a where t = $1 and s = $2");
    assert!(matches!(&each.params[..], [EachParam::Get(_), EachParam::Literal(seven)] if *seven == 7));
    assert_eq!((each.max_rows, each.timeout), (1000, Duration::from_secs(5)));
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    check("params = []", "`sql` is missing");
    check("sql = \"delete from a\"", "the statement of `[each]` begins with one of `select`");
    check("sql = \"select 1; select 2\"", "a routine runs one statement, and this is its second");
    check("sql = \"select $1\"", "`$1` has no value");
    check("sql = \"select $0\"\nparams = [1]", "`$0` has no value");
    check("sql = \"select $1, $3\"\nparams = [1, 2]", "`$3` has no value");
    check("sql = \"select $2\"\nparams = [1, 2]", "`$1` is not in the statement");
    check("sql = \"select 1\"\nparams = 1", "`params` must be an array");
    check("sql = \"select $1\"\nparams = [{ type = \"string\" }]", "does not say where its value comes from");
    check("sql = \"select $1\"\nparams = [{ get = \"row.id\" }]", "row");
    check("sql = \"select 1\"\nmax_rows = 0", "`max_rows` is at least 1");
    check("sql = \"select 1\"\ntimeout = \"0s\"", "`timeout` cannot be used: it is at least 1ms");
    check("sql = \"select 1\"\ntimeout = \"2h\"", "`timeout` cannot be used: it is at most 1m");
    check("sql = \"select 1\"\ntimeouts = \"1s\"", "unknown key `timeouts`");
}

#[test]
fn a_value_which_nothing_uses_is_a_warning() {
    let name = RoutineName::parse("r").unwrap();
    let text = file("sql = \"select $1 as id\"\nparams = [1, 2]");
    let (routine, problems) = check_routine(&name, "r.toml", &text);
    assert!(routine.is_some(), "{problems}");
    assert!(problems.render().contains("`$2` is not in the statement"), "{problems}");
}

#[test]
fn a_schedule_has_no_rows() {
    let name = RoutineName::parse("r").unwrap();
    let text = file("sql = \"select 1\"").replace("[on.event]", "[on.schedule]\nevery = \"1h\"");
    let (routine, problems) = check_routine(&name, "r.toml", &text);
    assert!(routine.is_none());
    assert!(problems.render().contains("`[each]` belongs to `[on.event]`"), "{problems}");
}

#[track_caller]
fn check(each: &str, message: &str) {
    let name = RoutineName::parse("r").unwrap();
    let (routine, problems) = check_routine(&name, "r.toml", &file(each));
    assert!(routine.is_none(), "{each}");
    assert!(problems.render().contains(message), "{each}: {problems}");
}
