//! Our own bearer values: hub API keys, connect session tokens, tickets, `state`. Each exists in two types:
//! plain (shown once, never stored) and hashed (what the database keeps). Credentials of apps live in
//! [`crate::vault`], not here.
