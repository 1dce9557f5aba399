//! The authorization endpoint: a sign-on and consent page that works without JavaScript (RFC 6749 section 4.1,
//! RFC 7636, RFC 9207).

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use tera::Context;
use url::{Url, form_urlencoded};

use super::config::SCOPES;
use super::fault::{Call, Endpoint};
use super::grants::Consent;
use super::state::Fake;
use super::wire::{Answer, play};
use crate::demo::pages::guard;
use crate::demo::serve::Line;

/// The style is ours, a form may lead anywhere: where to, the client decides.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";
/// What the page asks for, in the order its form repeats them.
const MEMBERS: [&str; 8] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
    "response_mode",
];

/// An authorization request, checked.
struct Asked {
    pairs: Vec<(String, String)>,
    client_id: String,
    client_name: String,
    redirect_uri: Url,
    sent_redirect_uri: String,
    scopes: Vec<String>,
    challenge: String,
}

/// Why there is no consent page.
enum Stop {
    /// The client can't be trusted with an answer: say it to the user.
    Page(&'static str),
    /// The client gets an error.
    Answer(Box<Reply>),
}

/// An answer to the client by way of the browser.
struct Reply {
    to: Url,
    form_post: bool,
    members: Vec<(&'static str, String)>,
}

#[derive(Serialize)]
struct Pair<'a> {
    name: &'a str,
    value: &'a str,
}

fn value<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = pairs.iter().find(|(key, _)| key == name)?;
    Some(found.1.as_str()).filter(|value| !value.is_empty())
}

