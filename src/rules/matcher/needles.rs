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

    /// Calls `found` once with the place of each text which stands in this one,
    /// however often it does.
    pub(super) fn find(&self, text: &str, mut found: impl FnMut(usize)) {
        match &self.automaton {
            Some(automaton) => {
                let mut seen = vec![false; self.texts.len()];
                for hit in automaton.find_overlapping_iter(text) {
                    let place = hit.pattern().as_usize();
                    if !std::mem::replace(&mut seen[place], true) {
                        found(place);
                    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::matcher::candidate::Candidate;

    #[test]
    fn a_text_is_found_once_however_often_it_stands_there() {
        for count in [2, 20] {
            let entry = |number| {
                let one = Posting::One(Candidate { number, needs: 0 });
                ("a".repeat(number as usize + 1).into_boxed_str(), one)
            };
            let needles = Needles::new((0..count).map(entry).collect());
            let mut found = Vec::new();
            needles.find(&"a".repeat(10), |place| found.push(place));
            found.sort_unstable();
            assert_eq!(found, (0..10.min(count as usize)).collect::<Vec<_>>());
        }
    }
}
