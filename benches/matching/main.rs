//! What it costs to find the routines of an event.
//!
//! `cargo bench --bench matching` measures one event of 1 KB, reading included,
//! among 1,000, 10,000 and 100,000 routines of mixed operators, against asking
//! each routine in turn, and on sets made to hurt. It prints ratios beside
//! criterion's times: those must hold on any machine.

mod rules;

use criterion::{BenchmarkId, Criterion, Throughput};
use hearken::rules::event::Event;
use hearken::rules::matcher::Matcher;
use hearken::rules::name::{RoutineName, SourceName};
use hearken::rules::path::Root;
use hearken::rules::routine::{self, RoutineSet};
use jiff::Timestamp;
use rules::Kind;
use serde_json::Value;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// That of the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn set(kind: Kind, count: usize) -> Arc<RoutineSet> {
    let routine = |number| {
        let name = RoutineName::parse(&format!("r{number}")).expect("a name");
        let text = rules::routine(kind, number);
        Arc::new(
            routine::parse(&name, "bench", &text).unwrap_or_else(|problems| panic!("{}", problems.render())),
        )
    };
    Arc::new(RoutineSet::new((0..count).map(routine).collect()))
}

fn event(kind: &str, data: Value) -> Event {
    Event {
        from: SourceName::log(),
        seq: 1,
        id: "1".into(),
        origin: "bench".into(),
        kind: kind.into(),
        subject: None,
        time: Timestamp::UNIX_EPOCH,
        tenant: None,
        data,
        old: None,
        meta: Value::Null,
        chain: Vec::new(),
    }
}

/// Reads an event as far as needed and matches it.
fn read_and_match(matcher: &Matcher, kind: &str, json: &str) -> usize {
    let data = matcher.reads().read(Root::Data, json.as_bytes()).expect("JSON");
    matcher.matches(&event(kind, data)).len()
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = status.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0);
    pages * 4096
}

/// The time of one event, by hand: the median of many rounds.
fn time_of(mut round: impl FnMut(usize) -> usize) -> Duration {
    let mut times = Vec::new();
    for start in 0..30 {
        let began = Instant::now();
        let mut count = 0;
        while began.elapsed() < Duration::from_millis(20) {
            black_box(round(start * 1000 + count));
            count += 1;
        }
        times.push(began.elapsed() / u32::try_from(count).unwrap_or(1));
    }
    times.sort();
    times[times.len() / 2]
}

/// The times of one event for several, measured in turns, since the machine is
/// not as fast at one moment as at the next: the best of many rounds of each.
fn in_turns<T>(of: &[T], mut round: impl FnMut(&T, usize) -> usize) -> Vec<Duration> {
    let mut best = vec![Duration::MAX; of.len()];
    for start in 0..60 {
        for (one, best) in of.iter().zip(&mut best) {
            let (began, mut count) = (Instant::now(), 0);
            while began.elapsed() < Duration::from_millis(20) {
                black_box(round(one, start * 1000 + count));
                count += 1;
            }
            *best = (*best).min(began.elapsed() / u32::try_from(count).unwrap_or(1));
        }
    }
    best
}

