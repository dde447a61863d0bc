//! A lively stream of events, such as a shop writes them.
//!
//! Pure, and the same for the same seed, so that two runs of the demo tell the
//! same story.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use std::time::Duration;

/// The longest pause, in mean pauses: chance may make it longer, a spectator
/// would think that the demo hangs.
const PAUSE_MAX: f64 = 3.0;

/// Countries with their currency and the team which looks after them.
const MARKETS: [(&str, &str, &str); 6] = [
    ("DE", "EUR", "support-eu"),
    ("FR", "EUR", "support-eu"),
    ("US", "USD", "support-us"),
    ("GB", "GBP", "support-uk"),
    ("CH", "CHF", "support-eu"),
    ("SE", "SEK", "support-eu"),
];
const REASONS: [&str; 5] =
    ["arrived damaged", "wrong size", "never arrived", "ordered twice", "other colour"];
const NAMES: [&str; 8] = ["ada", "grace", "edsger", "barbara", "donald", "frances", "tony", "margaret"];
const PLANS: [&str; 5] = ["trial", "trial", "starter", "team", "business"];
const METHODS: [&str; 3] = ["card", "sepa_debit", "paypal"];
const PAGES: [&str; 5] = ["/", "/pricing", "/docs/quickstart", "/blog/exactly-once", "/account"];

/// One event, before it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct DemoEvent {
    /// How long after the event before it happens.
    pub pause: Duration,
    /// Its type.
    pub kind: &'static str,
    /// The application it comes from.
    pub source: &'static str,
    /// What it happened to.
    pub subject: String,
    /// What happened.
    pub data: Value,
    /// The same in a few words, for people.
    pub told: String,
}

/// Whose refund it is, so that it can be amended.
#[derive(Clone, Debug)]
struct Refund {
    id: String,
    currency: &'static str,
    data: Value,
}

/// The stream; it has no end.
#[derive(Debug)]
pub struct Stream {
    random: StdRng,
    pause_mean: Duration,
    number: u32,
    refund: Option<Refund>,
}

impl Stream {
    /// A stream of about `rate` events a second, never fewer than one.
    #[must_use]
    pub fn new(seed: u64, rate: u32) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed),
            pause_mean: Duration::from_secs(1) / rate.max(1),
            number: 1000,
            refund: None,
        }
    }

    fn pick<T: Copy, const N: usize>(&mut self, from: &[T; N]) -> T {
        from[self.random.random_range(0..N)]
    }

    /// A pause as between calls at a switchboard, so that events come in bursts.
    fn pause(&mut self) -> Duration {
        let luck: f64 = self.random.random_range(0.0..1.0);
        self.pause_mean.mul_f64((-(1.0 - luck).ln()).min(PAUSE_MAX))
    }

    /// An amount in cents; nearly half are 500 or more.
    fn cents(&mut self) -> u32 {
        let whole: u32 = if self.random.random_bool(0.45) {
            self.random.random_range(500..2400)
        } else {
            self.random.random_range(15..500)
        };
        whole * 100 + self.pick(&[0_u32, 0, 0, 50, 99])
    }

    fn customer(&mut self) -> (String, Value) {
        let id = format!("c-{}", self.random.random_range(100..400_u32));
        let vip = self.random.random_bool(0.2);
        (id.clone(), json!({ "id": id, "vip": vip }))
    }

    fn refund_requested(&mut self) -> DemoEvent {
        let id = format!("r-{}", self.number);
        let (country, currency, team) = self.pick(&MARKETS);
        let cents = self.cents();
        let (customer_id, customer) = self.customer();
        let reason = self.pick(&REASONS);
        let data = json!({
            "refund_id": id, "amount": amount(cents), "currency": currency, "country": country,
            "team": team, "customer": customer, "reason": reason,
        });
        let told = format!("{} {currency} for {customer_id} in {country}, {reason}", money(cents));
        self.refund = Some(Refund { id: id.clone(), currency, data: data.clone() });
        event("refund.requested", "shop", id, data, told)
    }

    /// The last refund asks for another amount; without one it is a new refund.
    fn refund_amended(&mut self) -> DemoEvent {
        let Some(mut refund) = self.refund.take() else { return self.refund_requested() };
        let cents = self.cents();
        refund.data["amount"] = amount(cents);
        refund.data["reason"] = json!("amended by support");
        let told = format!("now {} {}", money(cents), refund.currency);
        event("refund.amended", "shop", refund.id, refund.data, told)
    }

    fn user_signed_up(&mut self) -> DemoEvent {
        let id = format!("u-{}", self.number);
        let email = format!("{}.{}@example.com", self.pick(&NAMES), self.number);
        let plan = self.pick(&PLANS);
        let (country, _, _) = self.pick(&MARKETS);
        let told = format!("{email}, plan {plan}, {country}");
        let data = json!({ "user_id": id, "email": email, "plan": plan, "country": country });
        event("user.signed_up", "accounts", id, data, told)
    }

    fn payment_failed(&mut self) -> DemoEvent {
        let id = format!("p-{}", self.number);
        let (_, currency, _) = self.pick(&MARKETS);
        let cents = self.cents();
        let (customer_id, _) = self.customer();
        let attempt = self.pick(&[1_u32, 1, 2, 3]);
        let method = self.pick(&METHODS);
        let told = format!("{} {currency} by {method} from {customer_id}, attempt {attempt}", money(cents));
        let data = json!({
            "payment_id": id, "customer": customer_id, "amount": amount(cents), "currency": currency,
            "attempt": attempt, "method": method,
        });
        event("payment.failed", "billing", id, data, told)
    }

    fn order_created(&mut self) -> DemoEvent {
        let id = format!("o-{}", self.number);
        let (country, currency, _) = self.pick(&MARKETS);
        let cents = self.cents();
        let (customer_id, customer) = self.customer();
        let lines = self.random.random_range(1..6_u32);
        let told = format!("{lines} lines, {} {currency} from {customer_id}", money(cents));
        let data = json!({
            "order_id": id, "total": amount(cents), "currency": currency, "country": country,
            "lines": lines, "customer": customer,
        });
        event("order.created", "shop", id, data, told)
    }

    fn page_viewed(&mut self) -> DemoEvent {
        let page = self.pick(&PAGES);
        let millis = self.random.random_range(8..400_u32);
        let data = json!({ "path": page, "duration_ms": millis });
        event("page.viewed", "web", page.to_owned(), data, format!("in {millis} ms"))
    }
}

