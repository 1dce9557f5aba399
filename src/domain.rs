//! What the hub knows, as plain values: pure state and its transitions. A transition takes `self` and `now` and
//! knows no database, no network and no HTTP.

pub mod activity;
pub mod actor;
pub mod adoption;
pub mod api_key;
pub mod attempt;
pub mod audit;
pub mod breaker;
pub mod call_path;
pub mod check;
pub mod connector;
pub mod credential;
pub mod data_key;
pub mod event;
pub mod flow;
pub mod history;
pub mod host_pattern;
pub mod integration;
pub mod mail;
pub mod member;
pub mod origin;
pub mod page;
pub mod period;
pub mod refresh;
pub mod reveal;
pub mod revocation;
pub mod role;
pub mod scope;
pub mod secret;
pub mod secret_reference;
pub mod session;
pub mod sign_in;
pub mod theme;
pub mod user;
pub mod webhook;
pub mod workspace;
