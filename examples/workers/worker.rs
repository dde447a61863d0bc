//! A worker, to begin a worker of your own with: `worker QUEUE...`, with
//! `DATABASE_URL` in the environment.

use serde_json::{Value, json};
use std::future::poll_fn;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, Error, NoTls};

const LEASE: &str = "select id, token, context, \
    extract(epoch from lease_until - hearken.now())::float8 from hearken.lease($1, $2)";
const PAUSE: &str = "select extract(epoch from hearken.next_due($1) - hearken.now())::float8";

struct Item {
    id: i64,
    token: i64,
    context: Value,
    lasts: Duration,
}

enum Answer {
    Done(Value),
    /// It cannot be done yet, and that is nobody's failure.
    NotNow {
        pause: &'static str,
        note: &'static str,
    },
    Failed(String),
    /// It will fail however often it is tried.
    NoUse(String),
    /// The worker is told to stop: another one shall do it, and the attempt does not count.
    Released,
    /// Somebody else has it, or nobody wants it done any more.
    Lost,
}

/// Yours. It is dropped where it waits when the lease is lost, or the worker told to stop.
async fn handle(item: &Item) -> Answer {
    let Some(name) = item.context["name"].as_str() else {
        return Answer::NoUse("there is no name to greet".to_owned());
    };
    let opens = Duration::from_secs(item.context["opens"].as_u64().unwrap_or_default());
    if SystemTime::now() < SystemTime::UNIX_EPOCH + opens {
        return Answer::NotNow { pause: "1 second", note: "not open yet" };
    }
    match Duration::try_from_secs_f64(item.context["seconds"].as_f64().unwrap_or_default()) {
        Ok(long) => sleep(long).await, // long work
        Err(error) => return Answer::Failed(error.to_string()),
    }
    Answer::Done(json!({ "greeting": format!("hello {name}") }))
}

/// Extends the lease at a third of its time, on another connection than the work's. Ends when it is lost.
async fn beat(db: &Client, item: &Item) {
    let mut ends = Instant::now() + item.lasts;
    loop {
        sleep_until(ends.min(Instant::now() + item.lasts / 3)).await;
        let asked = Instant::now();
        let this: [&(dyn ToSql + Sync); 2] = [&item.id, &item.token];
        match timeout_at(ends, db.query_one("select hearken.extend($1, $2)", &this)).await {
            Ok(Ok(row)) if row.get::<_, &str>(0) == "extended" => ends = asked + item.lasts,
            Ok(Ok(_)) => return,
            // Whether somebody else has it by now cannot be known: past its end the lease is lost.
            _ if Instant::now() >= ends => return,
            _ => {}
        }
    }
}

async fn connect(url: &str, rung: Arc<Notify>) -> Result<Client, Error> {
    let (client, mut connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
            if matches!(message, AsyncMessage::Notification(_)) {
                rung.notify_one();
            }
        }
        rung.notify_one(); // the connection broke: whoever sleeps finds out
    });
    Ok(client)
}

type AnyValue = Box<dyn ToSql + Sync + Send>;

fn value(value: impl ToSql + Sync + Send + 'static) -> AnyValue {
    Box::new(value)
}

/// Answers. If the connection breaks, once more on a new one: the same answer twice does no harm.
async fn tell(url: &str, db: &Client, item: &Item, answer: Answer) -> Result<String, Error> {
    let (call, values) = match answer {
        Answer::Done(result) => ("complete($1, $2, $3)", vec![value(result)]),
        Answer::NotNow { pause, note } => {
            ("snooze($1, $2, $3::text::interval, $4)", vec![value(pause), value(note)])
        }
        Answer::Failed(error) => ("fail($1, $2, $3)", vec![value(error)]),
        Answer::NoUse(error) => ("fail($1, $2, $3, retry => false)", vec![value(error)]),
        Answer::Released => ("release($1, $2)", vec![]),
        Answer::Lost => return Ok("lost".to_owned()),
    };
    let sql = format!("select hearken.{call}");
    let mut all: Vec<&(dyn ToSql + Sync)> = vec![&item.id, &item.token];
    all.extend(values.iter().map(|value| &**value as &(dyn ToSql + Sync)));
    let row = match db.query_one(&sql, &all).await {
        Err(_) if db.is_closed() => connect(url, Arc::default()).await?.query_one(&sql, &all).await?,
        answer => answer?,
    };
    Ok(row.get(0))
}

/// Works on the queues until it is told to stop, or the connection breaks.
pub async fn work(url: &str, queues: &[String], stop: &mut watch::Receiver<bool>) -> Result<(), Error> {
    let rung = Arc::new(Notify::new());
    let (db, bells) = (connect(url, rung.clone()).await?, connect(url, rung.clone()).await?);
    for queue in queues {
        bells.batch_execute(&format!("listen \"hearken:{}\"", queue.replace('"', "\"\""))).await?;
    }
    let worker = format!("rust:{}", std::process::id());
    while !*stop.borrow() {
        if let Some(row) = db.query_opt(LEASE, &[&worker, &queues]).await? {
            let lasts = Duration::from_secs_f64(row.get::<_, f64>(3).max(0.0));
            let (id, token, context) = (row.get(0), row.get(1), row.get(2));
            let item = Item { id, token, context, lasts };
            let answer = tokio::select! {
                answer = handle(&item) => answer,
                () = beat(&bells, &item) => Answer::Lost,
                _ = stop.changed() => Answer::Released,
            };
            let word = tell(url, &db, &item, answer).await?;
            println!("{} {word}", item.id);
            continue;
        }
        let pause: Option<f64> = db.query_one(PAUSE, &[&queues]).await?.get(0);
        let pause = Duration::from_secs_f64(pause.unwrap_or(30.0).clamp(0.05, 30.0));
        tokio::select! {
            _ = timeout(pause, rung.notified()) => {}
            _ = stop.changed() => {}
        }
    }
    Ok(())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let url = std::env::var("DATABASE_URL")?;
    let queues: Vec<String> = std::env::args().skip(1).collect();
    let (tell_stop, mut stop) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        terminate.recv().await;
        let _ = tell_stop.send(true);
        std::future::pending::<()>().await; // the channel stays open
    });
    while let Err(error) = work(&url, &queues, &mut stop).await {
        eprintln!("{error}");
        sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}
