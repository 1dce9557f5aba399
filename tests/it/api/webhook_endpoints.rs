//! Webhook endpoints: who is told, and what is told again.

mod create;
mod deliveries;
mod replay;
mod rotate_secret;
mod test;
mod update;
