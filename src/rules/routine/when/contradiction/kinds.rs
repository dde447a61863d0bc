//! The types of the values which may pass a test.

use crate::rules::condition::{Literal, Test};

/// Types a single element may have, as a set of bits.
#[derive(Clone, Copy)]
pub(super) struct Kinds(u8);

impl Kinds {
    pub(super) const TEXT: Self = Self(1);
    const NUMBER: Self = Self(2);
    const BOOL: Self = Self(4);
    const NULL: Self = Self(8);
    const OBJECT: Self = Self(16);
    const ALL: Self = Self(31);

    const NAMES: [(Self, &'static str); 5] = [
        (Self::TEXT, "text"),
        (Self::NUMBER, "numbers"),
        (Self::BOOL, "booleans"),
        (Self::NULL, "null"),
        (Self::OBJECT, "objects"),
    ];

    /// The types of elements which may pass the test.
    pub(super) fn of(test: &Test) -> Self {
        match test {
            Test::OneOf(literals) => {
                Self(literals.iter().fold(0, |all, literal| all | Self::of_literal(literal).0))
            }
            Test::Gt(_) | Test::Gte(_) | Test::Lt(_) | Test::Lte(_) => Self::NUMBER,
            Test::Prefix(..)
            | Test::Suffix(..)
            | Test::Contains(..)
            | Test::IEquals(_)
            | Test::Like(..)
            | Test::Regex(_)
            | Test::Cidr(_) => Self::TEXT,
            Test::IsNull => Self::NULL,
            Test::Where(_) => Self::OBJECT,
            _ => Self::ALL,
        }
    }

    fn of_literal(literal: &Literal) -> Self {
        match literal {
            Literal::Text(_) => Self::TEXT,
            Literal::Number(_) => Self::NUMBER,
            Literal::Bool(_) => Self::BOOL,
            Literal::Null => Self::NULL,
        }
    }

    /// Whether the two have a type in common.
    pub(super) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The types as one reads them out: "text and numbers".
    pub(super) fn names(self) -> String {
        let names = Self::NAMES.iter().filter(|(kind, _)| self.has(*kind)).map(|(_, name)| *name);
        names.collect::<Vec<_>>().join(" and ")
    }
}
