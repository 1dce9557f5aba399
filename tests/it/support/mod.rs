//! What the tests share: components of the machine, real servers, waiting. It must not test anything itself.
//!
//! The browser and fault binaries include this folder with `#[path]`, and none of them uses all of it.
#![allow(dead_code, reason = "every test binary uses another part of this folder")]

pub(crate) mod app;
pub(crate) mod browser;
pub(crate) mod components;
pub(crate) mod crowd;
pub(crate) mod database;
pub(crate) mod events;
pub(crate) mod failures;
pub(crate) mod holder;
pub(crate) mod http;
pub(crate) mod identity;
pub(crate) mod keys;
pub(crate) mod line;
pub(crate) mod modal;
pub(crate) mod outside;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod raw_server;
pub(crate) mod receiver;
pub(crate) mod refreshing;
pub(crate) mod replicas;
pub(crate) mod routes;
pub(crate) mod scale;
pub(crate) mod scripted;
pub(crate) mod servers;
pub(crate) mod smtp;
pub(crate) mod statements;
pub(crate) mod under_way;
pub(crate) mod wait;
