//! Any text as an event pattern of EventBridge: a refusal, or a routine which
//! can be read. (The importer checks that itself, and refuses otherwise.)
#![no_main]

use hearken::rules::eventbridge::{Options, import};
use hearken::rules::name::RoutineName;
use hearken::rules::routine;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(printed) = import("pattern.json", text, &Options::default()) {
        let name = RoutineName::parse("imported").expect("a name");
        let (routine, problems) = routine::check(&name, "imported.toml", &printed);
        assert!(routine.is_some(), "{}", problems.render());
    }
});
