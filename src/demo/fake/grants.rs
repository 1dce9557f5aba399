//! Grants and their tokens: codes, access tokens, refresh token families. Pure: time and randomness come in,
//! nothing here knows of HTTP but the status an error has.

mod rotation;

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use http::StatusCode;
use sha2::{Digest as _, Sha256};

use super::config::{Client, KeyState, RefreshKind, Settings};
use super::counters::{Counters, GrantEnd, GrantView, VersionView};
use crate::random::Random;

/// The number of a grant, from 1.
pub type GrantId = u64;

/// How long an authorization code lives, in seconds.
pub const CODE_LIFETIME: i64 = 60;

/// Makes tokens at a moment.
pub(super) struct Mint<'a> {
    pub(super) now: DateTime<Utc>,
    pub(super) random: &'a dyn Random,
}

impl Mint<'_> {
    fn token(&self, prefix: &str) -> String {
        format!("{prefix}{}", URL_SAFE_NO_PAD.encode(self.random.bytes::<24>()))
    }
}

/// An OAuth error (RFC 6749, section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) error: &'static str,
    pub(super) description: &'static str,
}

impl Refusal {
    pub(super) fn new(error: &'static str, description: &'static str) -> Self {
        let status =
            if error == "invalid_client" { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
        Self { status, error, description }
    }

    fn grant(description: &'static str) -> Self {
        Self::new("invalid_grant", description)
    }
}

/// What a consent promised.
#[derive(Debug, Clone)]
pub(super) struct Consent {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) challenge: String,
    pub(super) username: String,
    pub(super) scopes: Vec<String>,
}

struct Code {
    consent: Consent,
    issued_at: DateTime<Utc>,
    grant: Option<GrantId>,
    used: bool,
}

/// Whose access token it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Owner {
    Grant { id: GrantId, version: u64, username: String },
    Client(String),
    Session(String),
}

/// An access token's meaning.
#[derive(Debug, Clone)]
pub(super) struct Access {
    pub(super) owner: Owner,
    pub(super) scopes: Vec<String>,
    expires_at: DateTime<Utc>,
    revoked: bool,
}

struct Grant {
    client_id: String,
    username: String,
    scopes: Vec<String>,
    kind: RefreshKind,
    created_at: DateTime<Utc>,
    end: Option<GrantEnd>,
    current: u64,
    current_token: String,
    versions: BTreeMap<u64, VersionView>,
}

/// Tokens as an answer carries them.
pub(super) struct Issued {
    pub(super) grant: Option<GrantId>,
    pub(super) access_token: String,
    pub(super) refresh_token: Option<String>,
    pub(super) expires_in: Option<u32>,
    pub(super) scopes: Vec<String>,
}

/// Everything the provider remembers.
#[derive(Default)]
pub(super) struct Ledger {
    pub(super) settings: Settings,
    pub(super) clients: BTreeMap<String, Client>,
    pub(super) keys: HashMap<String, KeyState>,
    pub(super) counters: Counters,
    codes: HashMap<String, Code>,
    grants: BTreeMap<GrantId, Grant>,
    access: HashMap<String, Access>,
    refresh: HashMap<String, (GrantId, u64)>,
}

impl Ledger {
    /// Keeps a consent and gives the code for it.
    pub(super) fn consent(&mut self, consent: Consent, mint: &Mint<'_>) -> String {
        let code = mint.token("fhc_");
        self.codes.insert(code.clone(), Code { consent, issued_at: mint.now, grant: None, used: false });
        code
    }

