//! The hub's face to browsers and callers: pages, assets and what is said in them.
//!
//! It knows HTTP and HTML. It must not know rows, ciphertext or how a credential is made.

pub mod assets;
pub mod connect;
mod files;
pub mod render;
pub mod strings;
