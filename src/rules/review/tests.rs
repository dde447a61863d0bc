//! What is said about routines together, and what is not.

use super::*;
use crate::rules::problem::Problems;
use crate::rules::routine;

const PLAIN: &str = r#"
title = "Plain"

[on.event]
type = "a.b"
from = "events"

[when]
"data.n" = { gte = 5, lt = 9 }
"data.x" = "y"

[item]
queue = "q"
title = "t"
"#;

#[test]
fn routines_which_differ_are_left_in_peace() {
    check(&[("a", PLAIN), ("b", &PLAIN.replace("\"y\"", "\"z\""))], Some(&["events"]), &[]);
    check(&[("a", PLAIN), ("b", &PLAIN.replace("\"q\"", "\"r\""))], Some(&["events"]), &[]);
    check(&[], Some(&["events"]), &[]);
}

#[test]
fn a_source_which_is_not_there_is_named_where_it_stands() {
    let plugins = PLAIN.replace("\"events\"", "\"plugins\"");
    let message = "there is no source `plugins`, so this routine never runs";
    check(&[("a", &plugins)], Some(&["events"]), &[("a", message, "from = \"plugins\"")]);
    check(&[("a", &plugins)], Some(&["events", "plugins"]), &[]);
    // Without settings nobody knows.
    check(&[("a", &plugins)], None, &[]);
    let any = PLAIN.replace("from = \"events\"\n", "");
    check(&[("a", &any)], Some(&["events"]), &[]);
}

#[test]
fn a_close_source_is_offered() {
    let typo = PLAIN.replace("\"events\"", "\"event\"");
    let set = set(&[("a", &typo)]);
    let found = review(&set, Some(&[SourceName::log()]));
    assert_eq!(found[0].1.help.as_deref(), Some("did you mean `events`?"));
}

#[test]
fn a_copy_is_found_whatever_the_order_of_its_keys() {
    let copy = r#"
# Another remark.
title = "A copy"
[item]
title = "another title"
queue = "q"
[when]
"data.x" = "y"
"data.n" = { lt = 9, gte = 5 }
[on]
event = { from = "events", type = "a.b" }
"#;
    let message = "but for its titles, this routine does what `a` does";
    check(&[("a", PLAIN), ("b", copy)], None, &[("b", message, "title = \"A copy\"")]);
}

#[test]
fn a_heavy_list_is_said_of_one_of_its_routines() {
    let set = set(&[("a", PLAIN)]);
    let example = RoutineName::parse("a").unwrap();
    let list = Heavy { routines: 4000, why: "share one value".to_owned(), example };
    let (name, problem) = heavy(&set, &list).unwrap();
    assert_eq!((name.as_str(), problem.message.as_str()), ("a", "4000 routines share one value"));
    assert_eq!(&PLAIN[problem.span], "when");
    let stranger = Heavy { example: RoutineName::parse("b").unwrap(), ..list };
    assert!(heavy(&set, &stranger).is_none());
}

fn set(routines: &[(&str, &str)]) -> RoutineSet {
    let parse = |(name, text): &(&str, &str)| {
        Arc::new(routine::parse(&RoutineName::parse(name).unwrap(), "r.toml", text).unwrap())
    };
    RoutineSet::new(routines.iter().map(parse).collect())
}

/// Compares what is said: the routine, the message, the underlined text.
#[track_caller]
fn check(routines: &[(&str, &str)], sources: Option<&[&str]>, want: &[(&str, &str, &str)]) {
    let sources =
        sources.map(|names| names.iter().map(|name| SourceName::parse(name).unwrap()).collect::<Vec<_>>());
    let set = set(routines);
    let found = review(&set, sources.as_deref());
    let got = found.iter().map(|(name, problem)| {
        let text = &set.get(name.as_str()).unwrap().text;
        // As a file shows it.
        let mut problems = Problems::new("r.toml", text);
        problems.push(problem.clone());
        assert!(!problems.has_errors());
        (name.as_str(), problem.message.as_str(), &text[problem.span.clone()])
    });
    assert_eq!(got.collect::<Vec<_>>(), want);
}
