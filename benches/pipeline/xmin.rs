//! A transaction holds xmin open through a million events: what a pass costs at
//! the end, beside what it cost at the start.

use crate::bed::{Bed, options, routines};
use hearken::daemon::load::load_texts;
use hearken::daemon::pass::{Care, EventPass, Learned, PassEnd, Reader};
use hearken::daemon::reload::force;
use hearken::pg::enqueue::Writer;
use hearken::pg::log::LogReader;
use hearken::pg::page::PageLimits;
use hearken::pg::paused::PauseReader;
use hearken::pg::session::{Session, SessionRole};
use std::time::Instant;

const EVENTS: usize = 1_000_000;
const PAGE: usize = 500;
/// So many passes at each end are compared.
const SAMPLE: usize = 100;

pub async fn run(bed: &mut Bed) -> anyhow::Result<()> {
    let db = bed.database().await?;
    let holder = crate::bed::connect(&db.url).await?;
    // It has an id and a snapshot, as a forgotten transaction of an application.
    holder.batch_execute("begin isolation level repeatable read; select pg_current_xact_id()").await?;
    let session = Session::open(&options(&db.url), SessionRole::Work, None).await?;
    let reader = LogReader::prepare(&session).await?;
    let writer = Writer::prepare(&session, Default::default()).await?;
    let pauses = PauseReader::prepare(&session).await?;
    reader.begin(&session).await?;
    let force = force(load_texts(&routines())?);
    let limits = PageLimits { rows: PAGE as i64, bytes: 4 << 20, data_max: 1 << 20 };
    let pass = EventPass {
        session: &session,
        reader: Reader::Log(&reader),
        writer: &writer,
        force: &force,
        limits,
        care: Care::Together,
        trouble: None,
        each: None,
        pauses: &pauses,
    };
    let mut cost = Vec::new();
    let mut done = 0;
    while done < EVENTS {
        db.fill(100_000).await?;
        done += 100_000;
        loop {
            let began = Instant::now();
            match pass.run(&mut Learned::default()).await? {
                PassEnd::Worked(work, ..) if work.events == PAGE => {
                    cost.push(began.elapsed().as_secs_f64() * 1e3)
                }
                PassEnd::Worked(..) => {}
                PassEnd::Empty(_) => break,
                PassEnd::Taken => anyhow::bail!("taken"),
            }
        }
    }
    let mean = |passes: &[f64]| passes.iter().sum::<f64>() / passes.len() as f64;
    let (first, last) = (mean(&cost[10..10 + SAMPLE]), mean(&cost[cost.len() - SAMPLE..]));
    println!(
        "\nxmin held through {EVENTS} events: a pass of {PAGE} took {first:.2} ms at the start and {last:.2} ms at the end, ratio {:.2} (bound 2)",
        last / first
    );
    bed.note("xmin", serde_json::json!({ "first_ms": first, "last_ms": last, "ratio": last / first }))
}
