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
    check(&[("a", PLAIN), ("b", &PLAIN.replace("\"y\"", "\"z\""))], &[]);
    check(&[("a", PLAIN), ("b", &PLAIN.replace("\"q\"", "\"r\""))], &[]);
    check(&[], &[]);
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
    check(&[("a", PLAIN), ("b", copy)], &[("b", message, "title = \"A copy\"")]);
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
fn check(routines: &[(&str, &str)], want: &[(&str, &str, &str)]) {
    let set = set(routines);
    let found = review(&set);
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
