//! Words for messages: which known name was meant, and lists of names.

/// How alike two names must be for one to be offered for the other; 1 is equal.
const LIKENESS_MIN: f64 = 0.7;

/// The known name which `name` was probably meant to be.
#[must_use]
pub fn closest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let likeness = |other: &str| {
        let typo = strsim::normalized_damerau_levenshtein(&name, other);
        // A name which was cut short, or has a tail too many, is meant as well.
        let cut = name.len() >= 3 && (other.starts_with(&name) || name.starts_with(other));
        if cut { typo.max(LIKENESS_MIN) } else { typo }
    };
    known
        .into_iter()
        .map(|other| (likeness(other), other))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN - 0.1)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, other)| other)
}

/// The text, or its first `max` characters with an ellipsis.
#[must_use]
pub fn shortened(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The names in backticks, as one reads them out: "`a`, `b` and `c`".
#[must_use]
pub fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut quoted = names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
    let Some(last) = quoted.pop() else {
        return String::new();
    };
    if quoted.is_empty() { last } else { format!("{} and {last}", quoted.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_shortened_by_characters() {
        assert_eq!(shortened(&"ü".repeat(200), 200), "ü".repeat(200));
        assert_eq!(shortened(&"ü".repeat(201), 200), "ü".repeat(200) + "…");
    }

    #[test]
    fn a_close_name_is_found_and_a_far_one_is_not() {
        let known = ["title", "priority", "queue", "instructions", "missed"];
        for (name, want) in [
            ("titel", Some("title")),
            ("TITLE", Some("title")),
            ("prio", Some("priority")),
            ("instruction", Some("instructions")),
            ("queues", Some("queue")),
            ("sql", None),
            ("x", None),
        ] {
            assert_eq!(closest(name, known), want, "{name}");
        }
    }

    #[test]
    fn names_are_listed_as_read_out() {
        assert_eq!(listed([]), "");
        assert_eq!(listed(["a"]), "`a`");
        assert_eq!(listed(["a", "b", "c"]), "`a`, `b` and `c`");
    }
}
