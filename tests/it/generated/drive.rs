//! Plays a case through the front door: connect, read the token, call, renew twice, check, end.

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use vouchsafe::clock::Clock as _;

use super::calls;
use super::case::Case;
use super::expect::{Answer, same};
use super::judge;
use super::server::Apps;
use super::signature;
use crate::support::app::TestApp;
use crate::support::http::TestResponse;

/// What went wrong, in a sentence.
pub(super) type Outcome<T = ()> = Result<T, String>;

/// A case at work.
pub(super) struct Drive<'a> {
    pub(super) app: &'a TestApp,
    pub(super) apps: &'a Apps,
    pub(super) case: Case,
    /// How often tokens were given.
    pub(super) answers: u64,
    pub(super) redirect_uri: String,
    pub(super) credential: String,
}

impl<'a> Drive<'a> {
    /// A case that has yet to begin.
    pub(super) fn new(app: &'a TestApp, apps: &'a Apps, case: Case) -> Self {
        Self { app, apps, case, answers: 0, redirect_uri: String::new(), credential: String::new() }
    }

    /// From the first page to the end of the credential.
    pub(super) async fn run(mut self) -> Outcome {
        if self.case.method != "oauth2" && !self.case.foreign().is_empty() {
            return Err("nothing shows yet that this method refuses foreign hosts in an answer".to_owned());
        }
        self.form_asks_for_what_the_file_does().await?;
        self.put_connector().await?;
        if self.case.method == "oauth2" {
            self.sign_in().await?;
        } else if self.case.method == "oauth1" {
            self.sign_in_signed().await?;
        } else {
            self.type_in().await?;
        }
        self.account_is_known().await?;
        self.end_of_grant_is_told().await?;
        self.token_is(self.answers).await?;
        self.calls().await?;
        if self.case.has_tokens() {
            self.renew().await?;
            if calls::check(&self.case, self.answers).is_none() {
                // Else the check brings the second renewal.
                self.renew().await?;
            }
            self.call(None).await?;
        }
        if self.case.method == "oauth2" {
            self.errors_have_their_class().await?;
            self.answer_is_lost().await?;
        }
        self.verify().await?;
        self.end().await
    }

    async fn form_asks_for_what_the_file_does(&self) -> Outcome {
        let path = format!("/providers/{}", self.case.hub_slug);
        let shown = wants(&self.app.as_key().get(&path).await, 200, "reading the provider")?;
        let methods = shown["methods"].as_array().cloned().unwrap_or_default();
        let Some(method) = methods.iter().find(|method| method["type"] == self.case.word()) else {
            return Err(format!("the hub doesn't offer the method: {methods:?}"));
        };
        let fields = method["fields"].as_array().into_iter().flatten();
        let mut asked: Vec<&str> = fields.filter_map(|field| field["name"].as_str()).collect();
        let mut wanted: Vec<&str> = self.case.typed.keys().map(String::as_str).collect();
        asked.sort_unstable();
        wanted.sort_unstable();
        if asked == wanted { Ok(()) } else { Err(format!("the form asks for {asked:?}, not {wanted:?}")) }
    }

    async fn put_connector(&mut self) -> Outcome {
        let case = &self.case;
        let mut body = json!({"provider": case.hub_slug, "methods": [case.word()], "variables": case.set});
        if matches!(case.method, "oauth2" | "client_credentials" | "jwt" | "oauth1") {
            body["scopes"] = json!(super::case::SCOPES);
        }
        if matches!(case.method, "oauth2" | "oauth1") && case.mcp.is_none() {
            body["clientId"] = case.client_id.clone().into();
            body["clientSecret"] = case.client_secret.clone().into();
        }
        let answer = self.app.as_key().put(&format!("/connectors/{}", case.hub_slug), &body).await;
        let made = if answer.status == 200 {
            wants(&answer, 200, "")
        } else {
            wants(&answer, 201, "PUT connector")
        }?;
        made["redirectUri"].as_str().unwrap_or_default().clone_into(&mut self.redirect_uri);
        Ok(())
    }

    pub(super) fn user(&self) -> String {
        format!("u-{}", self.case.number)
    }

    /// The next token answer.
    pub(super) fn next_tokens(&mut self) -> Answer {
        self.answers += 1;
        judge::tokens(&self.case, self.answers, self.app.clock.now().with_timezone(&Utc))
    }

    /// Look-ups and check, as they come after the tokens.
    pub(super) fn expect_learning(&mut self) {
        self.expect_learning_up_to(None);
    }

