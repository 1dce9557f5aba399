//! Sign-ins of a case, in a popup: by OAuth 2.0 and by OAuth 1.0a.

use http::Method;
use http::header::{COOKIE, SET_COOKIE};
use serde_json::{Value, json};
use url::Url;

use super::case::Case;
use super::drive::{Drive, Outcome, wants};
use super::expect::{Wanted, pairs_differ, pairs_of};
use super::{found, judge, raw, signature};
use crate::support::app::TestApp;
use crate::support::http::Persona;

/// A popup that is about to go to the app.
struct Popup<'a> {
    browser: Persona<'a>,
    shake: Value,
    session: String,
}

impl Popup<'_> {
    /// Where the hub sends it.
    async fn goes_on(&self) -> Outcome<Url> {
        let sent = wants(
            &self.browser.post("/connect/start/handshake", &self.shake).await,
            200,
            "going to the app",
        )?;
        sent["location"].as_str().unwrap_or_default().parse().map_err(|_| "no consent page".to_owned())
    }
}

/// A popup, up to the moment at which the browser goes to the app.
async fn open_popup<'a>(app: &'a TestApp, case: &Case, user: &str) -> Outcome<Popup<'a>> {
    let slug = case.hub_slug.clone();
    let body = json!({"userId": user, "connectors": [slug]});
    let session = wants(&app.as_key().post("/connect/sessions", &body).await, 201, "making a session")?;
    let token = session["token"].as_str().unwrap_or_default();
    let modal = app.anonymous().header("authorization", &format!("Bearer {token}"));
    let body = json!({"connector": slug, "data": case.typed});
    let ticket = wants(&modal.post("/connect/tickets", &body).await, 200, "asking for a ticket")?;
    let page = app.anonymous().get(ticket["startUrl"].as_str().unwrap_or_default()).await;
    let cookie = page.headers.get(SET_COOKIE).and_then(|cookie| cookie.to_str().ok());
    let cookie = cookie.and_then(|cookie| cookie.split(';').next()).ok_or("the start page sets no cookie")?;
    let flow = cookie.split('=').next().unwrap_or_default().trim_start_matches("vs_flow_");
    let browser = app.anonymous().header(COOKIE.as_str(), cookie);
    let shake = json!({"flow": flow, "nonce": ticket["nonce"]});
    let session = session["sessionId"].as_str().unwrap_or_default().to_owned();
    Ok(Popup { browser, shake, session })
}

/// A browser that is at the app, and what it will bring back.
pub(super) struct Away<'a> {
    pub(super) browser: Persona<'a>,
    pub(super) session: String,
    pub(super) back: Vec<(String, String)>,
    code: String,
    challenge: Option<String>,
}

impl<'a> Drive<'a> {
    /// A user signs in at the app, in a popup.
    pub(super) async fn sign_in(&mut self) -> Outcome {
        for (wanted, answer) in found::finding_out(&self.case, &self.redirect_uri) {
            self.apps.expect(wanted, answer);
        }
        Box::pin(self.sign_in_in_vain()).await?;
        let away = self.go_to_the_app().await?;
        self.case.learn(&self.case.captured("callback."));
        self.expect_exchange(&away);
        self.expect_learning();
        self.come_back(&away.browser, &away.back).await?;
        self.is_connected(&away.session).await
    }

    /// A popup that is sent to the app's own page, with all that the file says.
    pub(super) async fn go_to_the_app(&self) -> Outcome<Away<'a>> {
        let popup = open_popup(self.app, &self.case, &self.user()).await?;
        let consent = popup.goes_on().await?;
        let Popup { browser, session, .. } = popup;

