//! The dialects of an embedded-integration API, as its published clients speak them (`api.md`, Compatibility): users,
//! credentials and what apps ask for, under `/2024-03`, `/2023-12` and `/2023-01`.
//!
//! Handlers translate shapes and call the same use cases as the API. What a client sends beside what is known is left
//! aside, lists have no pages, and a trailing slash means nothing.

mod catalogue;
mod credentials;
mod loose;
mod users;

use axum::Router;
use axum::routing::{MethodRouter, get, post};
use serde::Serialize;

use super::HttpState;
use crate::domain::page::{Page, PageRequest};

/// How many rows are read at once for a list that has no pages.
const BATCH: u64 = 1_000;

/// What every list is wrapped in.
#[derive(Serialize)]
struct Data<T> {
    data: T,
}

/// What a call did.
#[derive(Serialize)]
struct Done {
    success: bool,
}

const DONE: Done = Done { success: true };

/// The routes of all dialects; none is part of the document of the API.
pub(super) fn routes() -> Router<HttpState> {
    let latest = |path: &str| format!("/2024-03{path}");
    let (middle, oldest) = (|path: &str| format!("/2023-12{path}"), |path: &str| format!("/2023-01{path}"));
    let mut router = Router::new();
    for dialect in [&latest as &dyn Fn(&str) -> String, &middle, &oldest] {
        router = both(router, &dialect("/users"), || get(users::list_users).post(users::create_user));
        router = both(router, &dialect("/users/batch"), || post(users::create_users));
        router = both(router, &dialect("/users/{user}"), || {
            get(users::get_user).put(users::update_user).delete(users::delete_user)
        });
        router = both(router, &dialect("/users/{user}/token"), || get(users::get_user_token));
        router = both(router, &dialect("/users/{user}/credentials"), || {
            get(credentials::list_credentials).post(credentials::create_credential_of_user)
        });
        // An app in one dialect, a credential in another: what is not deleted is an app's sign-in.
        router = both(router, &dialect("/users/{user}/credentials/{name}"), || {
            get(credentials::get_oauth_link_of_user).delete(credentials::delete_credential)
        });
    }
    router = both(router, &latest("/headless/credentials"), || post(credentials::create_credential));
    router = both(router, &latest("/headless/oauthUrl"), || get(credentials::get_oauth_link));
    router = both(router, &latest("/metadata/credentials"), || get(catalogue::list_credential_kinds));
    router = both(router, &latest("/metadata/credentials/{app}"), || get(catalogue::get_credential_kind));
    router = both(router, &latest("/metadata/apps"), || get(catalogue::list_apps));
    router = both(router, &middle("/credentials"), || get(catalogue::list_credential_kinds));
    router = both(router, &middle("/apps"), || get(catalogue::list_apps));
    router = both(router, &oldest("/credentials/{app}"), || get(catalogue::get_credential_kind));
    both(router, &oldest("/apps"), || get(catalogue::list_apps))
}

/// The route with and without a slash at its end.
fn both(
    router: Router<HttpState>,
    path: &str,
    methods: impl Fn() -> MethodRouter<HttpState>,
) -> Router<HttpState> {
    router.route(path, methods()).route(&format!("{path}/"), methods())
}

/// The first page of a list that is read to its end.
const fn first() -> PageRequest {
    PageRequest { limit: BATCH, after: None }
}

/// The page after `page`.
fn next<T>(page: &Page<T>) -> Option<PageRequest> {
    Some(PageRequest { limit: BATCH, after: Some(page.next_after()?) })
}