fn mixed(criterion: &mut Criterion) {
    let events = (0..1000).map(rules::event).collect::<Vec<_>>();
    let mut group = criterion.benchmark_group("match one event, reading included");
    group.throughput(Throughput::Elements(1)).measurement_time(Duration::from_secs(3));
    for kind in [Kind::Exact, Kind::Mixed] {
        let mut matchers = Vec::new();
        for count in [1_000, 10_000, 100_000] {
            let set = set(kind, count);
            let (before, began) = (resident(), Instant::now());
            let matcher = Matcher::new(set.clone());
            let built = began.elapsed();
            let memory = resident().saturating_sub(before) / count as u64;
            println!("{kind:?} {count}: index built in {built:.2?}, {memory} bytes a routine");
            matchers.push((count, set, matcher));
        }
        let one = |matcher: &Matcher, n: usize| {
            let (kind, json) = &events[n % events.len()];
            read_and_match(matcher, kind, json)
        };
        let times = in_turns(&matchers, |(_, _, matcher), n| one(matcher, n));
        for ((count, set, matcher), time) in matchers.iter().zip(&times) {
            let matches = (0..events.len()).map(|n| one(matcher, n)).sum::<usize>();
            println!(
                "{kind:?} {count}: {time:.2?} an event, {:.0}/s, {:.2} times 1,000; {:.3} matches an event",
                1.0 / time.as_secs_f64(),
                time.as_secs_f64() / times[0].as_secs_f64(),
                matches as f64 / events.len() as f64,
            );
            let mut n = 0;
            group.bench_function(BenchmarkId::new(format!("{kind:?}"), count), |bencher| {
                bencher.iter(|| {
                    n += 1;
                    one(matcher, n)
                });
            });
            if *count <= 10_000 {
                let naive = time_of(|n| {
                    let (kind, json) = &events[n % events.len()];
                    let event = event(kind, serde_json::from_str(json).expect("JSON"));
                    let wants = |routine: &&Arc<routine::Routine>| match &routine.trigger {
                        routine::Trigger::Event(trigger) => {
                            trigger.wants(&event.from, &event.kind) && routine.when.matches(&event)
                        }
                        _ => false,
                    };
                    set.routines.iter().filter(wants).count()
                });
                println!(
                    "    asking each in turn: {naive:.2?}, {:.0} times",
                    naive.as_secs_f64() / time.as_secs_f64()
                );
            }
        }
    }
    let whole = time_of(|n| {
        let value: Value = serde_json::from_str(&events[n % events.len()].1).expect("JSON");
        usize::from(value.is_object())
    });
    println!("parsing the whole of an event alone: {whole:.2?}; {} bytes", events[0].1.len());
}

fn adversarial() {
    let lines = |count: usize, key: &str| {
        let line = |n: usize| format!("{{\"sku\":\"s{n}\",\"{key}\":1}}");
        (0..count).map(line).collect::<Vec<_>>().join(",")
    };
    let typical = rules::event(7).1;
    let numbers = (0..100_000).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let numbers = format!("{{\"list\":[{numbers}]}}");
    let big = format!("{{\"order\":{{\"status\":\"v1\",\"amount\":5}},\"lines\":[{}]}}", lines(40_000, "n"));
    let deep = format!("{}5{}", "{\"k0\":".repeat(16), "}".repeat(16));
    let long = format!("{{\"note\":\"{}\"}}", "abcdefghijklmnopqrstuvwxyz".repeat(40_000));
    let cases = [
        (
            Kind::Ranges,
            100_000,
            "one value, ranges which overlap",
            r#"{"order":{"status":"v1","amount":500000}}"#.to_owned(),
        ),
        (Kind::Ranges, 100_000, "the same, another value", typical.clone()),
        (
            Kind::Absent,
            10_000,
            "exists = false, a list of 100",
            format!("{{\"lines\":[{}]}}", lines(100, "n")),
        ),
        (Kind::Elements, 10_000, "ranges and negations, a list of 100,000 numbers", numbers),
        (Kind::Absent, 10_000, "exists = false, 1 MB", big.clone()),
        (Kind::Wildcards, 10_000, "*a*b*c*q0*", typical.clone()),
        (Kind::Wildcards, 10_000, "*a*b*c*q0*, 1 MB of text", long),
        (Kind::Deep, 100_000, "sixteen keys deep", deep),
        (Kind::Mixed, 100_000, "mixed, 1 MB", big),
    ];
    for (kind, count, what, json) in cases {
        let set = set(kind, count);
        let began = Instant::now();
        let matcher = Matcher::new(set);
        let built = began.elapsed();
        let matches = read_and_match(&matcher, "t1.happened", &json);
        let time = time_of(|_| read_and_match(&matcher, "t1.happened", &json));
        let heavy = matcher.heavy();
        let culprit =
            heavy.first().map_or("none".to_owned(), |heavy| format!("{} {}", heavy.routines, heavy.why));
        println!(
            "{count} routines, {what}: built in {built:.2?}, {time:.2?} an event of {} bytes, {matches} matches; heavy: {culprit}",
            json.len()
        );
    }
}

fn main() {
    // `cargo bench` passes `--bench`; `cargo test --benches` passes nothing.
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("run with `cargo bench`");
        return;
    }
    let mut criterion = Criterion::default().configure_from_args();
    mixed(&mut criterion);
    adversarial();
    criterion.final_summary();
}
