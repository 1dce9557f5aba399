//! The integration tests: one binary, run once per database.
//!
//! `TEST_DB` says which (`sqlite`, the default, or `postgres`); see `tests/run.sh`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on the terminal"
)]

pub(crate) mod api;
mod backfill;
mod canary;
mod cli;
mod config;
mod contract;
mod dashboard;
mod entity_drift;
mod flow;
mod generated;
mod harness;
mod headers;
mod icons;
mod layering;
mod openapi;
mod providers;
mod real;
mod routes;
mod status_filter;
mod support;
mod timing;
mod unauthorized;
