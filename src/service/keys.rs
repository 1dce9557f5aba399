//! Hub API keys: recognised, made, rotated, switched off, removed.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use ipnet::IpNet;
use moka::sync::Cache;
use vouchsafe_entity::id::ApiKeyId;

use super::audit::Target;
use super::recent::Recent;
use super::uses::Uses;
use super::validate::Checker;
use super::{Code, Error, Hub};
use crate::domain::actor::Actor;
use crate::domain::api_key::ApiKey;
use crate::domain::data_key::KeyPurpose;
use crate::domain::page::{Page, PageRequest};
use crate::domain::role::Action;
use crate::domain::scope::{Scope, Scopes};
use crate::secret::PlainApiKey;
use crate::store::{self, Tx};

/// Refused credentials that one address may send a second.
const REFUSED_PER_SECOND: u32 = 20;
/// Keys of one environment.
const MOST_KEYS: u64 = 50;
/// Days that a key works on after it was rotated.
const OVERLAP_DAYS: i64 = 7;

/// Keys seen lately, and how often each may be used.
pub(super) struct KeyCache {
    keys: Recent<String, ApiKey>,
    limits: Cache<(ApiKeyId, u32), Arc<governor::DefaultDirectRateLimiter>>,
    refused: DefaultKeyedRateLimiter<IpAddr>,
    uses: Uses<ApiKeyId>,
}

impl KeyCache {
    pub(super) fn new() -> Self {
        let per_second = NonZeroU32::new(REFUSED_PER_SECOND).unwrap_or(NonZeroU32::MIN);
        Self {
            keys: Recent::default(),
            limits: Cache::builder().max_capacity(10_000).build(),
            refused: RateLimiter::keyed(Quota::per_second(per_second)),
            uses: Uses::default(),
        }
    }

    /// Forgets the keys seen lately; to be called after some went.
    pub(super) fn forget_all(&self) {
        self.keys.forget_all();
    }

    fn within_limit(&self, key: &ApiKey) -> bool {
        let Some(limit) = key.rate_limit.and_then(NonZeroU32::new) else {
            return true;
        };
        let limiter = self
            .limits
            .get_with((key.id, limit.get()), || Arc::new(RateLimiter::direct(Quota::per_second(limit))));
        limiter.check().is_ok()
    }
}

/// A key to be made.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// A label.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// The end, as a date.
    pub expires_at: Option<String>,
    /// The end, as a period.
    pub period: Option<String>,
    /// Addresses it may be used from.
    pub allowed_cidrs: Vec<String>,
    /// Calls a second.
    pub rate_limit: Option<u32>,
}

impl Hub {
    /// Recognises a key as it is presented from `address`.
    ///
    /// # Errors
    /// [`Code::Unauthenticated`], [`Code::RateLimited`].
    pub async fn authenticate(&self, presented: &str, address: Option<IpAddr>) -> Result<Arc<ApiKey>, Error> {
        match self.recognise(presented, address).await? {
            Some(key) if self.keys.within_limit(&key) => {
                self.note_key_use(&key);
                Ok(key)
            }
            Some(_) => Err(Error::later(Code::RateLimited, "This key is used more often than it may be.", 1)),
            None => Err(self.refuse_key(address)),
        }
    }

    /// Counts a credential of ours that does not work, and says whether there were too many from `address`.
    pub(super) fn is_refused_too_often(&self, address: Option<IpAddr>) -> bool {
        address.is_some_and(|address| self.keys.refused.check_key(&address).is_err())
    }

    /// The refusal of a key that does not work; too many from one address are told to wait.
    pub fn refuse_key(&self, address: Option<IpAddr>) -> Error {
        if self.is_refused_too_often(address) {
            return Error::later(Code::RateLimited, "Too many wrong keys came from this address.", 1);
        }
        Error::refused(
            Code::Unauthenticated,
            "Send a hub API key that works as `Authorization: Bearer vs_…`.",
        )
    }

    async fn recognise(
        &self,
        presented: &str,
        address: Option<IpAddr>,
    ) -> Result<Option<Arc<ApiKey>>, Error> {
        // The checksum refuses noise before anything is hashed or looked up.
        let Some(plain) = PlainApiKey::parse(presented) else {
            return Ok(None);
        };
        let hash = self.hash_key(&plain)?;
        let read = async { Ok(store::api_key::by_hash(&self.store, &hash).await?) };
        let Some(key) = self.keys.keys.get(&hash, read).await? else {
            return Ok(None);
        };
        let from =
            |address: IpAddr| key.allowed_cidrs.iter().any(|net| net.contains(&address.to_canonical()));
        let allowed = key.allowed_cidrs.is_empty() || address.is_some_and(from);
        Ok((allowed && key.accepts(&hash, self.now())).then_some(key))
    }

