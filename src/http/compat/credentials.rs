//! Credentials in the dialects. `type` is the slug of a provider.

use axum::Json;
use axum::extract::RawQuery;
use serde::Serialize;
use serde_json::{Map, Value};
use url::form_urlencoded;
use vouchsafe_entity::id::CredentialId;

use super::loose::{Loose, required, text};
use super::{DONE, Data, Done, first, next};
use crate::domain::credential::Credential;
use crate::http::Problem;
use crate::http::extract::{Caller, CredentialsRead, CredentialsWrite, InPath, Segment, SessionsWrite};
use crate::http::view::Time;
use crate::service::Error;
use crate::service::credentials::{CredentialQuery, NewCredential};

type Answer<T> = Result<Json<T>, Problem>;

/// A credential.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CredentialOut {
    credential_id: String,
    #[serde(rename = "type")]
    kind: String,
    name: String,
    created_at: Time,
    updated_at: Time,
}

impl From<Credential> for CredentialOut {
    fn from(credential: Credential) -> Self {
        Self {
            credential_id: credential.id.to_string(),
            kind: credential.provider,
            name: credential.name,
            created_at: credential.created_at.into(),
            updated_at: credential.updated_at.into(),
        }
    }
}

/// What was made.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreatedOut {
    success: bool,
    credential_id: String,
}

/// Where the user signs in; both members are the same, since clients read either.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LinkOut {
    oauth_url: String,
    data: InnerLink,
}

/// The second place of the link.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InnerLink {
    oauth_url: String,
}

/// `GET /users/{user}/credentials`.
pub(super) async fn list_credentials(
    caller: Caller<CredentialsRead>,
    InPath(Segment(user)): InPath<Segment>,
) -> Answer<Data<Vec<CredentialOut>>> {
    let user = caller.hub.get_user(&caller.actor, &user).await?;
    let (mut credentials, mut page) = (Vec::new(), Some(first()));
    while let Some(request) = page {
        let query = CredentialQuery { user: Some(user.id.to_string()), ..CredentialQuery::default() };
        let found = caller.hub.list_credentials(&caller.actor, query, &request).await?;
        page = next(&found);
        credentials.extend(found.items.into_iter().map(CredentialOut::from));
    }
    Ok(Json(Data { data: credentials }))
}

/// `POST /headless/credentials`.
pub(super) async fn create_credential(caller: Caller<CredentialsWrite>, body: Loose) -> Answer<CreatedOut> {
    let user = body.required("userId")?;
    create(&caller, user, &body).await
}

/// `POST /users/{user}/credentials`.
pub(super) async fn create_credential_of_user(
    caller: Caller<CredentialsWrite>,
    InPath(Segment(user)): InPath<Segment>,
    body: Loose,
) -> Answer<CreatedOut> {
    let user = caller.hub.get_user(&caller.actor, &user).await?;
    create(&caller, user.id.to_string(), &body).await
}

async fn create(caller: &Caller<CredentialsWrite>, user: String, body: &Loose) -> Answer<CreatedOut> {
    let Value::Object(mut sent) = body.value("credential")? else {
        return Err(Problem::invalid_at("/credential", "invalid_type", "Send an object."));
    };
    let app = text(&sent, "type", "/credential")?.ok_or_else(|| required("/credential/type"))?;
    let Some(Value::Object(data)) = sent.remove("data") else {
        return Err(required("/credential/data"));
    };
    let (hub, actor) = (&caller.hub, &caller.actor);
    let connector = hub.connector_of_app(actor, &app).await?;
    let connector = connector.ok_or_else(|| Error::unknown("/credential/type", "app"))?;
    let new = NewCredential {
        user,
        method: hub.typed_method(&connector, data.keys().map(String::as_str))?,
        connector: connector.key,
        data,
        name: None,
        expires_at: None,
        period: None,
        metadata: Map::new(),
        verify: true,
    };
    let made = hub.create_credential(actor, new).await?.credential;
    Ok(Json(CreatedOut { success: true, credential_id: made.id.to_string() }))
}

/// `DELETE /users/{user}/credentials/{credential}`.
pub(super) async fn delete_credential(
    caller: Caller<CredentialsWrite>,
    InPath((Segment(user), credential)): InPath<(Segment, CredentialId)>,
) -> Answer<Done> {
    let user = caller.hub.get_user(&caller.actor, &user).await?;
    if caller.hub.get_credential(&caller.actor, credential).await?.user != user.id {
        return Err(Problem::not_found());
    }
    caller.hub.delete_credential(&caller.actor, credential).await?;
    Ok(Json(DONE))
}

/// `GET /headless/oauthUrl?app=&userId=&…`: what else is asked with is typed into the app's form.
pub(super) async fn get_oauth_link(
    caller: Caller<SessionsWrite>,
    RawQuery(query): RawQuery,
) -> Answer<LinkOut> {
    let mut data = pairs(query.as_deref());
    let mut named = |name: &str| match data.remove(name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        _ => Err(required(&format!("/{name}"))),
    };
    let (app, user) = (named("app")?, named("userId")?);
    link(&caller, &user, &app, data).await
}

/// `GET /users/{user}/credentials/{app}`.
pub(super) async fn get_oauth_link_of_user(
    caller: Caller<SessionsWrite>,
    InPath((Segment(user), Segment(app))): InPath<(Segment, Segment)>,
    RawQuery(query): RawQuery,
) -> Answer<LinkOut> {
    let user = caller.hub.get_user(&caller.actor, &user).await?;
    link(&caller, &user.id.to_string(), &app, pairs(query.as_deref())).await
}

async fn link(
    caller: &Caller<SessionsWrite>,
    user: &str,
    app: &str,
    data: Map<String, Value>,
) -> Answer<LinkOut> {
    let link = caller.hub.oauth_link(&caller.actor, user, app, data).await?;
    let oauth_url = link.expose().to_owned();
    Ok(Json(LinkOut { data: InnerLink { oauth_url: oauth_url.clone() }, oauth_url }))
}

fn pairs(query: Option<&str>) -> Map<String, Value> {
    let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    pairs.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect()
}
