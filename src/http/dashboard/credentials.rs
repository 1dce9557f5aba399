//! Credentials: listed by filters, one with its history, asked after, renewed, switched, ended.

mod acts;
mod bulk;
mod list;
mod show;
mod words;

pub(super) use acts::{LinkPage, breaks, named, said};
pub(super) use bulk::{BulkConfirmPage, BulkPage};
pub(super) use list::CredentialsPage;
pub(super) use show::CredentialPage;
pub(super) use words::{CredentialRow, HistoryRow, Mark, app, mark, reason};

use axum::Router;
use axum::routing::{get, post};
use serde::Deserialize;
use vouchsafe_entity::id::CredentialId;

use crate::http::HttpState;

/// A credential in the path.
#[derive(Deserialize)]
struct CredentialPath {
    credential: CredentialId,
}

/// The routes of credentials.
pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/dashboard/{environment}/credentials", get(list::list_credentials))
        .route("/dashboard/{environment}/credentials/bulk", post(bulk::change_credentials))
        .route("/dashboard/{environment}/credentials/{credential}", get(show::show_credential))
        .route("/dashboard/{environment}/credentials/{credential}/verify", post(acts::verify_credential))
        .route("/dashboard/{environment}/credentials/{credential}/refresh", post(acts::refresh_credential))
        .route("/dashboard/{environment}/credentials/{credential}/link", post(acts::make_link))
        .route(
            "/dashboard/{environment}/credentials/{credential}/deactivate",
            get(acts::ask_deactivation).post(acts::deactivate_credential),
        )
        .route(
            "/dashboard/{environment}/credentials/{credential}/reactivate",
            post(acts::reactivate_credential),
        )
        .route(
            "/dashboard/{environment}/credentials/{credential}/revoke",
            get(acts::ask_revocation).post(acts::revoke_credential),
        )
        .route(
            "/dashboard/{environment}/credentials/{credential}/delete",
            get(acts::ask_deletion).post(acts::delete_credential),
        )
}
