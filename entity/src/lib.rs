//! The rows of Vouchsafe and the types that their columns are made of. They parse and display; they decide
//! nothing, know no HTTP and open no ciphertext.

pub mod id;
pub mod json;
pub mod kind;
pub mod millis;
pub mod sealed;

pub mod activity;
pub mod adoption;
pub mod api_key;
pub mod audit_batch;
pub mod audit_event;
pub mod audit_removal;
pub mod audit_unsealed;
pub mod connect_attempt;
pub mod connect_result;
pub mod connect_session;
pub mod connect_ticket;
pub mod connector;
pub mod credential;
pub mod credential_token;
pub mod data_key;
pub mod delivery;
pub mod environment;
pub mod event;
pub mod expiry_warning;
pub mod flow;
pub mod idempotent_answer;
pub mod integration;
pub mod invitation;
pub mod mail;
pub mod member;
pub mod member_session;
pub mod orphan_token;
pub mod provider_definition;
pub mod provider_pause;
pub mod refresh_failure;
pub mod revocation_job;
pub mod secret;
pub mod secret_environment;
pub mod secret_reference;
pub mod sign_in_bucket;
pub mod spent_token;
pub mod user;
pub mod webhook_endpoint;
pub mod workspace;