fn parsed(query: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// `GET /oauth/authorize`
pub(super) async fn show_consent(
    State(fake): State<Fake>,
    Extension(line): Extension<Line>,
    RawQuery(query): RawQuery,
) -> Response {
    let pairs = parsed(&query.unwrap_or_default());
    if let Some(response) = faulted(&fake, &line, &pairs).await {
        return response;
    }
    match check(&fake, pairs) {
        Ok(asked) => {
            fake.ledger().counters.authorizations_shown += 1;
            page(&fake, &asked)
        }
        Err(stop) => refused(&fake, stop),
    }
}

/// `POST /oauth/authorize`
pub(super) async fn answer_consent(
    State(fake): State<Fake>,
    Extension(line): Extension<Line>,
    body: String,
) -> Response {
    let pairs = parsed(&body);
    if let Some(response) = faulted(&fake, &line, &pairs).await {
        return response;
    }
    let username = value(&pairs, "username").map(|name| name.trim().to_owned());
    let allowed = value(&pairs, "decision") == Some("allow");
    let asked = match check(&fake, pairs) {
        Ok(asked) => asked,
        Err(stop) => return refused(&fake, stop),
    };
    if !allowed {
        fake.ledger().counters.authorizations_denied += 1;
        let error = ("error", "access_denied".to_owned());
        let said = ("error_description", "the user said no".to_owned());
        return reply(&fake, &answer(&fake, &asked.redirect_uri, &asked.pairs, vec![error, said]));
    }
    let Some(username) = username.filter(|name| !name.is_empty()) else {
        return page(&fake, &asked);
    };
    let consent = Consent {
        client_id: asked.client_id,
        redirect_uri: asked.sent_redirect_uri,
        challenge: asked.challenge,
        username,
        scopes: asked.scopes,
    };
    let code = fake.with_mint(|ledger, mint| {
        ledger.counters.authorizations_allowed += 1;
        ledger.consent(consent, mint)
    });
    reply(&fake, &answer(&fake, &asked.redirect_uri, &asked.pairs, vec![("code", code)]))
}

async fn faulted(fake: &Fake, line: &Line, pairs: &[(String, String)]) -> Option<Response> {
    let fault = fake.fault(&Call::of(Endpoint::Authorize, None, value(pairs, "client_id")))?;
    Some(play(Some(fault), line, || Answer::empty(StatusCode::OK)).await)
}

fn check(fake: &Fake, pairs: Vec<(String, String)>) -> Result<Asked, Stop> {
    let ledger = fake.ledger();
    let Some(client) = value(&pairs, "client_id").and_then(|id| ledger.clients.get(id)) else {
        return Err(Stop::Page("The app that sent you here is not known to Fernhill."));
    };
    let Some(sent) = value(&pairs, "redirect_uri") else {
        return Err(Stop::Page("The app that sent you here didn't say where to send you back."));
    };
    let known = ledger.settings.any_redirect || client.redirect_uris.iter().any(|uri| uri == sent);
    let Some(redirect_uri) = Url::parse(sent).ok().filter(|uri| known && uri.fragment().is_none()) else {
        return Err(Stop::Page("The address to send you back to is not registered for this app."));
    };
    let (client_id, client_name) = (client.id.clone(), client.name.clone().unwrap_or(client.id.clone()));
    drop(ledger);

    let stop = |error: &str, description: &str| {
        let members = vec![("error", error.to_owned()), ("error_description", description.to_owned())];
        Stop::Answer(Box::new(answer(fake, &redirect_uri, &pairs, members)))
    };
    if let Some(twice) = MEMBERS.iter().find(|name| pairs.iter().filter(|(key, _)| key == *name).count() > 1)
    {
        return Err(stop("invalid_request", &format!("{twice} is given twice")));
    }
    if value(&pairs, "response_type") != Some("code") {
        return Err(stop("unsupported_response_type", "only code is supported"));
    }
    if value(&pairs, "code_challenge_method") != Some("S256") {
        return Err(stop("invalid_request", "PKCE with S256 is required"));
    }
    let Some(challenge) = value(&pairs, "code_challenge").filter(|challenge| challenge.len() == 43) else {
        return Err(stop("invalid_request", "the code challenge is missing or has the wrong length"));
    };
    let scope = value(&pairs, "scope").unwrap_or("profile");
    let scopes = scope.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>();
    if !scopes.iter().all(|scope| SCOPES.iter().any(|(known, _)| known == scope)) {
        return Err(stop("invalid_scope", "a scope is unknown"));
    }
    let (challenge, sent_redirect_uri) = (challenge.to_owned(), sent.to_owned());
    Ok(Asked { pairs, client_id, client_name, redirect_uri, sent_redirect_uri, scopes, challenge })
}

fn answer(fake: &Fake, to: &Url, pairs: &[(String, String)], members: Vec<(&'static str, String)>) -> Reply {
    let mut members = members;
    if let Some(state) = value(pairs, "state") {
        members.push(("state", state.to_owned()));
    }
    let issuer = fake.ledger().settings.issuer.clone().unwrap_or_else(|| fake.base_url().to_owned());
    if !issuer.is_empty() {
        members.push(("iss", issuer));
    }
    Reply { to: to.clone(), form_post: value(pairs, "response_mode") == Some("form_post"), members }
}

fn reply(fake: &Fake, reply: &Reply) -> Response {
    if reply.form_post {
        let pairs = reply.members.iter().map(|(name, value)| Pair { name, value }).collect::<Vec<_>>();
        let mut context = Context::new();
        context.insert("title", "Fernhill: back to the app");
        context.insert("action", reply.to.as_str());
        context.insert("pairs", &pairs);
        return finished(fake, fake.pages().render(StatusCode::OK, "form_post", &context));
    }
    let mut to = reply.to.clone();
    to.query_pairs_mut().extend_pairs(&reply.members);
    match HeaderValue::from_str(to.as_str()) {
        Ok(location) => {
            finished(fake, (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response())
        }
        Err(_) => refused(fake, Stop::Page("The address to send you back to is not usable.")),
    }
}

fn refused(fake: &Fake, stop: Stop) -> Response {
    fake.ledger().counters.authorizations_refused += 1;
    match stop {
        Stop::Answer(answer) => reply(fake, &answer),
        Stop::Page(message) => {
            let mut context = Context::new();
            context.insert("title", "Fernhill: this can't go on");
            context.insert("message", message);
            finished(fake, fake.pages().render(StatusCode::BAD_REQUEST, "error", &context))
        }
    }
}

fn page(fake: &Fake, asked: &Asked) -> Response {
    let hidden = MEMBERS
        .iter()
        .filter_map(|name| value(&asked.pairs, name).map(|value| Pair { name, value }))
        .collect::<Vec<_>>();
    let wanted = SCOPES
        .iter()
        .filter(|(scope, _)| asked.scopes.iter().any(|asked| asked == scope))
        .map(|(_, words)| *words)
        .collect::<Vec<_>>();
    let username = fake.ledger().settings.username.clone();
    let mut context = Context::new();
    context.insert("title", "Sign in to Fernhill");
    context.insert("client", &asked.client_name);
    context.insert("host", asked.redirect_uri.host_str().unwrap_or_default());
    context.insert("username", &username);
    context.insert("wanted", &wanted);
    context.insert("hidden", &hidden);
    finished(fake, fake.pages().render(StatusCode::OK, "consent", &context))
}

fn finished(fake: &Fake, response: Response) -> Response {
    let mut response = guard(response, POLICY);
    if let Some(coop) =
        fake.ledger().settings.coop.as_deref().and_then(|coop| HeaderValue::from_str(coop).ok())
    {
        response.headers_mut().insert(HeaderName::from_static("cross-origin-opener-policy"), coop);
    }
    response
}
