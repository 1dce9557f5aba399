//! Vouchsafe, a self-hosted credential connector hub.
//!
//! A product embeds the connect modal; its users sign in to third-party apps or paste a key; the hub seals
//! what they gave, links it to them, keeps it alive and puts it into calls.
//!
//! # Map
//!
//! | module | what it is for |
//! | --- | --- |
//! | [`cli`] | the command line: arguments, one call, what to print |
//! | [`app`] | the composition root: one state type built from a [`config::Config`] and [`app::Deps`] |
//! | [`http`] | routes, callers, problems and views; sees neither rows nor ciphertext |
//! | [`worker`] | loops around a service call |
//! | [`service`] | the use cases, a file a story |
//! | [`oauth`] | the outbound OAuth protocol; quirks are asked of the provider definition |
//! | [`provider`] | provider definitions: TOML in, requests out; never touches the network |
//! | [`egress`] | the only way out to the network |
//! | [`vault`] | the only sealing and opening |
//! | [`store`] | the only SQL |
//! | [`heads`] | the heads of the audit log, outside the database |
//! | [`journal`] | token answers on disk before anybody reads them |
//! | [`domain`] | pure state and its transitions |
//! | [`config`] | what an operator may set |
//! | [`telemetry`] | logs and metrics |
//! | [`public_suffix`] | which part of a host name somebody has registered |
//! | [`clock`], [`random`] | time and randomness, so that tests can decide them |
//! | [`failpoint`] | places at which fault tests stop the process; nothing without the feature |
//! | [`ids`] | ids of new rows, made of clock and random source |
//! | [`signing`] | signatures: JWTs and those over whole requests; knows neither providers nor the network |
//! | [`secret`] | the hub's own keys and tokens |
//! | [`demo`] | a fake provider with faults and a small host app; knows nothing of the hub |
//!
//! Which module may use which is the table in `tests/it/layering.rs`, which also keeps this map complete.

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod domain;
pub mod egress;
pub mod failpoint;
pub mod heads;
pub mod http;
pub mod ids;
pub mod journal;
pub mod oauth;
pub mod provider;
pub mod public_suffix;
pub mod random;
pub mod secret;
pub mod service;
pub mod signing;
pub mod store;
pub mod telemetry;
pub mod vault;
pub mod worker;

#[cfg(test)]
mod fuzz;
