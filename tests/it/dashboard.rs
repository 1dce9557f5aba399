//! The dashboard, as browsers see it.

mod account;
mod api_keys;
mod console;
mod members;
mod overview;
mod roles;
mod secrets;
mod settings;
mod sign_in;
