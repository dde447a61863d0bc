//! The paths which conditions look at, as a tree: only these are walked.

use super::access::{Access, Key};
use crate::rules::path::{Root, Step};
use std::collections::HashMap;

/// A path by its number.
pub(super) type PathId = u32;

/// Paths by their last key. Only routines put keys in, so a quick hash will do.
pub(super) type Below = HashMap<Box<str>, PathId, foldhash::fast::RandomState>;

/// The paths of all conditions of a set.
#[derive(Clone, Debug, Default)]
pub(super) struct Paths {
    nodes: Vec<Node>,
    roots: Vec<(Root, PathId)>,
}

/// A path, and what comes after it.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) below: Below,
    /// The path without its last key.
    pub(super) above: Option<PathId>,
    /// Whether a condition looks at the value here, and not only below it.
    pub(super) ends: bool,
    /// Whether the index asks for the values here.
    pub(super) indexed: bool,
    /// Whether a conjunction needs one certain value here.
    pub(super) valued: bool,
}

impl Paths {
    /// The path below that root, with no regard to quantifiers.
    pub(super) fn insert<'a>(&mut self, root: Root, steps: impl Iterator<Item = &'a Step>) -> PathId {
        let mut path = match self.root(root) {
            Some(path) => path,
            None => {
                let path = self.push(None);
                self.roots.push((root, path));
                path
            }
        };
        for step in steps {
            let Step::Key(key) = step else { continue };
            path = match self.nodes[path as usize].below.get(key) {
                Some(below) => *below,
                None => {
                    let below = self.push(Some(path));
                    self.nodes[path as usize].below.insert(key.clone(), below);
                    below
                }
            };
        }
        self.nodes[path as usize].ends = true;
        path
    }

    fn push(&mut self, above: Option<PathId>) -> PathId {
        let path = PathId::try_from(self.nodes.len()).unwrap_or(PathId::MAX);
        self.nodes.push(Node { below: Below::default(), above, ends: false, indexed: false, valued: false });
        path
    }

    pub(super) fn node(&self, path: PathId) -> &Node {
        &self.nodes[path as usize]
    }

    pub(super) fn roots(&self) -> &[(Root, PathId)] {
        &self.roots
    }

    pub(super) fn root(&self, root: Root) -> Option<PathId> {
        self.roots.iter().find(|(known, _)| *known == root).map(|(_, path)| *path)
    }

    pub(super) fn index(&mut self, access: &Access) {
        let node = &mut self.nodes[access.path as usize];
        node.indexed |= access.keys.iter().any(|key| !matches!(key, Key::Absent));
        node.valued |= access.value().is_some();
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }
}
