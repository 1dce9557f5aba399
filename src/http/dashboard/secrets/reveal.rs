//! The value of a masked secret, shown for some seconds: to the script of the list as data, else on a page that leads
//! away by itself.

use axum::Json;
use axum::http::header::{ACCEPT, CACHE_CONTROL};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::IntoResponse as _;
use secrecy::ExposeSecret as _;
use serde::Serialize;

use super::SecretPath;
use super::query::Part;
use crate::http::Problem;
use crate::http::dashboard::Answer;
use crate::http::dashboard::caller::InEnvironment;
use crate::http::dashboard::confirm::ConfirmPage;
use crate::http::dashboard::page::{DashboardPage, Place};
use crate::http::dashboard::url::Url;
use crate::http::extract::InPath;
use crate::http::view::RevealedOut;

/// A value is shown so long.
const SECONDS: u32 = 15;
const REFRESH: HeaderName = HeaderName::from_static("refresh");

/// A value, shown for [`SECONDS`].
#[derive(Serialize)]
pub(in crate::http::dashboard) struct SecretValuePage {
    key: String,
    value: String,
    seconds: u32,
    back: String,
}

impl DashboardPage for SecretValuePage {
    const TEMPLATE: &'static str = "dashboard/secret_value.html";
    const PLACE: Place = Place::Secrets;

    fn samples() -> Vec<(&'static str, Self)> {
        let page = |value: &str| Self {
            key: "STRIPE_KEY".to_owned(),
            value: value.to_owned(),
            seconds: SECONDS,
            back: Url::Secret("production", "STRIPE_KEY").to_string(),
        };
        vec![("short", page("sk-example-0123456789")), ("long", page(&"<x>&é ".repeat(100)))]
    }
}

/// `GET /dashboard/{environment}/secret/{secret}/reveal`.
pub(super) async fn ask_reveal(desk: InEnvironment, InPath(path): InPath<SecretPath>, part: Part) -> Answer {
    desk.hub.may_reveal_secret(&desk.actor, &path.secret).await?;
    let effects =
        ["Its value is shown for 15 seconds, to you alone.", "That you saw it is written to the audit log."];
    let url = Url::RevealSecret(&desk.environment, &path.secret);
    let title = format!("Reveal {}?", path.secret);
    let back = Url::Secret(&desk.environment, &path.secret);
    let mut page = ConfirmPage::danger(title, &effects, ("Reveal value", &url), &back);
    page.danger = false;
    page.action = part.at(&url);
    page.back = part.at(&back);
    Ok(desk.show(&page))
}

/// `POST /dashboard/{environment}/secret/{secret}/reveal`.
pub(super) async fn reveal_secret(
    desk: InEnvironment,
    headers: HeaderMap,
    InPath(path): InPath<SecretPath>,
    part: Part,
) -> Answer {
    let value = desk.hub.reveal_secret(&desk.actor, &path.secret).await?;
    if headers.get(ACCEPT).is_some_and(|kind| kind == "application/json") {
        let mut response = Json(RevealedOut { value }).into_response();
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        return Ok(response);
    }
    let back = part.at(&Url::Secret(&desk.environment, &path.secret));
    let leads_away = HeaderValue::from_str(&format!("{SECONDS}; url={back}"));
    let mut response = desk.show(&SecretValuePage {
        value: value.expose_secret().to_owned(),
        key: path.secret,
        seconds: SECONDS,
        back,
    });
    // Works without a script.
    response.headers_mut().insert(REFRESH, leads_away.map_err(|_| Problem::internal())?);
    Ok(response)
}
