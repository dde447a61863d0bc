//! Routines of the model as the files they stand for.

use super::model::{
    Clause, Clauses, Condition, Form, Literal, Look, Missing, Path, Quantifier, Relation, Root, Routine,
    Spec, Step, Test,
};
use std::fmt::Write as _;

impl Routine {
    /// The file.
    pub fn to_toml(&self) -> String {
        let mut out = String::from("title = \"r\"\n\n[item]\nqueue = \"q\"\ntitle = \"t\"\n\n[on.event]\n");
        if !self.types.is_empty() {
            let _ = writeln!(out, "type = {}", list(&self.types, |kind| quoted(kind)));
        }
        if let Some(from) = &self.from {
            let _ = writeln!(out, "from = {}", quoted(from));
        }
        if !self.when.is_empty() {
            out.push_str("\n[when]\n");
            table(&mut out, "when", &self.when);
        }
        out
    }
}

/// The lines of a table whose header is written already. Groups at its end are
/// tables of their own, others are written in its midst.
fn table(out: &mut String, header: &str, clauses: &Clauses) {
    if clauses.groups_at < clauses.conditions.len() {
        for entry in entries(clauses) {
            let _ = writeln!(out, "{entry}");
        }
        return;
    }
    for condition in &clauses.conditions {
        let _ = writeln!(out, "{}", entry(condition));
    }
    for group in &clauses.groups {
        let header = format!("{header}.any_of.{}", group.name);
        for alternative in &group.alternatives {
            let _ = writeln!(out, "\n[[{header}]]");
            table(out, &header, alternative);
        }
    }
}

/// The same on one line.
fn inline(clauses: &Clauses) -> String {
    format!("{{ {} }}", entries(clauses).join(", "))
}

fn entries(clauses: &Clauses) -> Vec<String> {
    let mut entries = Vec::new();
    let mut groups = Vec::new();
    let mut groups_at = 0;
    for clause in clauses.in_order() {
        match clause {
            Clause::Condition(condition) => entries.push(entry(condition)),
            Clause::Group(group) => {
                groups_at = if groups.is_empty() { entries.len() } else { groups_at };
                groups.push(format!("{} = {}", group.name, list(&group.alternatives, inline)));
            }
        }
    }
    if !groups.is_empty() {
        entries.insert(groups_at, format!("any_of = {{ {} }}", groups.join(", ")));
    }
    entries
}

fn entry(condition: &Condition) -> String {
    let missing = match condition.missing {
        Missing::NoMatch => "",
        Missing::Match => ", missing = \"match\"",
    };
    let spec = if missing.is_empty() { spec(&condition.spec) } else { braced(&condition.spec, missing) };
    format!("{} = {spec}", quoted(&condition.path.text()))
}

fn spec(spec: &Spec) -> String {
    match (spec.form, &spec.tests[..]) {
        (Form::Bare, [Test::Eq(literal)]) => self::literal(literal),
        (Form::Bare, [Test::In(literals)]) => list(literals, literal),
        _ => braced(spec, ""),
    }
}

fn braced(spec: &Spec, rest: &str) -> String {
    let tests = spec.tests.iter().map(|test| format!("{} = {}", test.name(), argument(test)));
    format!("{{ {}{rest} }}", tests.collect::<Vec<_>>().join(", "))
}

fn argument(test: &Test) -> String {
    match test {
        Test::Eq(literal) => self::literal(literal),
        Test::In(literals) | Test::NotIn(literals) => list(literals, literal),
        Test::ContainsAny(literals) | Test::ContainsAll(literals) => list(literals, literal),
        Test::Not(inner) | Test::Became(inner) | Test::Was(inner) => spec(inner),
        Test::Number(_, number) => number.clone(),
        Test::Text(_, words) => match &words[..] {
            [word] => quoted(word),
            words => list(words, |word| quoted(word)),
        },
        Test::Exists | Test::Changed => "true".to_owned(),
        Test::ExistsNot => "false".to_owned(),
        Test::IsNull => "\"null\"".to_owned(),
        Test::IsMissing => "\"missing\"".to_owned(),
        Test::IsEmpty => "\"empty\"".to_owned(),
        Test::Len(Relation::Eq, length) => length.to_string(),
        Test::Len(relation, length) => format!("{{ {} = {length} }}", relation.name()),
        Test::Where(clauses) => inline(clauses),
    }
}

fn literal(literal: &Literal) -> String {
    match literal {
        Literal::Text(text) => quoted(text),
        Literal::Number(number) => number.clone(),
        Literal::Bool(value) => value.to_string(),
        Literal::Null => "{ is = \"null\" }".to_owned(),
    }
}

fn list<T>(items: &[T], write: impl Fn(&T) -> String) -> String {
    format!("[{}]", items.iter().map(write).collect::<Vec<_>>().join(", "))
}

/// A basic string of TOML. The vocabulary has no control characters.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

impl Path {
    /// The path as it is written in a routine.
    pub fn text(&self) -> String {
        let mut text = self.root.name().to_owned();
        for step in &self.steps {
            match step {
                Step::Key(key) => {
                    let is_first = text.is_empty();
                    let dot = if is_first { "" } else { "." };
                    let needs_quotes = key.contains('.') || (is_first && *key == "any_of");
                    let quote = if needs_quotes { "\"" } else { "" };
                    let _ = write!(text, "{dot}{quote}{key}{quote}");
                }
                Step::Each(quantifier) => text.push_str(quantifier.text()),
            }
        }
        text
    }
}

impl Root {
    fn name(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Id => "id",
            Self::Source => "source",
            Self::Subject => "subject",
            Self::Time => "time",
            Self::Tenant => "tenant",
            Self::Data => "data",
            Self::Old => "old",
            Self::Meta => "meta",
            Self::Element => "",
        }
    }
}

impl Quantifier {
    fn text(self) -> &'static str {
        match self {
            Self::Any => "[any]",
            Self::All => "[all]",
            Self::None => "[none]",
        }
    }
}

impl Relation {
    fn name(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Gt => "gt",
            Self::Gte => "gte",
            Self::Lt => "lt",
            Self::Lte => "lte",
        }
    }
}

impl Look {
    fn name(self) -> &'static str {
        match self {
            Self::Prefix => "prefix",
            Self::Suffix => "suffix",
            Self::Contains => "contains",
            Self::Like => "like",
            Self::Regex => "regex",
            Self::IEquals => "iequals",
            Self::IPrefix => "iprefix",
            Self::ISuffix => "isuffix",
            Self::IContains => "icontains",
            Self::ILike => "ilike",
            Self::Cidr => "cidr",
        }
    }
}

impl Test {
    /// Its key in a table of operators, of which a table has each once.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Eq(_) => "eq",
            Self::In(_) => "in",
            Self::Not(_) => "not",
            Self::NotIn(_) => "not_in",
            Self::Number(relation, _) => relation.name(),
            Self::Text(look, _) => look.name(),
            Self::Exists | Self::ExistsNot => "exists",
            Self::IsNull | Self::IsMissing | Self::IsEmpty => "is",
            Self::Len(..) => "len",
            Self::ContainsAny(_) => "contains_any",
            Self::ContainsAll(_) => "contains_all",
            Self::Where(_) => "where",
            Self::Changed => "changed",
            Self::Became(_) => "became",
            Self::Was(_) => "was",
        }
    }
}