impl Iterator for Stream {
    type Item = DemoEvent;

    fn next(&mut self) -> Option<DemoEvent> {
        self.number += 1;
        let pause = self.pause();
        let event = match self.random.random_range(0..100_u32) {
            0..18 => self.refund_requested(),
            18..24 => self.refund_amended(),
            24..38 => self.user_signed_up(),
            38..53 => self.payment_failed(),
            53..70 => self.order_created(),
            _ => self.page_viewed(),
        };
        Some(DemoEvent { pause, ..event })
    }
}

fn event(kind: &'static str, source: &'static str, subject: String, data: Value, told: String) -> DemoEvent {
    DemoEvent { pause: Duration::ZERO, kind, source, subject, data, told }
}

/// An amount as JSON: whole where it is whole.
fn amount(cents: u32) -> Value {
    if cents.is_multiple_of(100) { json!(cents / 100) } else { json!(f64::from(cents) / 100.0) }
}

fn money(cents: u32) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_same_seed_gives_the_same_stream() {
        let first: Vec<DemoEvent> = Stream::new(7, 4).take(200).collect();
        let second: Vec<DemoEvent> = Stream::new(7, 4).take(200).collect();
        assert_eq!(first, second);
        let other: Vec<DemoEvent> = Stream::new(8, 4).take(200).collect();
        assert_ne!(first, other);
    }

    #[test]
    fn every_kind_a_routine_wants_comes_soon() {
        let kinds: BTreeSet<&str> = Stream::new(7, 4).take(200).map(|event| event.kind).collect();
        for kind in ["payment.failed", "refund.amended", "refund.requested", "user.signed_up"] {
            assert!(kinds.contains(kind), "no {kind} among {kinds:?}");
        }
    }

    #[test]
    fn the_rate_is_about_what_was_asked_for() {
        let seconds: f64 = Stream::new(7, 4).take(2000).map(|event| event.pause.as_secs_f64()).sum();
        assert!((425.0..550.0).contains(&seconds), "{seconds} s for 2000 events");
    }

    #[test]
    fn a_refund_is_amended_under_its_own_number() {
        let mut requested = BTreeSet::new();
        for event in Stream::new(7, 4).take(500) {
            assert!(!event.subject.is_empty());
            match event.kind {
                "refund.requested" => assert!(requested.insert(event.subject)),
                "refund.amended" => {
                    assert!(requested.contains(&event.subject));
                    assert_eq!(event.data["refund_id"], event.subject.as_str());
                }
                _ => {}
            }
        }
    }

    #[test]
    fn whole_amounts_are_whole_in_json() {
        assert_eq!(amount(95_000).to_string(), "950");
        assert_eq!(amount(95_050).to_string(), "950.5");
        assert_eq!(money(95_050), "950.50");
    }
}
