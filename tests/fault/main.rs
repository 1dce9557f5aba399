//! The fault tests: a second build of the product, with failure points, is killed, stopped, cut off and starved, and
//! a fake provider that outlives it counts what became of its grants (`refresh.md`, section 11).
//!
//! *Lost* means alive at the provider and dead at the hub. `bash tests/run.sh fault` makes the build.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it counted on the terminal"
)]

mod audit;
mod clock;
mod control;
mod copies;
mod definition;
mod delivery;
mod failover;
mod hot;
mod kill;
mod outage;
mod partition;
mod points;
mod real_servers;
mod rotation;
mod scale;
mod stage;
mod stop;
#[path = "../it/support/mod.rs"]
mod support;
