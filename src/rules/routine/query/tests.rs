//! Tests of reading `[on.query]`.

use crate::rules::name::RoutineName;
use crate::rules::routine::{QueryParam, Routine, Trigger, check as check_routine};
use std::time::Duration;

const ITEM: &str = "[item]\nqueue = \"q\"\ntitle = \"{{ row.id }}\"\n";
const DEDUP: &str = "[flow]\ndedup = { key = [\"row.id\"] }\n";

fn read(query: &str, rest: &str) -> Result<Routine, String> {
    let text = format!("title = \"t\"\n[on.query]\n{query}\n{rest}");
    let (routine, problems) = check_routine(&RoutineName::parse("r").unwrap(), "r.toml", &text);
    routine.ok_or_else(|| problems.render())
}

#[test]
fn a_query_is_read_with_its_schedule() {
    let query = "every = \"15m\"\njitter = \"30s\"\nmissed = \"all\"\nmax_rows = 5\ntimeout = \"2s\"\n\
                 sql = \"with m as (update a set b = $1 returning id) select id from m where c < $2\"\n\
                 params = [true, { get = \"tick\" }]";
    let routine = read(query, &format!("{DEDUP}{ITEM}")).unwrap();
    let Trigger::Query(query) = &routine.trigger else { panic!("no query") };
    assert!(matches!(&query.params[..], [QueryParam::Literal(_), QueryParam::Tick]));
    assert_eq!((query.max_rows, query.timeout), (5, Duration::from_secs(2)));
    assert!(query.schedule.jitter.is_some());
}

#[test]
fn a_query_may_make_no_item() {
    let routine = read("every = \"1h\"\nsql = \"delete from a where old\"", "").unwrap();
    assert!(routine.items.is_empty());
    let Trigger::Query(query) = &routine.trigger else { panic!("no query") };
    assert_eq!((query.max_rows, query.timeout), (1000, Duration::from_secs(30)));
}

#[test]
fn what_is_wrong_is_said() {
    check("sql = \"select 1\"", "", "this schedule never ticks");
    check("every = \"1h\"", "", "`sql` is missing");
    check("every = \"1h\"\nsql = \"commit\"", "", "the statement of `[on.query]` begins with");
    check("every = \"1h\"\nsql = \"vacuum a\"", "", "not with `vacuum`");
    check("every = \"1h\"\nsql = \"select $1\"\nparams = [{ get = \"data.x\" }]", "", "no `data.x` to get");
    check("every = \"1h\"\nsql = \"select $1\"\nparams = [{ tick = 1 }]", "", "unknown key `tick`");
    check(
        "every = \"1h\"\nsql = \"select $1\"\nparams = [[\"a\\u0000\"]]",
        "",
        "cannot hold the character 0",
    );
    check("every = \"1h\"\nsql = \"select 1\"\nwen = 1", "", "unknown key `wen`");
    check("every = \"1h\"\nsql = \"select 1 as id\"", ITEM, "needs `[flow] dedup`");
    let further = ITEM.replace("[item]", "[items.more]");
    check("every = \"1h\"\nsql = \"select 1 as id\"", &further, "needs `[flow] dedup`");
}

#[track_caller]
fn check(query: &str, rest: &str, message: &str) {
    let report = read(query, rest).unwrap_err();
    assert!(report.contains(message), "{query}: {report}");
}
