//! What the hub knows, as plain values: pure state and its transitions. A transition takes `self` and `now` and
//! knows no database, no network and no HTTP.

pub mod data_key;
