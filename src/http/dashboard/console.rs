//! The request console: a call put together by hand, with a picker for secrets, sent through the proxy.
//!
//! One form holds everything, so that it works without a script: each button says what is done with it, and the page
//! comes back with whatever was typed.

mod answer;
mod body;
mod command;
mod draft;
mod picker;
mod view;

pub(super) use view::ConsolePage;

use axum::Router;
use axum::routing::get;

use super::Answer;
use super::caller::InEnvironment;
use super::form::{Form, FormView};
use super::secrets::{new_secret, new_value, shown_again};
use crate::domain::role::Action;
use crate::http::{HttpState, Problem};
use crate::service::Error;
use answer::Outcome;
use draft::{Act, Draft};
use picker::Picker;

/// So many connectors are offered.
const OFFERED: u64 = 200;

/// The routes of the console.
pub(super) fn routes() -> Router<HttpState> {
    Router::new().route("/dashboard/{environment}/console", get(show_console).post(use_console))
}

/// What a page shows beside what was typed.
#[derive(Default)]
struct Extra {
    form: Option<FormView>,
    outcome: Option<Outcome>,
    said: Option<String>,
}

/// The console with `draft` in it.
async fn page(desk: &InEnvironment, draft: Draft, extra: Extra) -> Result<ConsolePage, Problem> {
    let connectors = desk.hub.first_connectors(&desk.actor, OFFERED).await?;
    let connectors = connectors.into_iter().map(|connector| connector.key).collect();
    let manage = desk.desk.who.may(Action::ManageSecrets);
    let picker = match &draft.picking {
        None => None,
        Some(picking) => {
            let form = match extra.form {
                Some(form) => form,
                None => picker::blank(desk, &draft, manage).await?,
            };
            Some(Picker::of(desk, picking, form, manage, extra.said).await?)
        }
    };
    let hub = desk.hub.public_url().as_str();
    Ok(ConsolePage::of(&desk.environment, hub, draft, connectors, picker, extra.outcome))
}

/// `GET /dashboard/{environment}/console`.
async fn show_console(desk: InEnvironment) -> Answer {
    desk.hub.may_call_apps(&desk.actor).await?;
    Ok(desk.show(&page(&desk, Draft::blank(), Extra::default()).await?))
}

/// `POST /dashboard/{environment}/console`: whatever the button says that was pressed.
async fn use_console(desk: InEnvironment, form: Form) -> Answer {
    desk.hub.may_call_apps(&desk.actor).await?;
    let mut draft = Draft::of(&form);
    let mut extra = Extra::default();
    match draft.act(form.raw("act")) {
        Act::Send => extra.outcome = Some(send(&desk, &draft).await),
        Act::Arrange => {}
        Act::Create => {
            desk.hub.may_manage_secrets(&desk.actor).await?;
            let made = match new_secret(&form, "") {
                Ok(new) => desk.hub.create_secret(&desk.actor, new).await,
                Err(error) => Err(error),
            };
            match made {
                Ok(view) => draft.choose(&view.secret.key),
                Err(error) => extra.form = Some(shown_again(&form, error)?),
            }
        }
        Act::Save(key) => {
            desk.hub.may_manage_secrets(&desk.actor).await?;
            match save(&desk, &form, &key).await {
                Ok(()) => {
                    draft.find();
                    extra.said = Some(format!("{key} has its new value."));
                }
                // Told below.
                Err(Error::NotFound) => {}
                Err(error) => {
                    extra.form = Some(picker::renewed(&desk, &key, shown_again(&form, error)?).await?);
                }
            }
        }
    }
    if let Some(key) = picker::gone(&desk, &draft).await? {
        draft.find();
        extra.said = Some(format!("{key} is not there any more."));
    }
    let refused = extra.form.as_ref().map(FormView::status);
    let page = page(&desk, draft, extra).await?;
    Ok(refused.map_or_else(|| desk.show(&page), |status| desk.refuse_as(status, &page)))
}

/// Makes the call.
async fn send(desk: &InEnvironment, draft: &Draft) -> Outcome {
    let began = desk.hub.now();
    // The rest is for the page that says what came of it.
    let patience = desk.state().handler_timeout * 5 / 6;
    let tried = match draft.call() {
        Ok(call) => desk.hub.try_call(&desk.actor, call, patience).await,
        Err(error) => Err(error),
    };
    match tried {
        Ok(tried) => Outcome::answered(tried, desk.hub.now().since(began)),
        Err(error) => Outcome::refused(error),
    }
}

/// Gives a secret a new value, where it is as the form was made from.
async fn save(desk: &InEnvironment, form: &Form, key: &str) -> Result<(), Error> {
    let view = desk.hub.get_secret(&desk.actor, key).await?;
    let change = new_value(form, &view, desk.hub.now())?;
    desk.hub.update_secret(&desk.actor, key, change, form.seen()).await.map(drop)
}
