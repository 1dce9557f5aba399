//! Testing a connector before anybody connects with it: are its settings complete, can its secrets be used, does the app
//! answer, and does it know the client.
//!
//! Whether an app knows a client is asked with a code that it never gave: an app that refuses the code has accepted the
//! client (RFC 6749, section 5.2: `invalid_grant` and not `invalid_client`).

use http::header::{ACCEPT, USER_AGENT};
use http::{HeaderValue, Method as HttpMethod};
use vouchsafe_entity::kind::{FailClass, Method};

use crate::domain::actor::Actor;
use crate::domain::connector::Connector;
use crate::domain::role::Action;
use crate::egress::{Class, OutboundRequest};
use crate::oauth::exchange::{self, CodeGrant};
use crate::oauth::{Cause, ClientAuth, Pkce, TokenError, new_state};
use crate::provider::{CodeChallenge, Definition, Values};
use crate::service::audit::Target;
use crate::service::connectors::Lack;
use crate::service::throttle::Patience;
use crate::service::{Error, Hub};

const AGENT: &str = concat!("vouchsafe/", env!("CARGO_PKG_VERSION"));

/// What a step looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestPart {
    /// Whether everything is there.
    Settings,
    /// Whether the secrets that the settings refer to can be used.
    Secrets,
    /// Whether the app answers.
    App,
    /// Whether the app knows the client.
    Client,
}

/// What a step found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// All is well.
    Good,
    /// It can't be told.
    Unsure,
    /// Nobody will be able to connect.
    Bad,
}

/// A step of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestStep {
    /// What it looked at.
    pub part: TestPart,
    /// What it found.
    pub finding: Finding,
    /// In words: what happened and what to do.
    pub detail: String,
}

impl TestStep {
    fn new(part: TestPart, finding: Finding, detail: impl Into<String>) -> Self {
        Self { part, finding, detail: detail.into() }
    }
}

impl Hub {
    /// Tests a connector. Nothing is changed, at the app neither.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`crate::service::Code::ProviderMissing`], [`crate::service::Code::ProviderBusy`].
    pub async fn test_connector(&self, actor: &Actor, key: &str) -> Result<Vec<TestStep>, Error> {
        self.permit(actor, Action::EditIntegrations).await?;
        let connector = self.connector_named(actor, key).await?.ok_or(Error::NotFound)?;
        let definition = self.definition_of(&connector)?;
        let mut steps = vec![settings(&connector, &definition)];
        let opened = match self.open_values(actor.tenant, &connector, &Values::new()).await {
            Ok((values, uses)) => {
                let client = self.open_client(actor.tenant, &connector, &values).await;
                client.map(|client| (values, uses, client))
            }
            Err(error) => Err(error),
        };
        match opened {
            Ok((values, uses, client)) => {
                let oauth = Self::working_methods(&connector, &definition).contains(&Method::OAuth2);
                steps.push(match client.filter(|_| oauth) {
                    Some((client, more)) => {
                        self.note_secret_uses(&uses);
                        self.note_secret_uses(&more);
                        self.try_client(actor, &connector, &definition, &values, &client).await?
                    }
                    None => self.try_app(actor, &connector, &definition, &values).await?,
                });
            }
            Err(Error::Refused { detail, .. }) => {
                steps.push(TestStep::new(TestPart::Secrets, Finding::Bad, detail));
            }
            Err(other) => return Err(other),
        }
        let bad = steps.iter().any(|step| step.finding == Finding::Bad);
        let word = if bad { "failed" } else { "ok" };
        let target = Target::new("connector", key);
        let event = self.audit_event(actor, "connector.test", target, word, None);
        self.record_later(event).await?;
        Ok(steps)
    }

    async fn try_client(
        &self,
        actor: &Actor,
        connector: &Connector,
        definition: &Definition,
        values: &Values,
        client: &ClientAuth,
    ) -> Result<TestStep, Error> {
        let random = self.random.as_ref();
        let uses_pkce =
            definition.oauth2().is_some_and(|oauth2| oauth2.code_challenge == CodeChallenge::S256);
        let grant = CodeGrant {
            code: new_state(random),
            verifier: uses_pkce.then(|| Pkce::new(random).verifier),
            redirect_uri: self.redirect_uri(connector.id),
            scopes: connector.scopes.clone(),
        };
        let url = definition.token_endpoint(Method::OAuth2, values);
        let turn = self.turn_to(actor.workspace(), definition, url, Patience::Refusable).await?;
        let now = self.clock.now();
        let answer = exchange::exchange_code(&self.egress, definition, values, client, &grant, now).await;
        drop(turn);
        let name = definition.name();
        Ok(match answer {
            Ok(_) => TestStep::new(
                TestPart::Client,
                Finding::Unsure,
                format!(
                    "{name} gave a token for a code that was never given. Nothing can be told from that."
                ),
            ),
            Err(error) => of_client(name, &error),
        })
    }

