//! hearken's own engine of workers, in this process, with a handler which does nothing:
//! what compares with the peers' workers, which run their handlers in the process that
//! took the job, too.

use crate::bed::{Database, options};
use crate::store::QUEUE;
use anyhow::Context;
use hearken::rules::name::QueueName;
use hearken::work::{self, Answer, Handler, Hold, Leased, Run, Settings, Stop, Summary};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// Tells when it begins, if somebody wants to know, and is done.
struct Nothing {
    begins: Option<mpsc::UnboundedSender<Instant>>,
}

impl Handler for Nothing {
    fn handle(self: Arc<Self>, _: Leased, _: Hold) -> impl Future<Output = Answer> + Send {
        if let Some(begins) = &self.begins {
            // Nobody listens any more once the part is over.
            let _ = begins.send(Instant::now());
        }
        std::future::ready(Answer::Done(None))
    }
}

fn settings(slots: usize, run: Run) -> anyhow::Result<Settings> {
    Ok(Settings {
        worker: "bench".to_owned(),
        queues: vec![QueueName::parse(QUEUE).ok().context("a name")?],
        slots,
        lease: None,
        tags: None,
        run,
        grace: Duration::from_secs(5),
        poll: Duration::from_secs(30),
    })
}

/// Works off the queue with so many slots; says how many items a second.
pub async fn work_off(db: &Database, items: usize, slots: usize) -> anyhow::Result<f64> {
    let handler = Arc::new(Nothing { begins: None });
    let began = Instant::now();
    let summary = work::run(options(&db.url), settings(slots, Run::Once)?, handler, Stop::never()).await?;
    let rate = items as f64 / began.elapsed().as_secs_f64();
    anyhow::ensure!(summary.done == items as u64, "{} of {items} items are done", summary.done);
    Ok(rate)
}

/// A worker which waits for items, one at a time.
pub struct Waiting {
    begins: mpsc::UnboundedReceiver<Instant>,
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<Summary, work::WorkError>>,
}

impl Waiting {
    pub fn start(db: &Database) -> anyhow::Result<Self> {
        let (sender, begins) = mpsc::unbounded_channel();
        let (stop, stopping) = watch::channel(false);
        let handler = Arc::new(Nothing { begins: Some(sender) });
        let run = work::run(options(&db.url), settings(1, Run::Forever)?, handler, Stop::when(stopping));
        Ok(Self { begins, stop, task: tokio::spawn(run) })
    }

    /// When the next item's handler began.
    pub async fn next(&mut self) -> anyhow::Result<Instant> {
        let begun = tokio::time::timeout(Duration::from_secs(10), self.begins.recv()).await;
        begun.context("no item came")?.context("the worker ended")
    }

    pub async fn end(self) -> anyhow::Result<()> {
        self.stop.send_replace(true);
        self.task.await??;
        Ok(())
    }
}
