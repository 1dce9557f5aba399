//! Hub API keys: listed, made and shown once, rotated, switched off and on, revoked.

mod view;

use serde::Deserialize;
use vouchsafe_entity::id::ApiKeyId;

use super::Answer;
use super::caller::InEnvironment;
use super::confirm::ConfirmPage;
use super::form::{Form, FormView};
use super::page::{Flash, SwitchedOff};
use super::url::Url;
use crate::domain::api_key::ApiKey;
use crate::http::extract::{InPath, Listing, NoFilter};
use crate::service::keys::NewApiKey;

pub(super) use view::{ApiKeysPage, NewApiKeyPage, ShownApiKeyPage};

/// A key in the path.
#[derive(Deserialize)]
pub(super) struct KeyPath {
    key: ApiKeyId,
}

/// `GET /dashboard/{environment}/api-keys`.
pub(super) async fn list_api_keys(desk: InEnvironment, Listing { page, .. }: Listing<NoFilter>) -> Answer {
    let found = desk.hub.list_api_keys(&desk.actor, &page).await?;
    let now = desk.hub.now();
    Ok(desk.show(&ApiKeysPage::of(&desk.environment, found, &page, now)))
}

/// `GET /dashboard/{environment}/api-keys/new`.
pub(super) async fn show_new(desk: InEnvironment) -> Answer {
    desk.hub.may_manage_api_keys(&desk.actor).await?;
    desk.ensure_proven()?;
    let form = FormView::new().with_chosen("scopes", &["*"]).with("period", "");
    Ok(desk.show(&NewApiKeyPage::of(&desk.environment, form)))
}

/// `POST /dashboard/{environment}/api-keys/new`.
pub(super) async fn create_api_key(desk: InEnvironment, form: Form) -> Answer {
    let new = NewApiKey {
        name: form.text("name"),
        scopes: form.all("scopes"),
        expires_at: None,
        period: form.optional("period"),
        allowed_cidrs: form.lines("allowedCidrs"),
        rate_limit: None,
    };
    match desk.hub.create_api_key(&desk.actor, None, new).await {
        Ok((key, plain)) => Ok(desk.show(&ShownApiKeyPage::of(&desk.environment, key, &plain, false))),
        Err(error) => Ok(desk.refuse(&NewApiKeyPage::of(&desk.environment, form.refused(error)?))),
    }
}

async fn found(desk: &InEnvironment, path: KeyPath) -> Result<ApiKey, crate::http::Problem> {
    Ok(desk.hub.get_api_key(&desk.actor, path.key).await?)
}

/// `GET /dashboard/{environment}/api-keys/{key}/rotate`.
pub(super) async fn ask_rotation(desk: InEnvironment, InPath(path): InPath<KeyPath>) -> Answer {
    let key = found(&desk, path).await?;
    desk.ensure_proven()?;
    let effects = [
        "You are shown a new value, once.",
        "The present value works for seven days more, then it is refused.",
    ];
    let action = ("Rotate key", &Url::RotateApiKey(&desk.environment, key.id));
    let title = format!("Give “{}” a new value?", key.name);
    let mut page = ConfirmPage::danger(title, &effects, action, &Url::ApiKeys(&desk.environment));
    page.danger = false;
    Ok(desk.show(&page))
}

/// `POST /dashboard/{environment}/api-keys/{key}/rotate`.
pub(super) async fn rotate_api_key(desk: InEnvironment, InPath(path): InPath<KeyPath>) -> Answer {
    let (key, plain) = desk.hub.rotate_api_key(&desk.actor, None, path.key).await?;
    Ok(desk.show(&ShownApiKeyPage::of(&desk.environment, key, &plain, true)))
}

/// When a key was last used, as a sentence.
fn last_use(desk: &InEnvironment, key: &ApiKey) -> String {
    key.last_used_at.map_or_else(
        || "It was never used.".to_owned(),
        |at| format!("It was last used {}.", view::said(at, desk.hub.now())),
    )
}

/// `GET /dashboard/{environment}/api-keys/{key}/deactivate`.
pub(super) async fn ask_deactivation(desk: InEnvironment, InPath(path): InPath<KeyPath>) -> Answer {
    let key = found(&desk, path).await?;
    let used = last_use(&desk, &key);
    let effects = [used.as_str(), "Whatever uses it is refused within five seconds, until it is on again."];
    let action = ("Switch off", &Url::DeactivateApiKey(&desk.environment, key.id));
    let title = format!("Switch off “{}” of {}?", key.name, desk.environment);
    Ok(desk.show(&ConfirmPage::danger(title, &effects, action, &Url::ApiKeys(&desk.environment))))
}

/// `POST /dashboard/{environment}/api-keys/{key}/deactivate`.
pub(super) async fn deactivate_api_key(desk: InEnvironment, InPath(path): InPath<KeyPath>) -> Answer {
    desk.hub.update_api_key(&desk.actor, path.key, None, Some(false)).await?;
    Ok(desk.switched_off(SwitchedOff::ApiKey(path.key), &Url::ApiKeys(&desk.environment)))
}

/// `POST /dashboard/{environment}/api-keys/{key}/reactivate`.
pub(super) async fn reactivate_api_key(desk: InEnvironment, InPath(path): InPath<KeyPath>) -> Answer {
    desk.hub.update_api_key(&desk.actor, path.key, None, Some(true)).await?;
    Ok(desk.done(Flash::ApiKeyReactivated, &Url::ApiKeys(&desk.environment)))
}

/// `GET /dashboard/{environment}/api-keys/{key}/revoke`.
pub(super) async fn ask_revocation(desk: InEnvironment, InPath(path): InPath<KeyPath>) -> Answer {
    let key = found(&desk, path).await?;
    let used = last_use(&desk, &key);
    let effects =
        [used.as_str(), "Whatever uses it is refused within five seconds.", "It can't be brought back."];
    let action = ("Revoke key", &Url::RevokeApiKey(&desk.environment, key.id));
    let title = format!("Revoke “{}” of {}?", key.name, desk.environment);
    Ok(desk.show(&ConfirmPage::danger(title, &effects, action, &Url::ApiKeys(&desk.environment))))
}

/// `POST /dashboard/{environment}/api-keys/{key}/revoke`.
pub(super) async fn revoke_api_key(desk: InEnvironment, InPath(path): InPath<KeyPath>) -> Answer {
    desk.hub.delete_api_key(&desk.actor, path.key).await?;
    Ok(desk.done(Flash::ApiKeyRevoked, &Url::ApiKeys(&desk.environment)))
}
