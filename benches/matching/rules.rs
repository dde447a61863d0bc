//! Sets of routines and events to match, made from a seed.

use std::fmt::Write;

/// Numbers which look random and are always the same.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit
    }

    pub fn letters(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from(b'a' + self.below(26) as u8)).collect()
    }
}

/// Fields of text with a hundred thousand values each, and one of numbers.
const TEXTS: [&str; 10] = [
    "data.order.status",
    "data.order.channel",
    "data.customer.country",
    "data.customer.tier",
    "data.customer.segment",
    "data.shipping.carrier",
    "data.shipping.city",
    "data.payment.method",
    "data.payment.bank",
    "data.agent.team",
];
const NUMBERS: [&str; 4] =
    ["data.order.amount", "data.order.weight", "data.customer.score", "data.payment.fee"];
const IDS: [&str; 3] = ["data.order.id", "data.customer.email", "data.shipping.tracking"];
const TYPES: usize = 500;
const VALUES: usize = 100_000;

/// Which sets of routines there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Seven in ten name a type; exact values, lists, ranges with arbitrary
    /// limits, prefixes, `not`, `exists`; one in ten wildcards or suffixes.
    Mixed,
    /// One exact value, or two.
    Exact,
    /// All share a value and differ in ranges which overlap.
    Ranges,
    /// A range or a negation, of the elements of a list.
    Elements,
    /// A field which must not be there, each another, inside a list.
    Absent,
    /// Wildcards of single letters.
    Wildcards,
    /// Paths sixteen keys deep.
    Deep,
}

/// The text of a routine of a set.
pub fn routine(kind: Kind, number: usize) -> String {
    let mut dice = Dice::new(number as u64 + 17);
    let (trigger, when) = match kind {
        Kind::Mixed => mixed(&mut dice),
        Kind::Exact => {
            let count = 1 + dice.below(2);
            (a_type(&mut dice), (0..count).map(|n| exact(&mut dice, n * 5)).collect())
        }
        Kind::Ranges => {
            let (a, b) = (dice.below(1_000_000), dice.below(1_000_000));
            let range = format!("\"data.order.amount\" = {{ gte = {}, lte = {} }}\n", a.min(b), a.max(b));
            (String::new(), format!("\"data.order.status\" = \"v1\"\n{range}"))
        }
        Kind::Elements if number.is_multiple_of(2) => {
            (String::new(), format!("\"data.list\" = {{ not = {number}, lt = 0 }}\n"))
        }
        Kind::Elements => (
            String::new(),
            format!("\"data.list\" = {{ gt = {number}.25, lt = {number}.75 }}\n\"data.x\" = {number}\n"),
        ),
        Kind::Absent => (
            String::new(),
            format!("\"data.lines.x{number}\" = {{ exists = false }}\n\"data.no{number}\" = 1\n"),
        ),
        Kind::Wildcards => {
            let [a, b, c] = [dice.letters(1), dice.letters(1), dice.letters(1)];
            (String::new(), format!("\"data.note\" = {{ like = \"*{a}*{b}*{c}*q{}*\" }}\n", dice.below(10)))
        }
        Kind::Deep => {
            let path = (0..16).map(|_| format!("k{}", dice.below(2))).collect::<Vec<_>>().join(".");
            (String::new(), format!("\"data.{path}\" = {}\n", dice.below(1000)))
        }
    };
    format!("title = \"x\"\n[on.event]\n{trigger}[when]\n{when}[item]\nqueue = \"q\"\ntitle = \"t\"\n")
}

fn a_type(dice: &mut Dice) -> String {
    format!("type = \"t{}.happened\"\n", dice.below(TYPES))
}

fn exact(dice: &mut Dice, from: usize) -> String {
    let field = TEXTS[from % TEXTS.len() + dice.below(5)];
    format!("\"{field}\" = \"v{}\"\n", dice.below(VALUES))
}

/// Conditions of a mixed routine: one which few events meet, and maybe one
/// which many do.
fn mixed(dice: &mut Dice) -> (String, String) {
    let mut when = String::new();
    let field = |dice: &mut Dice, of: &[&'static str]| of[dice.below(of.len())];
    let selective = match dice.below(10) {
        0..4 => exact(dice, 0),
        4 | 5 => {
            let first = dice.below(VALUES);
            let values =
                [0, 33_100, 67_000].map(|step| format!("\"v{}\"", (first + step) % VALUES)).join(", ");
            format!("\"{}\" = [{values}]\n", field(dice, &TEXTS[..5]))
        }
        6 | 7 => {
            let low = dice.below(1_000_000);
            format!(
                "\"{}\" = {{ gt = {low}.{}, lte = {} }}\n",
                field(dice, &NUMBERS),
                dice.below(100),
                low + 20
            )
        }
        8 => format!("\"{}\" = {{ prefix = \"{}\" }}\n", field(dice, &IDS), dice.letters(5)),
        _ if dice.below(2) == 0 => {
            format!("\"{}\" = {{ suffix = \"{}\" }}\n", field(dice, &IDS), dice.letters(5))
        }
        _ => {
            let (a, b) = (dice.letters(4), dice.letters(2));
            format!("\"{}\" = {{ like = \"*{a}*{b}*\" }}\n", field(dice, &IDS))
        }
    };
    when.push_str(&selective);
    match dice.below(4) {
        0 => drop(writeln!(when, "\"data.agent.name\" = {{ not = \"n{}\" }}", dice.below(VALUES))),
        1 => when.push_str("\"data.payment.refunded\" = { exists = false }\n"),
        _ => {}
    }
    let trigger = if dice.below(10) < 7 { a_type(dice) } else { String::new() };
    (trigger, when)
}

/// The type and the data of an event: about 1 KB with 29 leaves.
pub fn event(number: usize) -> (String, String) {
    let dice = &mut Dice::new(number as u64 + 1_000_003);
    let mut value = |_: usize| format!("v{}", dice.below(VALUES));
    let texts = (0..10).map(&mut value).collect::<Vec<_>>();
    let id = |dice: &mut Dice| format!("{}-{}", dice.letters(12), dice.below(100_000));
    let numbers = [(); 4].map(|()| format!("{}.{:02}", dice.below(1_000_000), dice.below(100)));
    let ids = [(); 3].map(|()| id(dice));
    let data = format!(
        r#"{{"order":{{"id":"{}","status":"{}","channel":"{}","amount":{},"weight":{},"placed_at":"2026-03-02T09:00:00Z","currency":"EUR","lines":3}},"customer":{{"email":"{}@example.com","country":"{}","tier":"{}","segment":"{}","score":{},"vip":true,"since":"2019-04-05","language":"de"}},"shipping":{{"tracking":"{}","carrier":"{}","city":"{}","express":false,"eta":"2026-03-09","note":"leave it with the neighbours, and ring twice before that, please"}},"payment":{{"method":"{}","bank":"{}","fee":{},"refunded":null,"attempts":1}},"agent":{{"name":"n{}","team":"{}"}},"note":"{}"}}"#,
        ids[0],
        texts[0],
        texts[1],
        numbers[0],
        numbers[1],
        ids[1],
        texts[2],
        texts[3],
        texts[4],
        numbers[2],
        ids[2],
        texts[5],
        texts[6],
        texts[7],
        texts[8],
        numbers[3],
        dice.below(VALUES),
        texts[9],
        dice.letters(120),
    );
    (format!("t{}.happened", dice.below(TYPES)), data)
}
