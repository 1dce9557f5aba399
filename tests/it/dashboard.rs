//! The dashboard, as browsers see it.

mod account;
mod api_keys;
mod attempts;
mod bulk;
mod credentials;
mod members;
mod overview;
mod roles;
mod settings;
mod sign_in;
mod users;
