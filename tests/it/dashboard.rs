//! The dashboard, as browsers see it.

mod account;
mod api_keys;
mod attempts;
mod audit;
mod bulk;
mod connectors;
mod console;
mod credentials;
mod editors;
mod environments;
mod events;
mod guesses;
mod integrations;
mod lists;
mod members;
mod overview;
mod problems;
mod roles;
mod secrets;
mod settings;
mod sign_in;
mod single_sign_on;
mod theme;
mod undo;
mod users;
mod webhooks;