    /// Asks the API's address without a credential: any answer shows that it is there.
    async fn try_app(
        &self,
        actor: &Actor,
        connector: &Connector,
        definition: &Definition,
        values: &Values,
    ) -> Result<TestStep, Error> {
        let (name, part) = (definition.name(), TestPart::App);
        let methods = Self::working_methods(connector, definition);
        let address = methods.first().map(|method| definition.base_url(*method, values));
        let Some(Ok(url)) = address else {
            return Ok(TestStep::new(part, Finding::Unsure, asked_of_users(name)));
        };
        let turn = self.turn_at(actor.workspace(), definition, &url, Patience::Refusable).await?;
        let mut request = OutboundRequest::new(HttpMethod::GET, url.clone(), Class::Check);
        request.allowed_ports.extend(url.port());
        request.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        request.headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        let answer = self.egress.send(request).await;
        drop(turn);
        Ok(match answer {
            Ok(_) => TestStep::new(
                part,
                Finding::Good,
                format!("{name} answers. Whether a key is right shows when somebody connects."),
            ),
            Err(error) => TestStep::new(part, Finding::Bad, unreachable(name, &error)),
        })
    }
}

fn settings(connector: &Connector, definition: &Definition) -> TestStep {
    let lacks = Hub::lacks_in_settings(connector, definition);
    if lacks.is_empty() {
        return TestStep::new(TestPart::Settings, Finding::Good, "Everything that is needed is there.");
    }
    let missing: Vec<&str> = lacks.iter().map(named).collect();
    let missing = missing.join(", ");
    if Hub::ensure_complete(connector, definition, "").is_err() {
        let detail = format!("Missing: {missing}. Nobody can connect without.");
        return TestStep::new(TestPart::Settings, Finding::Bad, detail);
    }
    // An app may know a client as a public one, and other ways in may work.
    let detail = format!("Missing: {missing}. Most apps let nobody sign in without.");
    TestStep::new(TestPart::Settings, Finding::Unsure, detail)
}

fn named(lack: &Lack) -> &str {
    match lack {
        Lack::Definition => "the definition",
        Lack::ClientId => "the client ID",
        Lack::ClientSecret => "the client secret",
        Lack::Setting(name) | Lack::Secret(name, _) => name,
    }
}

fn asked_of_users(name: &str) -> String {
    format!("The address of {name} has a part that each user gives, so it shows when somebody connects.")
}

fn unreachable(name: &str, error: &dyn std::error::Error) -> String {
    let why = error.source().map(ToString::to_string).unwrap_or_default();
    let why = if why.is_empty() { why } else { format!(": {why}") };
    format!("{name} could not be reached{why}. Check the address and whether the hub may call it.")
}

/// What the app said, in its own words.
fn said(error: &TokenError) -> String {
    let words = [error.code.as_deref(), error.description.as_deref()];
    let words: Vec<_> = words.into_iter().flatten().collect();
    if words.is_empty() { String::new() } else { format!(" It said: {}.", words.join(" – ")) }
}

fn of_client(name: &str, error: &TokenError) -> TestStep {
    let step = |finding, detail: String| TestStep::new(TestPart::Client, finding, detail);
    let status = error.status.map(|status| format!(" with {status}")).unwrap_or_default();
    match error.class {
        FailClass::Refused | FailClass::Revoked => {
            step(Finding::Good, format!("{name} knows this client and accepts its secret."))
        }
        FailClass::Client => step(
            Finding::Bad,
            format!("{name} refused the client.{} Copy client ID and secret again.", said(error)),
        ),
        FailClass::Throttled => {
            step(Finding::Unsure, format!("{name} asks to wait. Try again in a few minutes."))
        }
        FailClass::Local | FailClass::Unopened => step(Finding::Unsure, asked_of_users(name)),
        FailClass::NotSent | FailClass::Ambiguous if error.status.is_none() => {
            let cause: &dyn std::error::Error = match &error.cause {
                Some(Cause::Egress(cause)) => cause,
                Some(Cause::Render(_)) | None => error,
            };
            step(Finding::Bad, unreachable(name, cause))
        }
        FailClass::NotSent | FailClass::Ambiguous | FailClass::Unreadable | FailClass::Other => {
            let said = said(error);
            let detail = format!("{name} answered{status}, which tells nothing about the client.{said}");
            step(Finding::Unsure, format!("{detail} It shows when somebody connects."))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_app_says_to_a_code_that_it_never_gave_tells_whether_it_knows_the_client() {
        let of = |class| TokenError { class, ..TokenError::local() };
        for (class, finding) in [
            (FailClass::Refused, Finding::Good),
            (FailClass::Revoked, Finding::Good),
            (FailClass::Client, Finding::Bad),
            (FailClass::NotSent, Finding::Bad),
            (FailClass::Ambiguous, Finding::Bad),
            (FailClass::Throttled, Finding::Unsure),
            (FailClass::Unreadable, Finding::Unsure),
            (FailClass::Other, Finding::Unsure),
            (FailClass::Local, Finding::Unsure),
        ] {
            assert_eq!(of_client("Acme", &of(class)).finding, finding, "{class}");
        }
        let answered = TokenError { status: Some(502), ..of(FailClass::Ambiguous) };
        assert_eq!(of_client("Acme", &answered).finding, Finding::Unsure);
        let told = TokenError {
            code: Some("invalid_client".to_owned()),
            description: Some("no such client".to_owned()),
            ..of(FailClass::Client)
        };
        assert!(of_client("Acme", &told).detail.contains("It said: invalid_client – no such client."));
    }
}