    /// The same, where nothing more is asked after the look-up of a variable.
    pub(super) fn expect_learning_up_to(&mut self, last: Option<&str>) {
        self.case.learn(&self.case.captured("token."));
        for lookup in self.case.lookups() {
            let (wanted, answer) = calls::lookup(&self.case, self.answers, &lookup);
            self.apps.expect(wanted, answer);
            if Some(lookup.0.as_str()) == last {
                return;
            }
            self.case.learn(&[(lookup.0.clone(), String::new())]);
        }
        if let Some((wanted, answer)) = calls::check(&self.case, self.answers) {
            self.apps.expect(wanted, answer);
        }
        self.case.learn(&self.case.captured("check."));
    }

    /// A user types values; a wrong key first, which must leave nothing behind.
    async fn type_in(&mut self) -> Outcome {
        let user = json!({"username": self.user()});
        wants(&self.app.as_key().post("/users", &user).await, 201, "making a user")?;
        let body = json!({
            "userId": self.user(), "connector": self.case.hub_slug, "method": self.case.word(),
            "data": self.case.typed,
        });
        if self.case.has_tokens() {
            self.break_off_first(&body).await?;
            self.expect_tokens();
        } else {
            self.refuse_first(&body).await?;
        }
        self.expect_learning();
        let made = self.app.as_key().post("/credentials", &body).await;
        self.apps.verdict()?;
        let made = wants(&made, 201, "making the credential")?;
        made["credentialId"].as_str().unwrap_or_default().clone_into(&mut self.credential);
        Ok(())
    }

    async fn refuse_first(&self, body: &Value) -> Outcome {
        if !self.case.lookups().is_empty() {
            return Ok(());
        }
        let Some((wanted, _)) = calls::check(&self.case, 0) else { return Ok(()) };
        for refusal in calls::refusals(&self.case) {
            self.apps.expect(wanted.clone(), refusal);
            let answer = self.app.as_key().post("/credentials", body).await;
            self.apps.verdict()?;
            let code = if answer.status == 400 { answer.json()["code"].clone() } else { Value::Null };
            if code != "credential_rejected" {
                return Err(format!("a wrong key was answered {} {code}", answer.status));
            }
        }
        Ok(())
    }

    async fn account_is_known(&self) -> Outcome {
        let path = format!("/credentials/{}", self.credential);
        let shown = wants(&self.app.as_key().get(&path).await, 200, "reading the credential")?;
        let wanted = calls::account(&self.case).map_or(Value::Null, Value::from);
        let label = calls::account_label(&self.case).map_or_else(|| wanted.clone(), Value::from);
        let found = (&shown["account"]["id"], &shown["account"]["label"]);
        if found == (&wanted, if wanted.is_null() { &wanted } else { &label }) {
            return Ok(());
        }
        Err(format!("the account is {found:?}, not {wanted} {label}"))
    }

    pub(super) async fn token_is(&self, n: u64) -> Outcome {
        let answer = self.app.as_key().get(&format!("/credentials/{}/token", self.credential)).await;
        self.apps.verdict()?;
        let token = wants(&answer, 200, "reading the token")?;
        if !self.case.has_tokens() {
            let found = &token["fields"];
            if self.case.method == "oauth1" {
                let wanted = json!({
                    "oauth_token": judge::access_token(&self.case, n),
                    "oauth_token_secret": signature::token_secret(&self.case),
                });
                return if *found == wanted {
                    Ok(())
                } else {
                    Err(format!("the fields are {found}, not {wanted}"))
                };
            }
            let same = self.case.typed.iter().all(|(name, value)| found[name] == *value);
            return if same { Ok(()) } else { Err("the fields are not those that were typed".to_owned()) };
        }
        let found = token["accessToken"].as_str().unwrap_or_default();
        if !same(&judge::access_token(&self.case, n), found) {
            return Err(format!("the token is {}, not that of answer {n}", token["accessToken"]));
        }
        let scopes = json!(self.case.granted());
        let asks = matches!(self.case.method, "oauth2" | "client_credentials");
        if asks && token["scopes"] != scopes {
            return Err(format!("the scopes are {}, not {scopes}", token["scopes"]));
        }
        Ok(())
    }

    /// Calls to every host that the file allows, and one to a host that it doesn't.
    async fn calls(&self) -> Outcome {
        self.call(None).await?;
        for host in calls::hosts(&self.case) {
            self.call(Some(&host)).await?;
        }
        let elsewhere = self.send_call(Some("elsewhere.example")).await;
        self.apps.verdict()?;
        match elsewhere.header("vouchsafe-error") {
            Some("host_not_allowed") => Ok(()),
            other => Err(format!("a foreign host was answered {other:?}")),
        }
    }

