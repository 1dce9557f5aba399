//! Credentials of another hub: what they hold is checked as if it were typed, dated as if the app had just given it, and
//! sealed. The app is not asked, and nothing is refreshed.

use std::collections::{HashMap, HashSet};

use secrecy::ExposeSecret as _;
use serde_json::Map;
use vouchsafe_entity::id::{CredentialId, UserId};
use vouchsafe_entity::kind::Method;
use vouchsafe_entity::millis::Millis;

use super::line::{AccountLine, CredentialLine};
use super::{Importing, Numbered};
use crate::domain::connector::Connector;
use crate::domain::credential::{Account, Credential, is_sign_in, is_typed_key};
use crate::domain::user::User;
use crate::provider::{
    Definition, FieldSource, MCP_AUTHORIZATION_ENDPOINT, MCP_BY_BASIC, MCP_ISSUER, MCP_NAMES_ISSUER,
    MCP_RESOURCE, MCP_REVOCATION_ENDPOINT, MCP_TOKEN_ENDPOINT, TOKEN_SECRET, ValueSource, Values,
};
use crate::service::audit::Target;
use crate::service::credentials::Accepted;
use crate::service::error::escape;
use crate::service::material::Material;
use crate::service::validate::Checker;
use crate::service::{Error, Violation};
use crate::store;
use crate::store::credential::Mark;

/// The longest token in bytes, as in an app's answer.
const LONGEST_TOKEN: usize = 16 * 1024;
/// The longest text that an app may have given for an account, of which the hub makes a name.
const LONGEST_LABEL: usize = 10_000;
/// What a server of the Model Context Protocol has told of itself.
const FOUND_OUT: [&str; 7] = [
    MCP_RESOURCE,
    MCP_ISSUER,
    MCP_NAMES_ISSUER,
    MCP_AUTHORIZATION_ENDPOINT,
    MCP_TOKEN_ENDPOINT,
    MCP_REVOCATION_ENDPOINT,
    MCP_BY_BASIC,
];

/// What the lines of a page refer to, and which of them are there.
struct Around {
    users: HashMap<String, User>,
    connectors: HashMap<String, Connector>,
    taken: HashSet<CredentialId>,
    marks: HashSet<Mark>,
}

/// The dates of a line.
struct Dates {
    issued_at: Option<Millis>,
    last_used_at: Option<Millis>,
    expires_at: Option<Millis>,
    sent_at: Millis,
    /// Seconds that the access token lives from then on; none = nobody knows.
    lives: Option<u64>,
}

