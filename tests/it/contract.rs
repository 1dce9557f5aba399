//! Outside judges: what others have published decides whether the hub keeps to what it says.

mod clients;
mod openapi;
mod webhooks;