    async fn call(&self, host: Option<&str>) -> Outcome {
        let echo = Answer::json(207, &json!({"echo": self.case.number}));
        self.apps.expect(calls::call(&self.case, self.answers, host), echo);
        let answer = self.send_call(host).await;
        self.apps.verdict()?;
        if answer.status == 207 && answer.json() == json!({"echo": self.case.number}) {
            return Ok(());
        }
        Err(format!("the app's answer came back as {} {:?}", answer.status, answer.body))
    }

    async fn send_call(&self, host: Option<&str>) -> TestResponse {
        let mut caller = self.app.calling(&self.credential).header("X-Caller", "yes");
        if let Some(host) = host {
            caller = caller.header("Vouchsafe-Host", host);
        }
        caller.post(&format!("/proxy/{}", calls::PATH), &json!({"sent": true})).await
    }

    /// The token ends, and the next read brings a new one.
    async fn renew(&mut self) -> Outcome {
        self.app.clock.advance(TimeDelta::seconds(judge::lifetime(&self.case) + 1));
        self.expect_renewal();
        self.token_is(self.answers).await
    }

    pub(super) fn expect_renewal(&mut self) {
        if self.case.method != "oauth2" {
            return self.expect_tokens();
        }
        let wanted = judge::refresh(&self.case, self.answers, &self.redirect_uri);
        let answer = self.next_tokens();
        self.apps.expect(wanted, answer);
    }

    /// The request of a method that asks anew each time, where it asks anybody.
    fn expect_tokens(&mut self) {
        let wanted = judge::mint(&self.case);
        let answer = self.next_tokens();
        if let Some(wanted) = wanted {
            self.apps.expect(wanted, answer);
        }
    }

    /// The check once more, now that all is known: what it can find is told apart, and a token that is refused is
    /// renewed once.
    async fn verify(&mut self) -> Outcome {
        let path = format!("/credentials/{}/verify", self.credential);
        let Some((wanted, answer)) = calls::check(&self.case, self.answers) else {
            let refused = self.app.as_key().act(&path).await;
            return if refused.status == 409 {
                Ok(())
            } else {
                Err("a check where there is none".to_owned())
            };
        };
        for (status, outcome) in calls::outcomes(&self.case) {
            self.apps.expect(wanted.clone(), Answer::json(status, &json!({})));
            self.outcome_is(&path, outcome).await?;
        }
        if !self.case.has_tokens() {
            self.apps.expect(wanted, answer);
            return self.outcome_is(&path, "ok").await;
        }
        if self.case.is_played_at_length() {
            // A new token that is refused as well is not renewed once more.
            self.refused_then(&path, "wrong_key").await?;
        }
        self.refused_then(&path, "ok").await
    }

    /// The check refuses a token, and of the new one it says `outcome`.
    async fn refused_then(&mut self, path: &str, outcome: &str) -> Outcome {
        // A token that has just come is not renewed again.
        self.app.clock.advance(TimeDelta::minutes(2));
        let refusal = calls::refusals(&self.case).pop().ok_or("no refusal")?;
        let (first, _) = calls::check(&self.case, self.answers).ok_or("the check is gone")?;
        self.apps.expect(first, refusal.clone());
        self.expect_renewal();
        let (second, taken) = calls::check(&self.case, self.answers).ok_or("the check is gone")?;
        self.apps.expect(second, if outcome == "ok" { taken } else { refusal });
        self.outcome_is(path, outcome).await
    }

    async fn outcome_is(&self, path: &str, outcome: &str) -> Outcome {
        let answer = self.app.as_key().act(path).await;
        self.apps.verdict()?;
        let found = wants(&answer, 200, "verifying")?["outcome"].clone();
        if found == outcome { Ok(()) } else { Err(format!("the check says {found}, not {outcome}")) }
    }

    /// The credential goes, at the app too where the app takes that.
    async fn end(&self) -> Outcome {
        let revocation = judge::revocation(&self.case, self.answers);
        let wanted = if revocation.is_some() { "revoked" } else { "unsupported" };
        if let Some(request) = revocation {
            self.apps.expect(request, Answer::text(200, String::new()));
        }
        let answer = self.app.as_key().delete(&format!("/credentials/{}", self.credential)).await;
        self.apps.verdict()?;
        let found = wants(&answer, 200, "deleting")?["revokedUpstream"].clone();
        if found == wanted { Ok(()) } else { Err(format!("revoked upstream: {found}, not {wanted}")) }
    }
}

/// The body of an answer with this status.
pub(super) fn wants(answer: &TestResponse, status: u16, what: &str) -> Outcome<Value> {
    if answer.status == status {
        return Ok(answer.json());
    }
    Err(format!("{what} was answered {} {}", answer.status, String::from_utf8_lossy(&answer.body)))
}
