//! What shows the hub at work without an account anywhere: a fake provider with programmable faults
//! ([`fake`]) and a small host app ([`host`]). `vouchsafe demo` runs both; tests drive the fake.
//!
//! Both are third parties to the hub: they speak HTTP to it and know nothing of its inside.

pub mod fake;
pub mod host;
mod pages;
mod serve;

/// Why a demo server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The listener has no local address.
    #[error("the listener has no address")]
    Listener(#[from] std::io::Error),
    /// A template of the demo is broken.
    #[error("a demo template is broken")]
    Template(#[from] tera::Error),
    /// The HTTP client of the host app could not be built.
    #[error("the host app's HTTP client could not be built")]
    Client(#[from] reqwest::Error),
}
