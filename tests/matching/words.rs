//! The vocabulary of random routines and events: small, so that they meet, and
//! full of what is easily taken for something else.

/// What a field usually holds, and so what is usually asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A number.
    Number,
    /// A boolean.
    Flag,
    /// Text which is an address, more or less.
    Address,
    /// Text among the attributes of an event.
    Attribute,
    /// An object, or an array of them.
    Object,
}

/// Texts: beginnings of each other, pairs which differ in case only, texts which
/// spell other types, and characters with a meaning in patterns.
pub const TEXTS: &[&str] = &[
    "a",
    "ab",
    "abc",
    "A",
    "b",
    "",
    "book-1",
    "Book-2",
    "straße",
    "STRASSE",
    "İ",
    "ı",
    "ΟΔΟΣ",
    "οδος",
    "οδοσα",
    "1",
    "true",
    "null",
    "a*b",
    "a\\b",
    "\"a\"",
    "x.y",
    "日本",
    "e\u{301}",
];

/// Parts of those, to look for.
pub const PARTS: &[&str] =
    &["a", "b", "ab", "book-", "A", "ss", "ß", "Σ", "ς", "οδοσ", "i", "İ", "1", "*", "", "本"];

/// Numbers as they are spelled: equal ones with different texts, neighbours
/// beyond 2⁵³, decimals which floats cannot hold, and signs.
pub const NUMBERS: &[&str] = &[
    "0",
    "1",
    "2",
    "3",
    "10",
    "-1",
    "-0",
    "0.0",
    "1.0",
    "1e0",
    "1e1",
    "0.1",
    "0.10",
    "1e-1",
    "0.3",
    "1.5",
    "-0.5",
    "100",
    "9007199254740992",
    "9007199254740993",
    "9007199254740993.0",
    "9007199254740992.5",
    "-9007199254740993",
    "12345678901234567890123",
    "12345678901234567890123.5",
];

/// Addresses, and what only looks like one.
pub const ADDRESSES: &[&str] = &[
    "10.1.2.3",
    "10.2.0.0",
    "10.0.0.0",
    "11.0.0.1",
    "192.0.2.7",
    "192.0.2.8",
    "2001:db8::1",
    "2001:0DB8:0::1",
    "2001:db9::1",
    "::ffff:10.1.2.3",
    "::1",
    "10.1.2",
    "10.1.2.3/32",
    "010.1.2.3",
    " 10.1.2.3",
    "ten",
];

/// Ranges of addresses.
pub const RANGES: &[&str] = &[
    "10.0.0.0/8",
    "10.1.0.0/16",
    "192.0.2.7",
    "192.0.2.6/31",
    "0.0.0.0/0",
    "2001:db8::/32",
    "2001:db8::1",
    "::/0",
    "::ffff:0:0/96",
];

/// What attributes of events hold.
pub const ATTRIBUTES: &[&str] = &[
    "order.placed",
    "order.paid",
    "order.line.added",
    "refund.requested",
    "shop",
    "Shop",
    "e-1",
    "e-2",
    "order/7",
    "acme",
    "2026-03-02T09:00:00Z",
    "2026-03-02T09:00:00.5Z",
];

/// Parts of those.
pub const ATTRIBUTE_PARTS: &[&str] =
    &["order", "order.", "e-", "2026-03-02", "Z", "o", "SHOP", "7", "refund.requested", "10.", "::"];

/// Patterns of `like`.
pub const LIKES: &[&str] = &[
    "a*", "*b", "a*b", "*", "book-*", "*o*", "a\\*b", "a\\\\b", "*ß*", "ΟΔ*Σ", "*-*", "a", "*a*b*", "*:*",
    "*.*",
];

/// Expressions of `regex`.
pub const PATTERNS: &[&str] =
    &["^book-[0-9]$", "a.*b", "(?i)^strasse$", "^$", "[0-9]+", "b", "^a", "^.$", "\\.", "(?i)σ", "e$"];

/// Texts which name a value of this kind.
pub fn values(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Address => ADDRESSES,
        Kind::Attribute => ATTRIBUTES,
        Kind::Text | Kind::Number | Kind::Flag | Kind::Object => TEXTS,
    }
}

/// Texts to look for in a value of this kind.
pub fn parts(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Address | Kind::Attribute => ATTRIBUTE_PARTS,
        Kind::Text | Kind::Number | Kind::Flag | Kind::Object => PARTS,
    }
}
