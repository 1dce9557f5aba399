//! Signatures by which apps know a caller: JWTs, and what is written over a whole request.
//!
//! Functions of bytes and times that others give. They must not know providers, credentials, the network or the clock.
//! A key is read from what people paste; no error repeats any of it.

pub mod aws;
pub mod jwt;
mod key;
pub mod oauth1;
mod request;

pub use self::key::{Algorithm, KeyEncoding, KeyError, SigningKey};
pub use self::request::{Content, Moment, Signer, Unsigned, strict_query};
