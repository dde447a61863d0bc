//! Any bytes as a routine file: problems or a routine, and what is accepted can
//! be put in force and shown.
#![no_main]

use hearken::rules::matcher::Matcher;
use hearken::rules::name::RoutineName;
use hearken::rules::routine::{self, RoutineSet};
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let name = RoutineName::parse("fuzzed").expect("a name");
    let (routine, problems) = routine::check(&name, "fuzzed.toml", &text);
    assert_eq!(routine.is_none(), problems.has_errors(), "{}", problems.render());
    drop((problems.render(), problems.reports()));
    if let Some(routine) = routine {
        drop(Matcher::new(Arc::new(RoutineSet::new(vec![Arc::new(routine)]))));
    }
});
