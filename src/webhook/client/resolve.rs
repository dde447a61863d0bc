//! From names to addresses.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;

/// A lookup which is under way.
pub type Lookup<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Looks names up. The client asks once for each connection and goes to what it was told,
/// so a resolver need not give the same answer twice.
pub trait Resolve: Send + Sync + 'static {
    /// The addresses of a name, the best one first.
    fn resolve<'a>(&'a self, name: &'a str) -> Lookup<'a>;
}

/// Looks names up as the machine does: `/etc/hosts`, then DNS, in the order which the
/// system thinks best.
#[derive(Clone, Copy, Debug)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, name: &'a str) -> Lookup<'a> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}
