//! Delivers webhooks: the deliverer as the handler of a worker, in a daemon beside the
//! passes, and in `hearken work --webhooks` alone.
//!
//! Every daemon delivers, not the leader only: the leases of the inbox see to it that no
//! two have the same item. It has sessions of its own, and whatever happens to it, the
//! passes do not notice. It begins once there is any use: the settings have `[webhooks]`
//! or `[endpoint.NAME]`, or some routine has `[webhook]`; and then stays, since items may
//! wait for days after the routine is gone.

use super::pass::Force;
use super::status::Status;
use crate::config::{Config, DeliverMode, Webhooks};
use crate::pg::connect::ConnectOptions;
use crate::rules::name::QueueName;
use crate::webhook::client::{Client, ClientSettings, SetupError};
use crate::webhook::deliver::{self, Deliverer, Ending, Patience};
use crate::work::{self, Answer, Handler, Hold, Leased, Retry, Run, Stop, Summary, WorkError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// A daemon which is told to stop waits so long for requests which are under way; then
/// their items are given back.
pub const GRACE: Duration = Duration::from_secs(8);
/// Before it is tried again to begin.
const BEGIN_AGAIN: Duration = Duration::from_secs(30);

/// Why nothing is delivered.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// The settings of the HTTP client are wrong.
    // Not as a source: whoever writes out the chain would say it twice.
    #[error("[webhooks]: {0}")]
    Setup(SetupError),
    /// The worker did not begin, or could not go on.
    #[error(transparent)]
    Work(#[from] WorkError),
}

impl From<SetupError> for DeliverError {
    fn from(error: SetupError) -> Self {
        Self::Setup(error)
    }
}

/// How a deliverer works, besides what the settings say.
#[derive(Clone, Debug)]
pub struct How {
    /// The name by which it is known in the inbox and in the log.
    pub worker: String,
    /// The queues; those of the settings, if there is none.
    pub queues: Vec<QueueName>,
    /// When it ends by itself.
    pub run: Run,
    /// How long requests may take once it is told to stop.
    pub grace: Duration,
}

/// Delivers until it is told to stop, or as long as `how` says.
///
/// # Errors
///
/// See [`DeliverError`]. Later trouble is logged and waited out.
pub async fn deliver(
    config: &Config,
    options: ConnectOptions,
    how: How,
    stop: Stop,
) -> Result<Summary, DeliverError> {
    let webhooks = config.webhooks.clone().unwrap_or_default();
    let client = Client::new(client_settings(&webhooks))?;
    let queues = if how.queues.is_empty() { webhooks.queues.clone() } else { how.queues };
    let settings = deliver::Settings {
        worker: how.worker.clone(),
        queues: queues.clone(),
        in_flight: webhooks.in_flight,
        per_endpoint: webhooks.per_endpoint,
        patience: Patience {
            failures: webhooks.pause_after,
            first: webhooks.pause_first,
            longest: webhooks.pause_max,
        },
        endpoints: config.endpoint.clone(),
    };
    let work = work::Settings {
        worker: how.worker,
        queues,
        slots: settings.slots(),
        lease: Some(webhooks.lease),
        tags: None,
        run: how.run,
        grace: how.grace,
        poll: work::POLL_DEFAULT,
    };
    let courier = Arc::new(Courier { deliverer: Deliverer::start(options.clone(), settings, client) });
    let ended = work::run(options, work, courier.clone(), stop).await;
    courier.deliverer.finish().await;
    Ok(ended?)
}

/// Delivers in a daemon until `stop` becomes true, if there is anything to deliver.
pub async fn beside_the_passes(
    config: Arc<Config>,
    options: ConnectOptions,
    force: watch::Receiver<Arc<Force>>,
    status: Arc<Status>,
    worker: String,
    stop: watch::Receiver<bool>,
) {
    if config.webhooks.as_ref().is_some_and(|webhooks| webhooks.deliver == DeliverMode::Off) {
        return;
    }
    tokio::select! {
        () = until_of_use(&config, force) => {}
        () = told(stop.clone()) => return,
    }
    loop {
        status.fact("webhooks", "delivering");
        tracing::info!("webhooks are delivered");
        let how = How { worker: worker.clone(), queues: Vec::new(), run: Run::Forever, grace: GRACE };
        match deliver(&config, options.clone(), how, Stop::when(stop.clone())).await {
            Ok(_) => return,
            Err(error) => {
                // A fact and no trouble: passes and items do not depend on it.
                status.fact("webhooks", error.to_string());
                tracing::error!(error = %error, "webhooks are not delivered; again in {BEGIN_AGAIN:?}");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(BEGIN_AGAIN) => {}
            () = told(stop.clone()) => return,
        }
    }
}

/// Waits until the value is true, or nobody is left who could say so.
async fn told(mut stop: watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Waits until there may be something to deliver.
async fn until_of_use(config: &Config, mut force: watch::Receiver<Arc<Force>>) {
    if config.webhooks.is_some() || !config.endpoint.is_empty() {
        return;
    }
    let delivers = |force: &Arc<Force>| {
        let mut items = force.set.routines.iter().flat_map(|routine| &routine.items);
        items.any(|item| item.webhook.is_some())
    };
    let gone = force.wait_for(delivers).await.is_err();
    if gone {
        // Who reloads the routines is gone, and we shall be stopped.
        std::future::pending::<()>().await;
    }
}

fn client_settings(webhooks: &Webhooks) -> ClientSettings {
    let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
    ClientSettings {
        allow_http: webhooks.allow_http.clone(),
        allow_private: webhooks.allow_private.clone(),
        response_bytes: count(webhooks.response_bytes),
        idle_per_host: count(webhooks.per_endpoint),
        ca_file: webhooks.ca_file.clone(),
    }
}

/// Who carries items to their endpoints: a deliverer, as the handler of a worker.
struct Courier {
    deliverer: Deliverer,
}

impl Handler for Courier {
    async fn handle(self: Arc<Self>, item: Leased, hold: Hold) -> Answer {
        tokio::select! {
            biased;
            // Somebody else delivers it by now. What we sent may have arrived as well.
            () = hold.lost() => Answer::Lost,
            ending = self.deliverer.deliver(&item) => answer(ending),
        }
    }
}

fn answer(ending: Ending) -> Answer {
    match ending {
        Ending::Delivered(result) => Answer::Done(Some(result)),
        Ending::Again { error, pause } => Answer::Failed { error, retry: Retry::After(pause) },
        Ending::Never(error) => Answer::Failed { error, retry: Retry::Never },
        Ending::Later { pause, note } => Answer::Snoozed { pause, note },
    }
}
