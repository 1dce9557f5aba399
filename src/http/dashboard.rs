//! The dashboard: pages made on the server for members of a workspace, on the same use cases as the API. They work
//! without a script. Handlers decide nothing: what a role may do is asked of [`crate::service`].
//!
//! # How a page is added
//!
//! 1. An address: a variant of [`url::Url`] with its path, and its line in the `routes` of its noun, which [`routes`]
//!    merges.
//! 2. `dashboard/<nouns>.rs`: handlers named `<verb>_<noun>`. They take `caller::InEnvironment` (a member in an
//!    environment: `hub`, `who`, `actor`) or `caller::InWorkspace` (a member anywhere), call one use case and end
//!    with `Ok(desk.show(&page))` or `Ok(desk.done(Flash::…, &Url::…))`. Every error goes up with `?`: `guard` makes
//!    pages of problems and leads to the sign-in or the step-up where one is missing.
//! 3. A view that derives `Serialize` and implements [`page::DashboardPage`]: its `TEMPLATE`, its `PLACE` in the
//!    navigation (with `Elsewhere` that of its address), and `samples()`, which tests and pictures render; named in
//!    `samples.rs`. A page of the navigation has a line in `page/shell.rs`.
//! 4. `templates/dashboard/<name>.html` extends `dashboard/layout.html`; it is given `shell` and `page`. Components
//!    stand in `templates/components/dashboard.html`: `When`, `Mark`, `Value`, `Text`, `Area`, `Tick`, `Radio`, `Seen`;
//!    those of what slides in beside a page and of typed values in `templates/components/secret.html`; those of every
//!    list in `templates/components/list.html`: filters, chips, pages, rows that are chosen, and what it says when it is
//!    empty; those of one thing, such as its history, in `templates/components/record.html`. A list has a
//!    `filter::Filter`, of which it takes the addresses of its pages.
//! 5. A form posts to the address that shows it. `form::Form` reads it, `form::FormView` puts each violation at its
//!    field: `Err(error) => desk.refuse(&Page { form: form.refused(error)?, … })`. One that changes what more than one
//!    person may change is made `seeing` what is there, gives `form.seen()` to the use case, and is shown again
//!    `renewed` by `refuse_as` with its own `status`. What can't be undone asks once, by `confirm::ConfirmPage`, which
//!    names the thing and what breaks. What needs a fresh proof begins with `desk.ensure_proven()?` where the form is
//!    shown.
//! 6. `tests/it/dashboard/<nouns>.rs`, and a line for each route in `tests/it/support/routes.rs`, without which
//!    `tests/it/dashboard/roles.rs` fails.

mod account;
mod api_keys;
mod attempts;
mod audit;
mod authenticator;
mod caller;
mod chart;
mod confirm;
mod connectors;
mod console;
mod cookies;
mod credentials;
mod deleting;
mod environments;
mod events;
mod filter;
mod form;
mod guard;
mod integrations;
mod join;
mod members;
mod moment;
mod overview;
pub mod page;
mod password;
mod samples;
mod secrets;
mod settings;
mod sign_in;
mod single_sign_on;
mod theme;
pub mod url;
mod users;
mod webhooks;
mod words;
mod workspace;

pub(super) use guard::{OwedPage, nothing_here, other_methods};
pub use samples::render_samples;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{get, post};

use super::{HttpState, Problem};

/// What a handler gives.
type Answer = Result<Response, Problem>;

/// The routes of the dashboard. None of them takes a hub API key.
pub fn routes(state: &HttpState) -> Router<HttpState> {
    Router::new()
        .route("/dashboard", get(overview::open_dashboard))
        .route("/dashboard/sign-in", get(sign_in::show_sign_in).post(sign_in::sign_in))
        .route("/dashboard/sign-in/code", get(sign_in::show_code).post(sign_in::enter_code))
        .route("/dashboard/sign-in/single-sign-on", get(single_sign_on::begin_sign_in))
        .route("/dashboard/sign-in/callback", get(single_sign_on::finish_sign_in))
        .route("/dashboard/sign-out", post(sign_in::sign_out))
        .route("/dashboard/step-up", get(sign_in::show_step_up).post(sign_in::step_up))
        .route("/dashboard/step-up/single-sign-on", get(single_sign_on::begin_step_up))
        .route("/dashboard/join/single-sign-on", get(single_sign_on::begin_join))
        .route("/dashboard/join", get(join::show_invitation).post(join::accept_invitation))
        .route("/dashboard/account", get(account::show_account).post(account::rename_member))
        .route("/dashboard/account/password", get(password::show_password).post(password::change_password))
        .route(
            "/dashboard/account/authenticator",
            get(authenticator::show_authenticator).post(authenticator::confirm_authenticator),
        )
        .route("/dashboard/account/authenticator/new", post(authenticator::begin_authenticator))
        .route(
            "/dashboard/account/authenticator/remove",
            get(authenticator::ask_removal).post(authenticator::remove_authenticator),
        )
        .route(
            "/dashboard/account/sessions/end",
            get(account::ask_end_of_others).post(account::end_other_sessions),
        )
        .route("/dashboard/account/sessions/{session}/end", get(account::ask_end).post(account::end_session))
        .route("/dashboard/members", get(members::list_members))
        .route("/dashboard/members/invite", get(members::show_invite).post(members::invite_member))
        .route(
            "/dashboard/members/settings",
            get(members::show_workspace_settings).post(members::set_workspace_settings),
        )
        .route("/dashboard/members/{member}", get(members::show_member).post(members::set_member_role))
        .route("/dashboard/members/{member}/remove", get(members::ask_removal).post(members::remove_member))
        .route(
            "/dashboard/invitations/{invitation}/withdraw",
            get(members::ask_withdrawal).post(members::withdraw_invitation),
        )
        .route(
            "/dashboard/environments/new",
            get(environments::show_new).post(environments::create_environment),
        )
        .route("/dashboard/workspace/delete", get(workspace::ask_deletion).post(workspace::delete_workspace))
        .route("/dashboard/{environment}", get(overview::open_environment))
        .route("/dashboard/{environment}/overview", get(overview::show_overview))
        .route(
            "/dashboard/{environment}/settings",
            get(settings::show_settings).post(settings::update_settings),
        )
        .route(
            "/dashboard/{environment}/settings/delete",
            get(settings::ask_deletion).post(settings::delete_environment),
        )
        .route("/dashboard/{environment}/api-keys", get(api_keys::list_api_keys))
        .route(
            "/dashboard/{environment}/api-keys/new",
            get(api_keys::show_new).post(api_keys::create_api_key),
        )
        .route(
            "/dashboard/{environment}/api-keys/{key}/rotate",
            get(api_keys::ask_rotation).post(api_keys::rotate_api_key),
        )
        .route(
            "/dashboard/{environment}/api-keys/{key}/deactivate",
            get(api_keys::ask_deactivation).post(api_keys::deactivate_api_key),
        )
        .route("/dashboard/{environment}/api-keys/{key}/reactivate", post(api_keys::reactivate_api_key))
        .route(
            "/dashboard/{environment}/api-keys/{key}/revoke",
            get(api_keys::ask_revocation).post(api_keys::revoke_api_key),
        )
        .merge(audit::routes())
        .merge(connectors::routes())
        .merge(events::routes())
        .merge(integrations::routes())
        .merge(theme::routes())
        .merge(webhooks::routes())
        .merge(console::routes())
        .merge(secrets::routes())
        .merge(users::routes())
        .merge(credentials::routes())
        .merge(attempts::routes())
        .layer(guard::own_site())
        .layer(from_fn_with_state(state.clone(), guard::problems_as_pages))
}
