//! Finds routines whose workers set each other off: what one emits comes back to
//! it.
//!
//! Only `emits` of `[item]` says what workers emit, so nothing is said of
//! routines without it. Which events a routine hears is told by their type alone;
//! conditions on what is in them may break a circle, so this is advice.

use super::{find, place};
use crate::rules::gate::circle::CHAIN_MAX;
use crate::rules::name::{RoutineName, SourceName};
use crate::rules::path::Root;
use crate::rules::problem::Problem;
use crate::rules::routine::{Looping, Routine, RoutineSet, Trigger};
use crate::rules::text::listed;
use crate::rules::when::Clause;
use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Range;

/// The routines which set themselves off by what their workers emit, each circle
/// at one of its routines.
pub(super) fn circles(set: &RoutineSet) -> Vec<(RoutineName, Problem)> {
    let graph = Graph::new(set);
    let mut told = HashSet::new();
    let mut found = Vec::new();
    for start in 0..graph.nodes.len() {
        let Some(circle) = graph.shortest(start) else { continue };
        // Of a circle of several it is enough to hear once.
        if circle.len() > 1 && told.contains(&start) {
            continue;
        }
        told.extend(circle.iter().map(|step| step.node));
        let routine = graph.nodes[start].routine;
        found.push((routine.name.clone(), graph.problem(routine, &circle)));
    }
    found
}

/// A routine, and what its workers emit.
struct Node<'s> {
    routine: &'s Routine,
    emits: Vec<&'s str>,
}

/// A step on the way round: a routine, and the type by which it sets off the next.
#[derive(Clone, Copy)]
struct Step<'s> {
    node: usize,
    kind: &'s str,
}

struct Graph<'s> {
    nodes: Vec<Node<'s>>,
    /// Who hears what is emitted.
    hearers: HashMap<&'s str, Vec<usize>>,
}

impl<'s> Graph<'s> {
    fn new(set: &'s RoutineSet) -> Self {
        let mut nodes = Vec::new();
        for routine in &set.routines {
            let emits = routine.items.iter().flat_map(|item| item.emits.iter().map(String::as_str));
            let emits = emits.collect::<Vec<_>>();
            if !emits.is_empty() {
                nodes.push(Node { routine: routine.as_ref(), emits });
            }
        }
        let log = SourceName::log();
        let mut hearers = HashMap::new();
        for kind in nodes.iter().flat_map(|node| node.emits.iter().copied()) {
            hearers.entry(kind).or_insert_with(|| {
                let hears =
                    |(number, node): (usize, &Node<'s>)| hears(node.routine, &log, kind).then_some(number);
                nodes.iter().enumerate().filter_map(hears).collect::<Vec<_>>()
            });
        }
        Self { nodes, hearers }
    }

    /// The shortest way from a routine back to itself.
    fn shortest(&self, start: usize) -> Option<Vec<Step<'s>>> {
        let mut came: Vec<Option<Step<'s>>> = vec![None; self.nodes.len()];
        let mut heard = HashSet::new();
        let mut queue = VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            for kind in self.nodes[node].emits.iter().copied().filter(|kind| heard.insert(*kind)) {
                let step = Step { node, kind };
                for hearer in self.hearers.get(kind).into_iter().flatten().copied() {
                    if hearer == start {
                        return Some(way(step, &came));
                    }
                    if came[hearer].is_none() {
                        came[hearer] = Some(step);
                        queue.push_back(hearer);
                    }
                }
            }
        }
        None
    }

    fn problem(&self, routine: &Routine, circle: &[Step<'s>]) -> Problem {
        let name = |step: &Step<'s>| self.nodes[step.node].routine.name.as_str();
        let message = match circle {
            [only] => format!("this routine emits `{}`, which sets it off again", only.kind),
            [first, rest @ ..] => {
                let back =
                    rest.iter().map(|step| format!("sets off `{}`, which emits `{}`", name(step), step.kind));
                let back = back.collect::<Vec<_>>().join(", which ");
                format!("what this routine emits comes back to it: `{}` {back}", first.kind)
            }
            [] => "this routine sets itself off again".to_owned(),
        };
        let avoids = |step: &&Step<'s>| self.nodes[step.node].routine.flow.looping == Looping::Avoid;
        let guards = circle.iter().filter(avoids).map(name).collect::<Vec<_>>();
        let help = if guards.is_empty() {
            format!(
                "by `loop = \"allow\"` it goes round until the chain has {CHAIN_MAX} routines; write \
                 `loop = \"avoid\"`, or exclude it in `[when]`"
            )
        } else {
            format!(
                "the loop guard stops it as soon as it comes back to {}; if it is not to get so far, exclude \
                 it in `[when]`",
                listed(guards)
            )
        };
        let kind = circle.first().map_or("", |step| step.kind);
        Problem::warning(emits(routine, kind), message).label("goes round").help(help)
    }
}

/// Where it says that workers of the routine emit this type.
fn emits(routine: &Routine, kind: &str) -> Range<usize> {
    let item = routine.items.iter().find(|item| item.emits.iter().any(|emitted| emitted == kind));
    match item.map(|item| item.name.as_str()) {
        Some(name) if find(&routine.text, &["items", name]).is_some() => {
            place(&routine.text, &["items", name, "emits"])
        }
        Some(_) if find(&routine.text, &["webhook"]).is_some() => place(&routine.text, &["webhook", "emits"]),
        _ => place(&routine.text, &["item", "emits"]),
    }
}

