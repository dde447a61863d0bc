//! Many texts searched for inside another at once: an Aho-Corasick automaton.

use super::level::Posting;
use aho_corasick::{AhoCorasick, AhoCorasickKind};

/// Fewer texts than this are searched for one by one.
const FEW: usize = 4;

/// Texts and what is found under each.
#[derive(Clone, Debug)]
pub(super) struct Needles {
    texts: Box<[Box<str>]>,
    postings: Box<[Posting]>,
    automaton: Option<AhoCorasick>,
}

impl Needles {
    /// Texts, each different, and what is found under each.
    pub(super) fn new(entries: Vec<(Box<str>, Posting)>) -> Self {
        let (texts, postings): (Vec<_>, Vec<_>) = entries.into_iter().unzip();
        // Without an automaton, which only limits of size can prevent, the texts
        // are searched for one by one.
        let build = || {
            let mut builder = AhoCorasick::builder();
            builder.kind(Some(AhoCorasickKind::ContiguousNFA)).build(texts.iter().map(|text| text.as_bytes()))
        };
        let automaton = if texts.len() < FEW { None } else { build().ok() };
        Self { automaton, texts: texts.into(), postings: postings.into() }
    }

    pub(super) fn postings(&self) -> &[Posting] {
        &self.postings
    }

    /// Calls `found` with the place of each text which stands in this one; with
    /// some more than once.
    pub(super) fn find(&self, text: &str, mut found: impl FnMut(usize)) {
        match &self.automaton {
            Some(automaton) => {
                for hit in automaton.find_overlapping_iter(text) {
                    found(hit.pattern().as_usize());
                }
            }
            None => {
                for (place, _) in
                    self.texts.iter().enumerate().filter(|(_, needle)| text.contains(&***needle))
                {
                    found(place);
                }
            }
        }
    }
}
