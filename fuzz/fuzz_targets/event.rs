//! Any JSON as an event, matched by a set which has every operator: the index
//! finds what asking each routine finds, of the whole and of what is read.
#![no_main]

use hearken::rules::event::Event;
use hearken::rules::matcher::Matcher;
use hearken::rules::name::{RoutineName, SourceName};
use hearken::rules::path::Root;
use hearken::rules::plan::plan_event;
use hearken::rules::routine::{self, RoutineSet, Trigger};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use std::sync::{Arc, LazyLock};

const CONDITIONS: &[&str] = &[
    "\"data.a\" = 1",
    "\"data.a\" = [\"x\", 2.5, { is = \"null\" }]",
    "\"data.a\" = { gte = 1, lt = 9007199254740993 }",
    "\"data.a.b\" = { prefix = \"x\" }\n\"data.a.c\" = { exists = false }",
    "\"data.a.b\" = { like = \"*x*y*\" }",
    "\"data.a\" = { iequals = \"STRASSE\" }",
    "\"data.a\" = { regex = \"^x+y?$\" }",
    "\"data.a\" = { cidr = [\"10.0.0.0/8\", \"2001:db8::/32\"] }",
    "\"data.a\" = { len = { gt = 2 } }",
    "\"data.a\" = { contains_all = [\"x\", 1] }",
    "\"data.a[all].b\" = { not = 1 }",
    "\"data.a[none]\" = \"x\"",
    "\"data.a\" = { where = { b = 1, c = { exists = true } } }",
    "\"data.a\" = { changed = true }",
    "\"data.a\" = { became = { gte = 5 } }",
    "\"data.a\" = { is = \"empty\" }",
    "\"data.a\" = { not = \"x\", missing = \"match\" }",
    "\"data.a.b\" = 1\n[[when.any_of.g]]\n\"data.a.c\" = 2\n[[when.any_of.g]]\n\"data.d\" = true",
    "\"data.d\" = { suffix = \"x\" }\n\"meta.a\" = { icontains = \"y\" }",
];

static MATCHER: LazyLock<(Arc<RoutineSet>, Matcher)> = LazyLock::new(|| {
    let routine = |(number, when): (usize, &&str)| {
        let text = format!(
            "title = \"x\"\n[on.event]\n[when]\n{when}\n[item]\nqueue = \"q\"\ntitle = \"{{{{ data }}}}\"\n\
             [item.context]\na = {{ get = \"data.a\", default = \"\" }}\n"
        );
        let name = RoutineName::parse(&format!("r{number}")).expect("a name");
        Arc::new(routine::parse(&name, "r.toml", &text).unwrap_or_else(|problems| panic!("{}", problems.render())))
    };
    let set = Arc::new(RoutineSet::new(CONDITIONS.iter().enumerate().map(routine).collect()));
    (set.clone(), Matcher::new(set))
});

fuzz_target!(|bytes: &[u8]| {
    let halves = bytes.split(|byte| *byte == 0).collect::<Vec<_>>();
    let Ok(data) = serde_json::from_slice::<Value>(halves[0]) else { return };
    let old = halves.get(1).and_then(|old| serde_json::from_slice::<Value>(old).ok());
    let event = Event {
        from: SourceName::log(),
        seq: 1,
        id: "1".into(),
        origin: "fuzz".into(),
        kind: "fuzzed".into(),
        subject: None,
        time: Timestamp::UNIX_EPOCH,
        tenant: None,
        meta: data.clone(),
        chain: Vec::new(),
        data,
        old,
    };
    let (set, matcher) = &*MATCHER;
    let asked = set.routines.iter().enumerate().filter(|(_, routine)| match &routine.trigger {
        Trigger::Event(_) => routine.when.matches(&event),
        Trigger::Schedule(_) | Trigger::Query(_) => false,
    });
    let asked = asked.map(|(place, _)| place).collect::<Vec<_>>();
    assert_eq!(matcher.matches(&event), asked);
    let read = |root, bytes: &[u8]| matcher.reads().read(root, bytes).expect("JSON");
    let part = Event {
        data: read(Root::Data, halves[0]),
        meta: read(Root::Meta, halves[0]),
        old: event.old.as_ref().map(|_| read(Root::Old, halves[1])),
        ..event.clone()
    };
    assert_eq!(matcher.matches(&part), asked);
    for place in asked {
        drop(plan_event(&set.routines[place], &event));
        drop(set.routines[place].when.eval(&event));
    }
});
