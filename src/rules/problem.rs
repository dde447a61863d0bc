//! What is wrong with a file an operator wrote, shown where it is wrong.
//!
//! A problem points at bytes of the text; lines and columns are worked out only
//! when somebody looks. All problems of a file are collected before any is
//! reported, so that one edit can mend them all.

use annotate_snippets::{AnnotationKind, Renderer, Snippet, normalize_untrusted_str};
use serde::Serialize;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The file cannot be used.
    Error,
    /// The file can be used, but hardly says what was meant.
    Warning,
}

/// One thing wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The offending bytes of the file's text.
    pub span: Range<usize>,
    /// How bad it is.
    pub level: Level,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// A few words beside the underlined text; may be empty.
    pub label: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Problem {
    /// An error at `span`, so far without label and help.
    #[must_use]
    pub fn error(span: Range<usize>, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { span, level: Level::Error, message, label: String::new(), help: None }
    }

    /// A warning at `span`, so far without label and help.
    #[must_use]
    pub fn warning(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { level: Level::Warning, ..Self::error(span, message) }
    }

    /// The same with a few words beside the underlined text.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// The same with advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// A problem for machines: one object of `hearken check --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The file as the operator named it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// How bad it is.
    pub level: Level,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// The problems of one file, together with its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    file: String,
    text: Arc<str>,
    list: Vec<Problem>,
}

impl Problems {
    /// No problems, so far, of a file.
    #[must_use]
    pub fn new(file: &str, text: &str) -> Self {
        Self { file: file.to_owned(), text: text.into(), list: Vec::new() }
    }

    /// Notes one more problem.
    pub fn push(&mut self, problem: Problem) {
        self.list.push(problem);
    }

    /// The file as the operator named it.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The text of the file.
    #[must_use]
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Whether nothing was noted, not even a warning.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many problems were noted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether the file cannot be used.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|problem| problem.level == Level::Error)
    }

    /// The problems, in the order of the file once sorted.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.list.iter()
    }

    /// Puts the problems into the order of the file.
    pub fn sort(&mut self) {
        self.list.sort_by_key(|problem| (problem.span.start, problem.span.end));
    }

    /// Line and column, both from 1, of the start of `span`; the column counts
    /// characters, not bytes.
    #[must_use]
    pub fn locate(&self, span: &Range<usize>) -> (usize, usize) {
        let before = &self.text[..boundary(&self.text, span.start)];
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (line, before[start..].chars().count() + 1)
    }

    /// The problems for machines.
    #[must_use]
    pub fn reports(&self) -> Vec<Report> {
        let report = |problem: &Problem| {
            let (line, column) = self.locate(&problem.span);
            let (message, help) = (problem.message.clone(), problem.help.clone());
            Report { file: self.file.clone(), line, column, level: problem.level, message, help }
        };
        self.list.iter().map(report).collect()
    }

    /// The problems for people, as rustc shows its own, without colour.
    #[must_use]
    pub fn render(&self) -> String {
        self.render_with(&Renderer::plain())
    }

    /// The same, in colour, for terminals.
    #[must_use]
    pub fn render_coloured(&self) -> String {
        self.render_with(&Renderer::styled())
    }

    fn render_with(&self, renderer: &Renderer) -> String {
        let mut out = String::new();
        for problem in &self.list {
            if !out.is_empty() {
                out.push('\n');
            }
            out.push_str(&self.render_one(problem, renderer));
            out.push('\n');
        }
        out
    }

    fn render_one(&self, problem: &Problem, renderer: &Renderer) -> String {
        let level = match problem.level {
            Level::Error => annotate_snippets::Level::ERROR,
            Level::Warning => annotate_snippets::Level::WARNING,
        };
        let label = (!problem.label.is_empty()).then_some(problem.label.as_str());
        let mark = AnnotationKind::Primary.span(self.visible(&problem.span)).label(label);
        let snippet = Snippet::source(&*self.text).path(self.file.as_str()).annotation(mark);
        let mut group = level.primary_title(problem.message.as_str()).element(snippet);
        if let Some(help) = &problem.help {
            let help = normalize_untrusted_str(help);
            group = group.element(annotate_snippets::Level::HELP.message(help));
        }
        renderer.render(&[group])
    }

    /// The part of `span` on its first line: underlining a whole multi-line
    /// text says less, not more.
    fn visible(&self, span: &Range<usize>) -> Range<usize> {
        let start = boundary(&self.text, span.start);
        let end = boundary(&self.text, span.end).max(start);
        let line = self.text[start..].find('\n').map_or(self.text.len(), |at| start + at);
        start..end.min(line)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render())
    }
}

impl std::error::Error for Problems {}

/// The nearest place at or before `at` where a character begins or the text ends.
fn boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_shown_as_rustc_shows_its_own() {
        let problem = Problem::error(6..10, "unknown key `titl`")
            .label("not a key of a routine")
            .help("did you mean `title`?");
        let want = "\
error: unknown key `titl`
 --> r.toml:2:1
  |
2 | titl = 1
  | ^^^^ not a key of a routine
  |
  = help: did you mean `title`?
";
        check("a = 1\ntitl = 1\n", problem, want);
    }

    #[test]
    fn only_the_first_line_of_a_long_text_is_underlined() {
        let problem = Problem::warning(4..16, "long").label("here").help("shorten it");
        let want = "\
warning: long
 --> r.toml:1:5
  |
1 | a = [1,
  |     ^^^ here
  |
  = help: shorten it
";
        check("a = [1,\n   2,\n]\n", problem, want);
    }

    #[test]
    fn columns_count_characters() {
        let problems = Problems::new("r.toml", "a = 1\nü = \"ä\" # x\n");
        assert_eq!(problems.locate(&(0..1)), (1, 1));
        let hash = problems.text().find('#').unwrap();
        assert_eq!(problems.locate(&(hash..hash + 1)), (2, 9));
        assert_eq!(problems.locate(&(999..1000)), (3, 1));
    }

    #[test]
    fn spans_beyond_the_text_or_inside_a_character_do_no_harm() {
        for text in ["", "ü", "a\n", "ü\nü"] {
            for start in 0..6 {
                for end in 0..6 {
                    let mut problems = Problems::new("r.toml", text);
                    problems.push(Problem::error(start..end, "odd"));
                    assert!(problems.render().starts_with("error: odd"));
                }
            }
        }
    }

    #[test]
    fn machines_get_line_and_column() {
        let mut problems = Problems::new("r.toml", "a = 1\nb = 2\n");
        problems.push(Problem::error(6..7, "no b").help("drop it"));
        let json = serde_json::to_string(&problems.reports()).unwrap();
        let want =
            r#"[{"file":"r.toml","line":2,"column":1,"level":"error","message":"no b","help":"drop it"}]"#;
        assert_eq!(json, want);
    }

    #[track_caller]
    fn check(text: &str, problem: Problem, want: &str) {
        let mut problems = Problems::new("r.toml", text);
        problems.push(problem);
        assert_eq!(problems.render(), want);
    }
}