    fn hash_key(&self, plain: &PlainApiKey) -> Result<String, Error> {
        Ok(self.vault.mac(KeyPurpose::ApiKeys, &[plain.expose().as_bytes()])?)
    }

    fn note_key_use(&self, key: &ApiKey) {
        self.keys.uses.note(key.id, key.last_used_at, self.now());
    }

    /// Writes when keys were last used.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn flush_key_uses(&self) -> Result<(), Error> {
        let uses = self.keys.uses.take();
        let written = self.write_key_uses(uses.keys().copied().collect()).await;
        if written.is_err() {
            self.keys.uses.put_back(uses);
        }
        written
    }

    async fn write_key_uses(&self, used: Vec<ApiKeyId>) -> Result<(), Error> {
        if used.is_empty() {
            return Ok(());
        }
        let tx = self.store.begin().await?;
        store::api_key::touch(&tx, used, self.now()).await?;
        Ok(tx.commit().await?)
    }

    /// Forgets old entries of the limits.
    pub fn trim_limits(&self) {
        self.keys.refused.retain_recent();
        self.visit_limits.trim();
    }

    /// Whether the actor may make, rotate and revoke keys, for a page that offers it.
    ///
    /// # Errors
    /// [`Code::Forbidden`], [`Error::NotFound`].
    pub async fn may_manage_api_keys(&self, actor: &Actor) -> Result<(), Error> {
        self.permit(actor, Action::ManageApiKeys).await
    }

    /// Makes a key; it is shown this once. `grantor` none = the operator, who lacks nothing.
    ///
    /// # Errors
    /// [`Code::ScopeExceeded`], [`Code::TooManyKeys`], [`Error::Invalid`].
    pub async fn create_api_key(
        &self,
        actor: &Actor,
        grantor: Option<&Scopes>,
        new: NewApiKey,
    ) -> Result<(ApiKey, PlainApiKey), Error> {
        self.permit(actor, Action::ManageApiKeys).await?;
        self.proven(actor)?;
        let (scopes, cidrs, expires_at) = self.check_new_key(&new)?;
        if let Some(missing) = grantor.and_then(|grantor| grantor.lacks(&scopes).next()) {
            let detail = format!("The calling key has no `{missing}` to give.");
            return Err(Error::refused_at(Code::ScopeExceeded, "/scopes", detail));
        }
        let (environment, _) = &*self.environment_of(actor.environment()).await?;
        let plain = PlainApiKey::random(&environment.name, self.random.as_ref());
        let now = self.now();
        let key = ApiKey {
            id: ApiKeyId::new(self.ids.next()),
            tenant: actor.tenant,
            name: new.name,
            prefix: plain.display_prefix(),
            scopes,
            active: true,
            expires_at,
            allowed_cidrs: cidrs,
            rate_limit: new.rate_limit,
            hash: self.hash_key(&plain)?,
            previous: None,
            last_used_at: None,
            created_at: now,
            updated_at: now,
        };
        let tx = self.store.begin().await?;
        if store::api_key::count(&tx, actor.environment()).await? >= MOST_KEYS {
            let detail = format!("An environment has at most {MOST_KEYS} keys; delete one first.");
            return Err(Error::refused(Code::TooManyKeys, detail));
        }
        store::api_key::insert(&tx, &key).await?;
        let what = Some(key.scopes.words().join(" "));
        self.record(&tx, actor, "api_key.create", Target::new("api_key", key.id), what).await?;
        tx.commit().await?;
        Ok((key, plain))
    }

    fn check_new_key(
        &self,
        new: &NewApiKey,
    ) -> Result<(Scopes, Vec<IpNet>, Option<vouchsafe_entity::millis::Millis>), Error> {
        let mut checker = Checker::default();
        checker.text("/name", &new.name, 200);
        checker.ensure(!new.scopes.is_empty(), "/scopes", "required", "Name at least one scope.");
        let scopes = match Scopes::parse(&new.scopes) {
            Ok(scopes) => Some(scopes),
            Err(at) => {
                let known: Vec<&str> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
                let message = format!("There is no such scope; there are *, {}.", known.join(", "));
                checker.add(format!("/scopes/{at}"), "unknown", message);
                None
            }
        };
        let mut cidrs = Vec::new();
        for (at, text) in new.allowed_cidrs.iter().enumerate() {
            if let Ok(net) = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)) {
                cidrs.push(net);
            } else {
                let message = "Write a network such as 10.0.0.0/8.";
                checker.add(format!("/allowedCidrs/{at}"), "invalid_cidr", message);
            }
        }
        let limit = new.rate_limit.is_none_or(|limit| (1..=1_000_000).contains(&limit));
        checker.ensure(limit, "/rateLimit", "out_of_range", "Write 1 to 1,000,000 calls a second.");
        let expires_at = checker.end(new.expires_at.as_deref(), new.period.as_deref(), self.now());
        checker.finish()?;
        Ok((scopes.ok_or(Error::internal("unchecked scopes"))?, cidrs, expires_at))
    }

    /// The keys of the actor's environment, newest first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list_api_keys(&self, actor: &Actor, page: &PageRequest) -> Result<Page<ApiKey>, Error> {
        self.permit(actor, Action::ManageApiKeys).await?;
        Ok(store::api_key::list(&self.store, actor.tenant, page).await?)
    }

    /// One key of the actor's environment.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get_api_key(&self, actor: &Actor, id: ApiKeyId) -> Result<ApiKey, Error> {
        self.permit(actor, Action::ManageApiKeys).await?;
        store::api_key::find(&self.store, actor.tenant, id).await?.ok_or(Error::NotFound)
    }

    /// Changes label and switch of a key.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`].
    pub async fn update_api_key(
        &self,
        actor: &Actor,
        id: ApiKeyId,
        name: Option<String>,
        active: Option<bool>,
    ) -> Result<ApiKey, Error> {
        self.permit(actor, Action::ManageApiKeys).await?;
        let mut checker = Checker::default();
        checker.optional_text("/name", name.as_deref(), 200);
        checker.finish()?;
        let tx = self.store.begin().await?;
        let mut key = store::api_key::lock(&tx, actor.tenant, id).await?.ok_or(Error::NotFound)?;
        key.name = name.unwrap_or(key.name);
        key.active = active.unwrap_or(key.active);
        key.updated_at = self.now();
        self.save_key(tx, actor, &key, "api_key.update").await?;
        Ok(key)
    }

    /// Gives a key a new value; the old one works for seven days more. `grantor` is as for a new key: whoever rotates
    /// gets to hold the key.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Code::ScopeExceeded`].
    pub async fn rotate_api_key(
        &self,
        actor: &Actor,
        grantor: Option<&Scopes>,
        id: ApiKeyId,
    ) -> Result<(ApiKey, PlainApiKey), Error> {
        self.permit(actor, Action::ManageApiKeys).await?;
        self.proven(actor)?;
        let (environment, _) = &*self.environment_of(actor.environment()).await?;
        let tx = self.store.begin().await?;
        let mut key = store::api_key::lock(&tx, actor.tenant, id).await?.ok_or(Error::NotFound)?;
        if let Some(missing) = grantor.and_then(|grantor| grantor.lacks(&key.scopes).next()) {
            let detail = format!("The calling key has no `{missing}`, which this key gives.");
            return Err(Error::refused(Code::ScopeExceeded, detail));
        }
        let plain = PlainApiKey::random(&environment.name, self.random.as_ref());
        let now = self.now();
        key.previous = Some((key.hash, now.plus_seconds(OVERLAP_DAYS * 86_400)));
        key.hash = self.hash_key(&plain)?;
        key.prefix = plain.display_prefix();
        key.updated_at = now;
        self.save_key(tx, actor, &key, "api_key.rotate").await?;
        Ok((key, plain))
    }

    /// Writes a key that `tx` holds.
    async fn save_key(&self, tx: Tx, actor: &Actor, key: &ApiKey, action: &'static str) -> Result<(), Error> {
        store::api_key::update(&tx, key).await?;
        self.record(&tx, actor, action, Target::new("api_key", key.id), None).await?;
        tx.commit().await?;
        self.keys.forget_all();
        Ok(())
    }

    /// Removes a key.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_api_key(&self, actor: &Actor, id: ApiKeyId) -> Result<(), Error> {
        self.permit(actor, Action::ManageApiKeys).await?;
        let tx = self.store.begin().await?;
        if !store::api_key::delete(&tx, actor.environment(), id).await? {
            return Err(Error::NotFound);
        }
        self.record(&tx, actor, "api_key.delete", Target::new("api_key", id), None).await?;
        tx.commit().await?;
        self.keys.forget_all();
        Ok(())
    }

    /// Removes a key of whatever environment, for the operator.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn revoke_api_key_anywhere(&self, id: ApiKeyId) -> Result<(), Error> {
        let key = store::api_key::find_anywhere(&self.store, id).await?.ok_or(Error::NotFound)?;
        let author = crate::domain::actor::Author::Operator;
        let actor = Actor { author, tenant: key.tenant, origin: crate::domain::actor::Origin::default() };
        self.delete_api_key(&actor, id).await
    }
}