        self.consent_is_asked_for(&consent)?;
        let query = pairs_of(consent.query().unwrap_or_default().as_bytes());
        let of = |name: &str| query.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
        let vendors = |name: &str| {
            let rename = raw::table(&self.case.table, "rename");
            raw::text(&rename, name).unwrap_or(name).to_owned()
        };
        let code = format!("code+/={}", self.case.number);
        let state = of(&vendors("state")).unwrap_or_default();
        let challenge = of(&vendors("code_challenge"));
        let back = judge::callback(&self.case, &code, &state);
        Ok(Away { browser, session, back, code, challenge })
    }

    /// The request that turns the code into tokens, and the second one where the file has it.
    pub(super) fn expect_exchange(&mut self, away: &Away<'_>) {
        let wanted = self.wanted_exchange(away);
        let answer = self.next_tokens();
        match judge::second_exchange(&self.case, &answer) {
            Some((first, second)) => {
                self.apps.expect(wanted, first);
                self.apps.expect(second, answer);
            }
            None => self.apps.expect(wanted, answer),
        }
    }

    pub(super) fn wanted_exchange(&self, away: &Away<'_>) -> Wanted {
        judge::exchange(&self.case, &away.code, &self.redirect_uri, away.challenge.as_deref())
    }

    /// A user signs in at an app of OAuth 1.0a.
    pub(super) async fn sign_in_signed(&mut self) -> Outcome {
        self.signed_tokens_break_off().await?;
        let Popup { browser, session, .. } = self.go_to_the_signed_app().await?;
        let back = signature::callback(&self.case);
        self.case.learn(&self.case.captured("callback."));
        self.answers += 1;
        self.apps.expect(signature::last(&self.case), signature::tokens(&self.case));
        self.expect_learning();
        self.come_back(&browser, &back).await?;
        self.is_connected(&session).await
    }

    /// The token arrives in part: nothing is kept of it.
    async fn signed_tokens_break_off(&mut self) -> Outcome {
        let number = self.case.number;
        // Temporary credentials of their own: no two sign-ins have the same.
        self.case.number += 500_000;
        let Popup { browser, session, .. } = self.go_to_the_signed_app().await?;
        self.apps.expect(signature::last(&self.case), signature::tokens(&self.case).cut());
        self.come_back(&browser, &signature::callback(&self.case)).await?;
        self.case.number = number;
        self.failed_as(&session, "provider_unreachable").await
    }

    async fn go_to_the_signed_app(&self) -> Outcome<Popup<'a>> {
        let popup = open_popup(self.app, &self.case, &self.user()).await?;
        self.apps.expect(signature::first(&self.case, &self.redirect_uri), signature::temporary(&self.case));
        let consent = popup.goes_on().await?;
        self.apps.verdict()?;
        self.consent_is_asked_for(&consent)?;
        Ok(popup)
    }

    async fn is_connected(&mut self, session: &str) -> Outcome {
        let path = format!("/connect/sessions/{session}");
        let ended = wants(&self.app.as_key().get(&path).await, 200, "reading the session")?;
        let credential = ended["results"][0]["credentialId"].as_str();
        let credential = credential.ok_or_else(|| format!("nothing was connected: {ended}"))?;
        credential.clone_into(&mut self.credential);
        Ok(())
    }

    fn consent_is_asked_for(&self, consent: &Url) -> Outcome {
        let wanted = match self.case.method {
            "oauth1" => signature::consent(&self.case),
            _ => judge::consent(&self.case, &self.redirect_uri).address,
        };
        let found = format!("{}{}", consent.host_str().unwrap_or_default(), consent.path());
        let place = format!("{}{}", wanted.host, wanted.path);
        if consent.scheme() != "https" || found != place {
            return Err(format!("the consent page is at {found}, not {place}"));
        }
        let query = pairs_of(consent.query().unwrap_or_default().as_bytes());
        pairs_differ("query", &wanted.query, &query)
            .map_or(Ok(()), |difference| Err(format!("the consent page {difference}")))
    }

    /// The browser comes back from the app, by a form where the app was asked for one.
    pub(super) async fn come_back(&self, browser: &Persona<'_>, pairs: &[(String, String)]) -> Outcome {
        let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let path = self.redirect_uri.strip_prefix(&self.app.base_url).ok_or("no redirect URI of this hub")?;
        let by_form = raw::text(&self.case.table, "authorization_params.response_mode") == Some("form_post");
        let answer = if by_form {
            browser.send_raw(Method::POST, path, "application/x-www-form-urlencoded", &text).await
        } else {
            browser.get(&format!("{path}?{text}")).await
        };
        self.apps.verdict()?;
        if answer.status == 200 {
            Ok(())
        } else {
            Err(format!("the callback was answered {}", answer.status))
        }
    }
}
