//! The use cases, a file a story. A method reads like the sentence that describes it: authorise, validate, call the
//! app through [`crate::egress`], seal, and write row, event and audit in one transaction.
//!
//! It knows no HTTP: callers arrive as [`Actor`], refusals leave as [`Error`].

pub mod adoption;
mod alarm;
pub mod audit;
pub mod backup;
pub mod bootstrap;
pub mod check;
pub mod connect;
pub mod connectors;
pub mod credentials;
pub mod data_key;
pub mod definitions;
pub mod environment;
pub mod error;
pub mod events;
pub mod export;
mod failures;
pub mod idempotency;
pub mod import;
pub mod integrations;
pub mod keys;
mod limits;
pub mod mail;
pub mod master_key;
mod material;
pub mod members;
pub mod overview;
mod permit;
pub mod proxy;
mod purge;
mod recent;
mod references;
pub mod refresh;
mod revocation;
pub mod secrets;
mod seen;
pub mod shape;
mod steps;
pub mod sweep;
pub mod throttle;
pub mod tokens;
mod unauthorized;
pub mod users;
mod uses;
pub mod validate;
mod warnings;
pub mod webhooks;

pub use error::{Code, Error, Violation};
pub use failures::Failures;
pub use seen::Seen;

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use moka::sync::Cache;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;
use vouchsafe_entity::id::{ConnectorId, CredentialId, EnvironmentId, SecretId, WorkspaceId};
use vouchsafe_entity::millis::Millis;

use crate::clock::Clock;
use crate::config::AuditMode;
use crate::domain::actor::Actor;
use crate::domain::connector::Connector;
use crate::domain::data_key::KeyOwner;
use crate::domain::refresh::Times;
use crate::domain::workspace::{Environment, Tenant};
use crate::egress::Egress;
use crate::ids::Ids;
use crate::journal::Journal;
use crate::provider::Registry;
use crate::random::Random;
use crate::store::{self, Store};
use crate::vault::Vault;
use recent::Recent;

/// What the hub is made of.
pub struct Parts {
    /// The database.
    pub store: Store,
    /// Seals and opens.
    pub vault: Vault,
    /// The way out.
    pub egress: Arc<Egress>,
    /// The provider definitions.
    pub providers: Registry,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// What browsers and apps see.
    pub public_url: Url,
    /// Times of the refresh protocol.
    pub times: Times,
    /// When reads are audited.
    pub audit: AuditMode,
    /// Where audit heads go, and how long events are kept.
    pub audit_log: audit::AuditLog,
    /// Waits between tries of a check.
    pub check_waits: Vec<Duration>,
    /// How long a call of the hub's own waits for its turn at an app.
    pub turn_wait: Duration,
    /// Times of deliveries.
    pub pace: webhooks::Pace,
    /// Sends mails; none where the operator names no mail server.
    pub mailer: Option<mail::Mailer>,
    /// Where token answers are written down; without one, no token is spent.
    pub journal: Option<Journal>,
    /// Signs members in; none where they sign in by password alone.
    pub single_sign_on: Option<members::single_sign_on::SingleSignOn>,
}

/// The use cases.
pub struct Hub {
    store: Store,
    vault: Vault,
    egress: Arc<Egress>,
    providers: ArcSwap<Registry>,
    clock: Arc<dyn Clock>,
    /// The uptime of the clock when this run began.
    begun: Duration,
    random: Arc<dyn Random>,
    ids: Ids,
    public_url: Url,
    times: Times,
    check_waits: Vec<Duration>,
    audit: audit::Recorder,
    uses: uses::Uses<(EnvironmentId, CredentialId)>,
    secret_uses: uses::Uses<(WorkspaceId, SecretId)>,
    call_limits: limits::CallLimits,
    visit_limits: connect::VisitLimits,
    keys: keys::KeyCache,
    /// The data keys as they were when they were read last.
    keys_read: Mutex<Option<store::data_key::Stamp>>,
    /// Whose values that don't open are left alone, and until when.
    shut_until: Mutex<HashMap<KeyOwner, Millis>>,
    environments: Recent<EnvironmentId, (Environment, Tenant)>,
    connectors: Recent<(EnvironmentId, ConnectorId), Connector>,
    counts: connectors::Counts,
    refreshes: refresh::SingleFlight,
    unheard: refresh::Unheard,
    throttle: throttle::Throttle,
    journal: Option<Journal>,
    unread: refresh::Unread,
    /// Names this run of this node.
    boot: String,
    progress: connect::Signals,
    standing: adoption::Standing,
    /// Keys that were asked about because of a 401, and when.
    asked: Cache<CredentialId, Millis>,
    /// Whether something secret was wiped that may still lie in a journal.
    wiped: AtomicBool,
    pace: webhooks::Pace,
    line: webhooks::Line,
    mailer: Option<mail::Mailer>,
    single_sign_on: Option<members::single_sign_on::SingleSignOn>,
    /// Passwords hashed at once: each takes 19 MiB and a core.
    hashing: Semaphore,
    /// Work that outlives the request that began it.
    tasks: TaskTracker,
    closing: CancellationToken,
    calls_over: CancellationToken,
}