impl Importing<'_> {
    pub(super) async fn credentials(&mut self, lines: Vec<Numbered<CredentialLine>>) -> Result<(), Error> {
        if lines.is_empty() {
            return Ok(());
        }
        let mut around = self.around(&lines).await?;
        let mut events = Vec::new();
        for (number, line) in lines {
            let Some((user, connector)) = self.whose(number, &line, &around) else { continue };
            let id = line.credential_id;
            let mut credential = match self.checked(&user, &connector, line) {
                Ok(credential) => credential,
                Err(error) => {
                    self.refuse(number, "credential", error)?;
                    continue;
                }
            };
            if self.is_there(number, id, &credential, &mut around) {
                continue;
            }
            if credential.broken_cause(self.hub.now()).is_some() {
                self.done.ended += 1;
                continue;
            }
            let (hub, tenant, environment) = (self.hub, self.actor.tenant, self.actor.environment());
            if !connector.explicit {
                store::connector::ensure(&self.tx, environment, &connector, hub.now()).await?;
            }
            hub.announce(&self.tx, tenant, &mut credential).await?;
            store::credential::insert(&self.tx, environment, &credential).await?;
            let what = Some(format!("{} for {}", credential.method, credential.user));
            events.push(self.event("credential.create", Target::new("credential", credential.id), what));
            self.done.credentials.new += 1;
        }
        self.hub.insert_audit(&self.tx, &events).await
    }

    async fn around(&self, lines: &[Numbered<CredentialLine>]) -> Result<Around, Error> {
        let (tx, environment) = (&self.tx, self.actor.environment());
        let mut usernames: Vec<&str> = lines.iter().map(|(_, line)| line.username.as_str()).collect();
        usernames.sort_unstable();
        usernames.dedup();
        let users = store::user::named(tx, environment, &usernames).await?;
        let ids: Vec<UserId> = users.iter().map(|user| user.id).collect();
        let mut keys: Vec<String> = lines.iter().map(|(_, line)| line.connector.clone()).collect();
        keys.sort_unstable();
        keys.dedup();
        let connectors = self.hub.connectors_in(tx, self.actor, &keys).await?;
        let named: Vec<CredentialId> = lines.iter().filter_map(|(_, line)| line.credential_id).collect();
        let unnamed = named.len() < lines.len();
        let marks = if unnamed { store::credential::marks(tx, environment, &ids).await? } else { Vec::new() };
        Ok(Around {
            users: users.into_iter().map(|user| (user.username.clone(), user)).collect(),
            connectors: connectors.into_iter().map(|one| (one.key.clone(), one)).collect(),
            taken: store::taken_ids(tx, environment, &named).await?.into_iter().collect(),
            marks: marks.into_iter().collect(),
        })
    }

    /// The user and the connector of a line. One that is not there is a mistake, unless its own line was refused.
    fn whose(&mut self, number: usize, line: &CredentialLine, around: &Around) -> Option<(User, Connector)> {
        let user = around.users.get(&line.username);
        let connector = around.connectors.get(&line.connector);
        let missing = [
            (user.is_none(), "user", "/username", &line.username),
            (connector.is_none(), "connector", "/connector", &line.connector),
        ];
        for (is_missing, kind, pointer, name) in missing {
            if is_missing && !self.refused.contains(&(kind, name.clone())) {
                let message = format!("There is no such {kind}, neither here nor before this line.");
                self.mistake(number, Violation::new(format!("/credential{pointer}"), "unknown", message));
            }
        }
        user.cloned().zip(connector.cloned())
    }

    /// Whether a credential is there, which is counted. One without an id that stands in the file twice is a mistake: it
    /// can't be known whether it is another.
    fn is_there(
        &mut self,
        number: usize,
        id: Option<CredentialId>,
        credential: &Credential,
        around: &mut Around,
    ) -> bool {
        let there = if let Some(id) = id {
            !around.taken.insert(id)
        } else {
            let account = credential.account.as_ref().map(|account| account.id.clone());
            let mark = Mark::new(credential.user, credential.connector_id, account, &credential.name);
            if !self.met.insert(mark.clone()) {
                let message = "Another line has the same user, connector and account: give each an account or a \
                               name of its own.";
                self.mistake(number, Violation::new("/credential", "repeated", message));
                return true;
            }
            around.marks.contains(&mark)
        };
        self.done.credentials.there += usize::from(there);
        there
    }

    /// The credential that a line describes, sealed.
    fn checked(
        &self,
        user: &User,
        connector: &Connector,
        mut line: CredentialLine,
    ) -> Result<Credential, Error> {
        let hub = self.hub;
        let definition = hub.definition_of(connector)?;
        let method = method_of(&definition, line.method)?;
        let mut checker = Checker::default();
        checker.optional_text("/name", line.name.as_deref(), LONGEST_LABEL);
        checker.words("/scopes", &line.scopes, 1_000);
        checker.metadata("/metadata", &line.metadata);
        let account = checked_account(&mut checker, line.account.take());
        check_tokens(&mut checker, method, &line);
        let dates = self.dates(&mut checker, method, &line);
        let values = checked_values(&mut checker, &definition, method, &line);
        checker.finish()?;
        definition.check_key(method, &values).map_err(|error| Error::fields("/data", vec![error]))?;

        let mut material = Material::of_values(&values);
        let has_token = line.access_token.is_some();
        let minted = has_token || line.refresh_token.is_some();
        material.access_token = line.access_token;
        material.token_type = line.token_type.filter(|_| has_token);
        material.refresh_token = line.refresh_token;
        let accepted = Accepted {
            method,
            account,
            variables: definition.public_variables(method, &material.values()).into_iter().collect(),
            material,
            minted,
            // Without an access token, the first look asks for one.
            expires_in: if has_token { dates.lives } else { Some(0) },
            // The next refresh tells it.
            refresh_expires_in: None,
            sent_at: dates.sent_at,
            scopes: line.scopes,
            warnings: Vec::new(),
        };
        let mut credential = hub.new_credential(user, connector, &definition, &accepted);
        credential.id = line.credential_id.unwrap_or(credential.id);
        if let Some(name) = line.name {
            name.trim().clone_into(&mut credential.name);
        }
        credential.scopes.clone_from(&accepted.scopes);
        credential.metadata = line.metadata;
        credential.deactivated_at = (!line.active).then(|| hub.now());
        credential.issued_at = dates.issued_at.unwrap_or(credential.issued_at);
        credential.last_used_at = dates.last_used_at;
        credential.expires_at = dates.expires_at;
        hub.set_value(self.actor, &mut credential, &accepted)?;
        Ok(credential)
    }

    fn dates(&self, checker: &mut Checker, method: Method, line: &CredentialLine) -> Dates {
        let now = self.hub.now();
        let issued_at = checker.past("/issuedAt", line.issued_at.as_deref(), now);
        let last_used_at = checker.past("/lastUsedAt", line.last_used_at.as_deref(), now);
        let sent_at = checker.past("/tokensIssuedAt", line.tokens_issued_at.as_deref(), now);
        let access = checker.moment("/accessTokenExpiresAt", line.access_token_expires_at.as_deref());
        let end = checker.moment("/expiresAt", line.expires_at.as_deref());
        let message = "Only keys can be given an end; this credential is renewed by itself.";
        checker.ensure(end.is_none() || is_typed_key(method), "/expiresAt", "not_settable", message);
        // What has ended meanwhile is no mistake; it is left out.
        if end.is_some_and(|end| end > now) {
            checker.end(line.expires_at.as_deref(), None, now);
        }
        // An end that has passed and no beginning: it lived no longer.
        let sent_at = sent_at.unwrap_or_else(|| access.map_or(now, |end| end.min(now)));
        let lives = access.map(|end| u64::try_from(end.since(sent_at) / 1_000).unwrap_or(0));
        Dates { issued_at, last_used_at, expires_at: end, sent_at, lives }
    }
}

