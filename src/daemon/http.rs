//! `/healthz`, `/readyz`, `/status` and `/metrics`. Nothing here changes
//! anything, and it binds to loopback unless told otherwise.

use super::status::Status;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Serves until the process ends.
///
/// # Errors
///
/// If the address cannot be bound.
pub async fn serve(address: SocketAddr, status: Arc<Status>) -> std::io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    tracing::info!(http.address = %listener.local_addr()?, "serving /healthz, /readyz, /status, /metrics");
    let router = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/status", get(async |State(status): State<Arc<Status>>| Json(status.describe())))
        .route("/metrics", get(metrics))
        .with_state(status);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(error = %error, "serving HTTP ended");
        }
    });
    Ok(())
}

async fn ready(State(status): State<Arc<Status>>) -> Response {
    let troubles = status.troubles();
    if troubles.is_empty() {
        return "ready\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, troubles.join("\n") + "\n").into_response()
}

async fn metrics(State(status): State<Arc<Status>>) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")],
        status.encode_metrics(),
    )
}
