//! A connection which listens.

use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, Client, NoTls};

/// A client, and one `()` for each notification it receives.
pub async fn listen(url: &str, channel: &str) -> anyhow::Result<(Client, mpsc::UnboundedReceiver<()>)> {
    let (client, mut connection) = tokio_postgres::connect(url, NoTls).await?;
    let (bell, bells) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut messages = futures_util::stream::poll_fn(move |context| connection.poll_message(context));
        while let Some(Ok(message)) = messages.next().await {
            if matches!(message, AsyncMessage::Notification(_)) && bell.send(()).is_err() {
                return;
            }
        }
    });
    client.batch_execute(&format!("listen \"{channel}\"")).await?;
    Ok((client, bells))
}
