//! How a `[flow]` is written in TOML.

use super::spec::{
    Collect, Conflict, Dedup, Excess, Field, Flow, Hours, Keep, Limit, Looping, Outside, Overlap, Per,
    Source, Window,
};

impl Flow {
    /// The lines of `[flow]`.
    pub fn lines(&self) -> String {
        let mut lines = Vec::new();
        if self.looping == Looping::Allow {
            lines.push("loop = \"allow\"".to_owned());
        }
        lines.extend(self.collect.as_ref().map(collect));
        lines.extend(self.hours.as_ref().map(hours));
        lines.extend(self.dedup.as_ref().map(dedup));
        lines.extend(self.supersede.as_ref().map(|on| match key(on) {
            key if key.is_empty() => "supersede = {}".to_owned(),
            key => format!("supersede = {{ {} }}", key.trim_end_matches(", ")),
        }));
        let limits = self.limits.iter().map(limit).collect::<Vec<_>>();
        match limits.as_slice() {
            [] => {}
            [one] => lines.push(format!("limit = {one}")),
            several => lines.push(format!("limit = [ {} ]", several.join(", "))),
        }
        match self.overlap {
            Overlap::Allow => {}
            Overlap::Skip => lines.push("overlap = \"skip\"".to_owned()),
            Overlap::Queue => lines.push("overlap = \"queue\"".to_owned()),
        }
        lines.push(String::new());
        lines.join("\n")
    }
}

/// `key = […], ` or nothing.
fn key(key: &[Field]) -> String {
    let path = |field: &Field| match field {
        Field::K => "\"data.k\"",
        Field::L => "\"data.l\"",
    };
    let paths = key.iter().map(path).collect::<Vec<_>>().join(", ");
    if paths.is_empty() { paths } else { format!("key = [{paths}], ") }
}

fn collect(collect: &Collect) -> String {
    match collect {
        Collect::Batch { key: on, max, within } => {
            format!("batch = {{ {}max = {max}, within = \"{within}m\" }}", key(on))
        }
        Collect::Debounce { key: on, quiet, max_wait, keep } => {
            let keep = match keep {
                Keep::First => "first",
                Keep::Last => "last",
                Keep::All => "all",
            };
            let max_wait = max_wait.map(|wait| format!(", max_wait = \"{wait}m\"")).unwrap_or_default();
            format!("debounce = {{ {}quiet = \"{quiet}m\"{max_wait}, keep = \"{keep}\" }}", key(on))
        }
    }
}

fn hours(hours: &Hours) -> String {
    let tz = match hours.from {
        Source::Fixed => format!("\"{}\"", hours.tz),
        Source::Event => format!("{{ get = \"data.tz\", default = \"{}\" }}", hours.tz),
    };
    let interval = |(days, from, to): &(&str, &str, &str)| {
        format!("days = \"{days}\", from = \"{from}\", to = \"{to}\"")
    };
    let open = match hours.open.as_slice() {
        [one] => interval(one),
        several => {
            let tables = several.iter().map(|one| format!("{{ {} }}", interval(one))).collect::<Vec<_>>();
            format!("open = [ {} ]", tables.join(", "))
        }
    };
    let outside = match hours.outside {
        Outside::Hold => "hold",
        Outside::Drop => "drop",
    };
    let unless = hours.unless.map(|p| format!(", unless = {{ \"data.p\" = {{ gte = {p} }} }}"));
    format!("hours = {{ tz = {tz}, {open}, outside = \"{outside}\"{} }}", unless.unwrap_or_default())
}

fn dedup(dedup: &Dedup) -> String {
    let window = match dedup.window {
        Window::Forever => "window = \"forever\"".to_owned(),
        Window::WhileOpen => "window = \"while_open\"".to_owned(),
        Window::Sliding(minutes) => format!("window = \"{minutes}m\""),
        Window::Calendar(period, tz) => {
            format!("window = \"{period}\", align = \"calendar\", tz = \"{tz}\"")
        }
    };
    let conflict = match dedup.conflict {
        Conflict::Skip => "skip",
        Conflict::Replace => "replace",
        Conflict::Append => "append",
        Conflict::FollowUp => "follow_up",
    };
    format!("dedup = {{ {}{window}, on_conflict = \"{conflict}\" }}", key(&dedup.key))
}

fn limit(limit: &Limit) -> String {
    let max = match limit.from {
        Source::Fixed => format!("max = {}", limit.max),
        Source::Event => format!(
            "max = {{ get = \"data.max\", default = {} }}, used = {{ get = \"data.used\", default = 0 }}",
            limit.max
        ),
    };
    let per = match limit.per {
        Per::Sliding(minutes) => format!("per = \"{minutes}m\""),
        Per::Calendar(period, tz) => format!("per = \"{period}\", align = \"calendar\", tz = \"{tz}\""),
    };
    let excess = match limit.excess {
        Excess::Drop => "excess = \"drop\"".to_owned(),
        Excess::Delay(None) => "excess = \"delay\"".to_owned(),
        Excess::Delay(Some(most)) => format!("excess = \"delay\", max_delay = \"{most}m\""),
    };
    format!("{{ {}{max}, {per}, {excess} }}", key(&limit.key))
}