    /// Trades a code for tokens. A second try ends the grant of the first (RFC 6749, section 4.1.2).
    pub(super) fn exchange(
        &mut self,
        code: &str,
        client_id: &str,
        redirect_uri: &str,
        verifier: &str,
        mint: &Mint<'_>,
    ) -> Result<Issued, Refusal> {
        let Some(kept) = self.codes.get_mut(code) else {
            return Err(Refusal::grant("the code is unknown"));
        };
        if kept.consent.client_id != client_id {
            return Err(Refusal::grant("the code belongs to another client"));
        }
        if std::mem::replace(&mut kept.used, true) {
            if let Some(grant) = kept.grant {
                self.end(grant, GrantEnd::CodeReplay);
            }
            return Err(Refusal::grant("the code was used before"));
        }
        if mint.now - kept.issued_at > TimeDelta::seconds(CODE_LIFETIME) {
            return Err(Refusal::grant("the code is too old"));
        }
        if kept.consent.redirect_uri != redirect_uri {
            return Err(Refusal::grant("the redirect URI differs from that of the authorization request"));
        }
        if URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) != kept.consent.challenge {
            return Err(Refusal::grant("the code verifier doesn't fit the challenge"));
        }
        let consent = kept.consent.clone();
        let issued = self.grant(&consent.client_id, &consent.username, consent.scopes, mint);
        if let Some(kept) = self.codes.get_mut(code) {
            kept.grant = issued.grant;
        }
        Ok(issued)
    }

    /// Makes a grant and its first tokens.
    pub(super) fn grant(
        &mut self,
        client_id: &str,
        username: &str,
        scopes: Vec<String>,
        mint: &Mint<'_>,
    ) -> Issued {
        let id = self.grants.len() as GrantId + 1;
        let kind = self.clients.get(client_id).and_then(|client| client.kind).unwrap_or(self.settings.kind);
        let current_token = mint.token("fhr_");
        self.refresh.insert(current_token.clone(), (id, 1));
        let grant = Grant {
            client_id: client_id.to_owned(),
            username: username.to_owned(),
            scopes: scopes.clone(),
            kind,
            created_at: mint.now,
            end: None,
            current: 1,
            current_token: current_token.clone(),
            versions: BTreeMap::from([(1, VersionView { version: 1, ..VersionView::default() })]),
        };
        self.grants.insert(id, grant);
        let owner = Owner::Grant { id, version: 1, username: username.to_owned() };
        let refresh_token = self.settings.refresh_tokens.then_some(current_token);
        Issued { grant: Some(id), refresh_token, ..self.access_token(owner, scopes, mint) }
    }

    /// Makes an access token without a grant: client credentials, session login.
    pub(super) fn access_token(&mut self, owner: Owner, scopes: Vec<String>, mint: &Mint<'_>) -> Issued {
        let access_token = mint.token("fha_");
        let lifetime = self.settings.access_token_lifetime;
        let expires_at = mint.now + TimeDelta::seconds(lifetime.into());
        self.access.insert(
            access_token.clone(),
            Access { owner, scopes: scopes.clone(), expires_at, revoked: false },
        );
        let expires_in = self.settings.announce_lifetime.then_some(lifetime);
        Issued { grant: None, access_token, refresh_token: None, expires_in, scopes }
    }

    /// What an access token means, if it is good now.
    pub(super) fn access(&self, token: &str, now: DateTime<Utc>) -> Option<&Access> {
        let access = self.access.get(token).filter(|access| !access.revoked && now < access.expires_at)?;
        match access.owner {
            Owner::Grant { id, .. } => {
                self.grants.get(&id).filter(|grant| grant.end.is_none()).map(|_| access)
            }
            Owner::Client(_) | Owner::Session(_) => Some(access),
        }
    }

    /// The grant and version an access or refresh token belongs to, alive or not.
    pub(super) fn identify(&self, token: &str) -> Option<(GrantId, u64)> {
        if let Some(found) = self.refresh.get(token) {
            return Some(*found);
        }
        match self.access.get(token)?.owner {
            Owner::Grant { id, version, .. } => Some((id, version)),
            Owner::Client(_) | Owner::Session(_) => None,
        }
    }

    /// Ends a grant; the first reason stays. False if there is no such live grant.
    pub(super) fn end(&mut self, id: GrantId, end: GrantEnd) -> bool {
        match self.grants.get_mut(&id) {
            Some(grant) if grant.end.is_none() => {
                grant.end = Some(end);
                true
            }
            Some(_) | None => false,
        }
    }

    /// Every grant, oldest first.
    pub(super) fn views(&self) -> Vec<GrantView> {
        self.grants.iter().map(|(id, grant)| grant.view(*id)).collect()
    }

    /// One grant.
    pub(super) fn view(&self, id: GrantId) -> Option<GrantView> {
        self.grants.get(&id).map(|grant| grant.view(id))
    }
}

impl Grant {
    fn view(&self, id: GrantId) -> GrantView {
        GrantView {
            id,
            client_id: self.client_id.clone(),
            username: self.username.clone(),
            scopes: self.scopes.clone(),
            kind: self.kind,
            alive: self.end.is_none(),
            end: self.end,
            created_at: self.created_at,
            version: self.current,
            versions: self.versions.values().cloned().collect(),
        }
    }
}