/// The steps which led to the last one, in order.
fn way<'s>(last: Step<'s>, came: &[Option<Step<'s>>]) -> Vec<Step<'s>> {
    let mut steps = vec![last];
    let mut at = last.node;
    while let Some(step) = came[at] {
        steps.push(step);
        at = step.node;
    }
    steps.reverse();
    steps
}

/// Whether an event of this type in hearken's own log may set the routine off.
fn hears(routine: &Routine, log: &SourceName, kind: &str) -> bool {
    let Trigger::Event(trigger) = &routine.trigger else {
        return false;
    };
    let allows = |clause: &Clause| match clause {
        Clause::Condition(condition) if condition.path.root() == Root::Type => {
            condition.probe().holds_for_text(kind)
        }
        Clause::Condition(_) | Clause::AnyOf(_) => true,
    };
    trigger.wants(log, kind) && routine.when.clauses().iter().all(allows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::routine;
    use std::sync::Arc;

    #[test]
    fn routines_which_lead_away_are_left_in_peace() {
        check(&[("a", "t", "", "[\"u\"]"), ("b", "u", "", "[\"v\"]"), ("c", "v", "", "[]")], &[]);
        // Another source is not the log.
        check(&[("a", "t\"\nfrom = \"shop", "", "[\"t\"]")], &[]);
        check(&[("a", "*", "[when]\ntype = { not = \"t\" }", "[\"t\"]")], &[]);
    }

    #[test]
    fn a_routine_which_hears_itself_is_named() {
        let message = "this routine emits `t`, which sets it off again";
        check(&[("a", "t", "", "\"t\"")], &[("a", message, "as soon as it comes back to `a`")]);
        check(
            &[("a", "*", "[flow]\nloop = \"allow\"", "[\"t\"]")],
            &[("a", message, "until the chain has 8")],
        );
    }

    #[test]
    fn a_circle_is_told_once_with_the_way_round() {
        let message = "what this routine emits comes back to it: `t` sets off `b`, which emits `u`, which \
                       sets off `c`, which emits `v`";
        let circle = [
            ("a", "v", "", "[\"t\"]"),
            ("b", "t", "", "[\"x\", \"u\"]"),
            ("c", "u", "", "[\"v\"]"),
            ("d", "x", "", "\"y\""),
        ];
        check(&circle, &[("a", message, "`a`, `b` and `c`")]);
        let allow = "[flow]\nloop = \"allow\"";
        let some = [("a", "v", allow, "[\"t\"]"), ("b", "t", "", "[\"u\"]"), ("c", "u", allow, "[\"v\"]")];
        check(&some, &[("a", message, "comes back to `b`;")]);
    }

    #[test]
    fn a_routine_of_a_circle_which_hears_itself_too_is_told_of_that() {
        let both = [("a", "b.x", "", "[\"a.x\"]"), ("b", "*", "", "[\"b.x\"]")];
        let messages = [
            (
                "a",
                "what this routine emits comes back to it: `a.x` sets off `b`, which emits `b.x`",
                "`a` and `b`",
            ),
            ("b", "this routine emits `b.x`, which sets it off again", "comes back to `b`"),
        ];
        check(&both, &messages);
    }

    #[test]
    fn a_further_item_is_underlined_where_it_emits() {
        let text = "title = \"a\"\n[on.event]\ntype = \"t\"\n[item]\nqueue = \"q\"\ntitle = \"t\"\nemits = \"u\"\n\
                    [items.more]\ninbox = \"agents\"\nkind = \"k\"\nemits = [\"t\"]\n";
        let routine = routine::parse(&RoutineName::parse("a").unwrap(), "r.toml", text).unwrap();
        let found = circles(&RoutineSet::new(vec![Arc::new(routine)]));
        assert_eq!(&text[found[0].1.span.clone()], "emits = [\"t\"]");
    }

    #[test]
    fn what_is_emitted_is_written_in_full() {
        for (emits, want) in [
            ("[\"t.*\"]", "what a worker emits is of one type, without a star"),
            ("\"\"", "no event has an empty type"),
            ("[\"{{ data.x }}\"]", "the types of `emits` are fixed text, not templates"),
            ("[\"t\", \"t\"]", "`t` is in this list twice"),
            ("5", "`emits` must be a string or an array of strings, not an integer"),
            ("[5]", "`emits` must be a string or an array of strings, not an integer"),
        ] {
            let text =
                format!("title = \"x\"\n[on.event]\n[item]\nqueue = \"q\"\ntitle = \"t\"\nemits = {emits}\n");
            let (_, problems) = routine::check(&RoutineName::parse("a").unwrap(), "r.toml", &text);
            assert_eq!(problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>(), [want]);
        }
    }

    /// Routines by their name, type, further tables and `emits`; what is said, with
    /// a part of the advice.
    #[track_caller]
    fn check(routines: &[(&str, &str, &str, &str)], want: &[(&str, &str, &str)]) {
        let parse = |(name, kind, more, emits): &(&str, &str, &str, &str)| {
            let text = format!(
                "title = \"{name}\"\n[on.event]\ntype = \"{kind}\"\n{more}\n[item]\nqueue = \"q\"\n\
                 title = \"t\"\nemits = {emits}\n"
            );
            Arc::new(routine::parse(&RoutineName::parse(name).unwrap(), "r.toml", &text).unwrap())
        };
        let set = RoutineSet::new(routines.iter().map(parse).collect());
        let found = circles(&set);
        let got = found.iter().map(|(name, problem)| (name.as_str(), problem.message.as_str()));
        assert_eq!(
            got.collect::<Vec<_>>(),
            want.iter().map(|(name, text, _)| (*name, *text)).collect::<Vec<_>>()
        );
        for ((name, problem), (_, _, advice)) in found.iter().zip(want) {
            let text = &set.get(name.as_str()).unwrap().text;
            assert!(text[problem.span.clone()].starts_with("emits = "), "{name}");
            assert!(problem.help.as_deref().unwrap_or_default().contains(advice), "{:?}", problem.help);
        }
    }
}
