//! Whole stories: a user connects an app, and the product uses it.

mod api_key;
mod authorization_code;
mod mail;
mod reconnect;
mod refresh;
mod webhook;