fn method_of(definition: &Definition, named: Option<Method>) -> Result<Method, Error> {
    let methods = definition.methods();
    match (named, methods) {
        (Some(method), _) if methods.contains(&method) => Ok(method),
        (None, [only]) => Ok(*only),
        (named, methods) => {
            let words: Vec<_> = methods.iter().map(|method| method.as_str()).collect();
            let code = if named.is_some() { "unknown" } else { "required" };
            Err(Error::invalid("/method", code, format!("Name one of: {}.", words.join(", "))))
        }
    }
}

fn checked_account(checker: &mut Checker, account: Option<AccountLine>) -> Option<Account> {
    let account = account?;
    checker.text("/account/id", &account.id, LONGEST_LABEL);
    checker.optional_text("/account/label", account.label.as_deref(), LONGEST_LABEL);
    Some(Account { label: account.label.unwrap_or_else(|| account.id.clone()), id: account.id })
}

/// Tokens are where the method has them, and can be sent in a header.
fn check_tokens(checker: &mut Checker, method: Method, line: &CredentialLine) {
    let tokens = [("/accessToken", &line.access_token), ("/refreshToken", &line.refresh_token)];
    for (pointer, token) in tokens {
        let Some(token) = token else { continue };
        let text = token.expose_secret();
        let fits = (1..=LONGEST_TOKEN).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        let message = "A token has 1 to 16,384 visible characters of the English keyboard.";
        checker.ensure(fits, pointer, "invalid_characters", message);
        let message = "A credential of this method has fields, and no token.";
        checker.ensure(!is_typed_key(method), pointer, "not_settable", message);
    }
    checker.optional_text("/tokenType", line.token_type.as_deref(), 200);
    let renewable = method == Method::OAuth2 && line.refresh_token.is_some();
    let has_one = line.access_token.is_some() || renewable || !is_sign_in(method);
    checker.ensure(
        has_one,
        "/accessToken",
        "required",
        "Give the access token, or a refresh token that buys one.",
    );
}

/// What the user typed, and what the hub of before had learned from the app.
fn checked_values(
    checker: &mut Checker,
    definition: &Definition,
    method: Method,
    line: &CredentialLine,
) -> Values {
    let fields = definition.fields(method);
    let is_field = |name: &String| fields.iter().any(|field| field.name == *name);
    let (mut typed, mut learned) = (Map::new(), Vec::new());
    for (name, value) in &line.data {
        match value.as_str().filter(|_| !is_field(name) && is_learned(definition, method, name)) {
            Some(text) => learned.push((name, text)),
            None => {
                typed.insert(name.clone(), value.clone());
            }
        }
    }
    let mut values = match definition.validate_fields(method, &typed, FieldSource::User) {
        Ok(values) => values,
        Err(errors) => {
            checker.fields("/data", errors);
            Values::new()
        }
    };
    for (name, text) in learned {
        match definition.of(method).check_value(name, text) {
            Ok(Some(value)) => values.set(name.as_str(), value),
            Ok(None) => {}
            Err(error) => checker.add(format!("/data/{}", escape(name)), error.code, error.message),
        }
    }
    values
}

/// Whether the hub fills a value of that name itself, from what the app says.
fn is_learned(definition: &Definition, method: Method, name: &str) -> bool {
    let asked = |source: &ValueSource| matches!(source, ValueSource::User | ValueSource::Connector);
    let captured = definition.variables_of(method).any(|one| one.name == name && !asked(&one.source));
    captured
        || (method == Method::OAuth1 && name == TOKEN_SECRET)
        || (definition.mcp().is_some() && FOUND_OUT.contains(&name))
}
