//! The browser tests: Chromium against one HTTPS listener that plays several sites.
//!
//! `app.test` is the product that embeds the modal, `hub.test` the hub, `idp.test` a real authorization server,
//! `fernhill.test` the fake provider.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on the terminal"
)]

mod answers;
#[path = "support/chrome.rs"]
mod chrome;
mod credentials;
mod dashboard;
mod demo;
mod docs;
#[path = "support/front.rs"]
mod front;
mod harness;
mod keys;
mod operating;
mod origins;
mod people;
mod sessions;
mod sign_in;
#[path = "support/stage.rs"]
mod stage;
#[path = "../it/support/mod.rs"]
mod support;
mod windows;