impl Hub {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Self {
        let ids = Ids::new(Arc::clone(&parts.clock), Arc::clone(&parts.random));
        Self {
            boot: ids.next().simple().to_string(),
            ids,
            store: parts.store,
            vault: parts.vault,
            egress: parts.egress,
            providers: ArcSwap::from_pointee(parts.providers),
            begun: parts.clock.uptime(),
            clock: parts.clock,
            random: parts.random,
            public_url: parts.public_url,
            times: parts.times,
            check_waits: parts.check_waits,
            audit: audit::Recorder::new(parts.audit, parts.audit_log),
            uses: uses::Uses::default(),
            secret_uses: uses::Uses::default(),
            call_limits: limits::CallLimits::new(),
            visit_limits: connect::VisitLimits::default(),
            keys: keys::KeyCache::new(),
            keys_read: Mutex::default(),
            shut_until: Mutex::default(),
            environments: Recent::default(),
            connectors: Recent::default(),
            counts: connectors::Counts::default(),
            refreshes: refresh::SingleFlight::default(),
            unheard: refresh::Unheard::default(),
            throttle: throttle::Throttle::new(parts.turn_wait),
            journal: parts.journal,
            unread: refresh::Unread::default(),
            progress: connect::Signals::default(),
            standing: adoption::Standing::default(),
            asked: Cache::builder().max_capacity(10_000).build(),
            wiped: AtomicBool::new(true),
            pace: parts.pace,
            line: webhooks::Line::default(),
            mailer: parts.mailer,
            single_sign_on: parts.single_sign_on,
            hashing: Semaphore::new(members::HASHED_AT_ONCE),
            tasks: TaskTracker::new(),
            closing: CancellationToken::new(),
            calls_over: CancellationToken::new(),
        }
    }

    /// The present moment.
    pub fn now(&self) -> Millis {
        self.clock.now().into()
    }

    /// The address that browsers and apps see.
    pub fn public_url(&self) -> &Url {
        &self.public_url
    }

    /// The provider definitions in use.
    pub fn providers(&self) -> Arc<Registry> {
        self.providers.load_full()
    }

    /// Swaps the provider definitions as one. A refresh under way keeps the one it began with; a flow that comes back to
    /// another ends, and is begun again.
    pub fn set_providers(&self, registry: Registry) {
        self.providers.store(Arc::new(registry));
        self.unread.wake();
    }

    /// The environment of `id` with its workspace's subscription, at most five seconds old.
    async fn environment_of(&self, id: EnvironmentId) -> Result<Arc<(Environment, Tenant)>, Error> {
        self.environment_in(&self.store, id).await
    }

    /// The same, asked of `db`: a transaction must not wait for another connection.
    async fn environment_in(
        &self,
        db: &impl store::Reads,
        id: EnvironmentId,
    ) -> Result<Arc<(Environment, Tenant)>, Error> {
        let read = async { Ok(store::environment::find(db, id).await?) };
        self.environments.get(&id, read).await?.ok_or(Error::NotFound)
    }

    /// Refuses changes in a workspace whose subscription has ended. Reading, use, deactivation, revocation and
    /// deletion go on, so that nobody's data is held hostage.
    async fn gate(&self, actor: &Actor) -> Result<(), Error> {
        if actor.tenant.may_write() {
            return Ok(());
        }
        let target = audit::Target::new("workspace", actor.workspace());
        self.record_denial(actor, Code::SubscriptionRequired, target).await?;
        Err(Error::refused(
            Code::SubscriptionRequired,
            "The subscription of this workspace has ended; nothing can be created or changed until it is renewed.",
        ))
    }

    /// Cancelled when the hub ends: streams and loops stop then.
    pub fn closing(&self) -> CancellationToken {
        self.closing.clone()
    }

    /// Cancelled when the last call is over: until then what calls leave behind is written down.
    pub fn calls_over(&self) -> CancellationToken {
        self.calls_over.clone()
    }

    /// An id for a request that brought none.
    pub fn new_request_id(&self) -> String {
        format!("req_{}", self.ids.next().simple())
    }

    /// Runs `work` to its end whether or not somebody still waits for it; [`Hub::finish`] waits for it.
    pub fn spawn<F>(&self, work: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.tasks.spawn(work)
    }

    /// Ends streams and loops, takes no more connections, and sends no more tokens away: calls under way that need a new
    /// one are refused, as another hub can get it. What was sent is written down before [`Hub::finish`] returns.
    pub fn close(&self) {
        self.closing.cancel();
        self.refreshes.close();
    }

    /// Ends the loops that write down calls.
    pub fn note_calls_over(&self) {
        self.calls_over.cancel();
    }

    /// Waits for work that outlives its request.
    pub async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Closes the database, after everything else; SQLite then leaves one file behind.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn close_store(&self) -> Result<(), Error> {
        Ok(self.store.clone().close().await?)
    }

    /// Asks the database and the keys, for `GET /readyz`.
    ///
    /// # Errors
    /// [`Error::Store`] and [`Error::internal`].
    pub async fn ready(&self) -> Result<(), Error> {
        self.store.ping().await?;
        self.vault
            .mac(crate::domain::data_key::KeyPurpose::ApiKeys, &[b"ready"])
            .map(drop)
            .map_err(|_| Error::internal("the hub's keys are not open"))
    }
}
