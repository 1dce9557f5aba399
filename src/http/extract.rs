//! What handlers take: the caller first, then path, query and body, each checked before the handler runs.
//!
//! It must not know what the handlers do with it.

mod body;
mod caller;
mod object;
mod path;
mod query;

pub(super) use body::{JsonBody, NoBody, parse, read_body};
pub use caller::client_address;
pub(super) use caller::{
    AuditRead, Caller, ConnectorsRead, ConnectorsWrite, CredentialsRead, CredentialsReveal, CredentialsWrite,
    EventsRead, Everything, KeysWrite, ProvidersRead, Proxy, SecretsRead, SecretsReveal, SecretsWrite,
    SessionsWrite, UsersRead, UsersWrite, WebhooksWrite, authenticate,
};
pub(super) use object::Object;
pub(super) use path::{InPath, Segment};
pub(super) use query::{Flag, Listing, NoFilter, NoQuery, Query};
