//! Connect sessions as the back end sees them: made, asked after, ended.

mod needs;

use needs::keep_to_reconnect;
use serde_json::{Map, Value};
use vouchsafe_entity::id::{CredentialId, SessionId, UserId};
use vouchsafe_entity::json::{Need, Settings};
use vouchsafe_entity::kind::{Binding, Confirm, SessionStatus, Status};

use crate::domain::actor::Actor;
use crate::domain::credential::Credential;
use crate::domain::role::Action;
use crate::domain::session::{ConnectResult, Progress, Session};
use crate::domain::user::User;
use crate::secret::PlainToken;
use crate::service::audit::Target;
use crate::service::integrations::{missing_scopes, pick};
use crate::service::users::NewUser;
use crate::service::validate::Checker;
use crate::service::{Error, Hub};
use crate::store::{self, StoreError, Tx};

const USUAL_SECONDS: i64 = 1_800;

/// The user of a new session.
#[derive(Clone, Debug)]
pub enum SessionUser {
    /// By our id, or by the embedder's name; the latter is made if new.
    Named(String),
    /// With all that is known of them; made if new.
    New(NewUser),
}

/// A session to be made.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// For whom.
    pub user: SessionUser,
    /// The feature it is for.
    pub integration: Option<String>,
    /// The connectors it is for.
    pub connectors: Option<Vec<String>>,
    /// Exact origins that may frame the modal.
    pub allowed_origins: Option<Vec<String>>,
    /// Where a redirect comes back to.
    pub return_url: Option<String>,
    /// The credential to reconnect.
    pub credential: Option<CredentialId>,
    /// Seconds that it lives.
    pub expires_in: Option<i64>,
    /// What the back end will confirm.
    pub confirm: Option<Confirm>,
    /// Language of the pages.
    pub locale: Option<String>,
    /// Overrides of the environment's theme.
    pub theme: Option<Map<String, Value>>,
}

impl NewSession {
    /// A session of the user called so, for everything.
    pub(super) fn for_user(user: String) -> Self {
        Self {
            user: SessionUser::Named(user),
            integration: None,
            connectors: None,
            allowed_origins: None,
            return_url: None,
            credential: None,
            expires_in: None,
            confirm: None,
            locale: None,
            theme: None,
        }
    }
}

/// A session with what is shown once.
#[derive(Debug)]
pub struct CreatedSession {
    /// The session.
    pub session: Session,
    /// `<session id>.<secret>`.
    pub token: PlainToken,
    /// The hosted link.
    pub connect_url: Option<String>,
}

/// A session as it stands.
#[derive(Clone, Debug)]
pub struct SessionView {
    /// The session.
    pub session: Session,
    /// Where it stands.
    pub status: SessionStatus,
    /// What came of its connectors so far.
    pub results: Vec<ResultView>,
}

/// What came of one connector.
#[derive(Clone, Debug)]
pub struct ResultView {
    /// The connector's key.
    pub connector: String,
    /// What was connected.
    pub credential: Option<CredentialId>,
    /// How far it is.
    pub status: String,
    /// A code, where it failed.
    pub error: Option<String>,
}

impl From<ConnectResult> for ResultView {
    fn from(result: ConnectResult) -> Self {
        Self {
            connector: result.connector,
            credential: result.credential,
            status: result.progress.as_str().to_owned(),
            error: result.error,
        }
    }
}

impl Hub {
    /// Makes a session. One that finds everything connected completes by itself.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`crate::service::Code::ConnectorIncomplete`],
    /// [`crate::service::Code::SubscriptionRequired`].
    pub async fn create_session(&self, actor: &Actor, new: NewSession) -> Result<CreatedSession, Error> {
        self.permit(actor, Action::MaintainCredentials).await?;
        self.gate(actor).await?;
        let (environment, _) = &*self.environment_of(actor.environment()).await?;
        let origins = checked(&new, &environment.settings)?;
        let needs = self.needs_of(actor, &new).await?;
        let secret = PlainToken::random(self.random.as_ref());
        let of_link = secret.for_link();
        let tx = self.store.begin().await?;
        let user = self.session_user(&tx, actor, new.user.clone()).await?;
        let mut session = self.new_session(new, user.id, needs, origins, &of_link);
        self.store_session(&tx, actor, &mut session).await?;
        tx.commit().await?;

        let token = PlainToken::presented(&format!("{}.{}", session.id, secret.expose()));
        let connect_url = self.connect_url(&session, &of_link, &environment.settings);
        Ok(CreatedSession { session, token, connect_url })
    }

    fn new_session(
        &self,
        new: NewSession,
        user: UserId,
        needs: Vec<Need>,
        allowed_origins: Vec<String>,
        of_link: &PlainToken,
    ) -> Session {
        let now = self.now();
        Session {
            id: SessionId::new(self.ids.next()),
            user,
            secret_hash: of_link.hash().into_string(),
            integration: new.integration,
            needs,
            allowed_origins,
            return_url: new.return_url,
            credential: new.credential,
            confirm: new.confirm,
            locale: new.locale,
            theme: new.theme.unwrap_or_default(),
            stored_status: SessionStatus::Open,
            created_at: now,
            expires_at: now.plus_seconds(new.expires_in.unwrap_or(USUAL_SECONDS)),
        }
    }

    /// Stores a session with what is connected already, which may be everything.
    async fn store_session(&self, tx: &Tx, actor: &Actor, session: &mut Session) -> Result<(), Error> {
        let environment = actor.environment();
        let found = store::credential::of_user(tx, environment, session.user, None).await?;
        let credentials: Vec<_> = found.into_iter().map(|credential| self.seen(credential)).collect();
        keep_to_reconnect(session, &credentials)?;
        let reused = self.reused(session, &credentials);
        if session.credential.is_none() && Self::is_satisfied(session, &reused) {
            session.stored_status = SessionStatus::Completed;
        }
        store::session::insert(tx, environment, session).await?;
        for result in &reused {
            store::session::save_result(tx, environment, session.id, result).await?;
        }
        let target = Target::new("connect_session", session.id);
        self.record(tx, actor, "connect_session.create", target, None).await
    }

    /// The hosted link; none where its user could bring back no code although one is needed.
    fn connect_url(&self, session: &Session, of_link: &PlainToken, settings: &Settings) -> Option<String> {
        let returns = session.return_url.is_some() || settings.default_return_url.is_some();
        let unconfirmable = Self::needs_code(session, settings, true, None) && !returns;
        (!unconfirmable).then(|| self.hosted_link(session.id, of_link).expose().to_owned())
    }

    async fn session_user(&self, tx: &Tx, actor: &Actor, user: SessionUser) -> Result<User, Error> {
        let new = match user {
            SessionUser::New(new) => new,
            SessionUser::Named(name) => {
                if let Some(user) = Self::user_in(tx, actor, &name).await? {
                    return Ok(user);
                }
                if name.starts_with("user_") && name.parse::<UserId>().is_ok() {
                    return Err(Error::unknown("/userId", "user"));
                }
                let mut checker = Checker::default();
                NewUser::check_username(&mut checker, "/userId", &name);
                checker.finish()?;
                NewUser { username: name, ..NewUser::default() }
            }
        };
        if let Some(user) = store::user::by_username(tx, actor.environment(), &new.username).await? {
            return Ok(user);
        }
        let user = new.into_user(self);
        if !store::user::ensure(tx, actor.environment(), &user).await? {
            // Made at the same time by somebody else.
            let made = store::user::by_username(tx, actor.environment(), &user.username).await?;
            return made.ok_or_else(|| StoreError::Taken.into());
        }
        self.record(tx, actor, "user.create", Target::new("user", user.id), None).await?;
        Ok(user)
    }

    /// What is connected already and serves the session as it is.
    fn reused(&self, session: &Session, credentials: &[Credential]) -> Vec<ConnectResult> {
        if session.credential.is_some() {
            return Vec::new();
        }
        let now = self.now();
        let serving = |need: &Need| {
            let of_connector: Vec<_> = credentials.iter().filter(|c| c.connector == need.connector).collect();
            let credential = pick(&of_connector, now)?;
            let serves = credential.health(now).status == Status::Active
                && missing_scopes(need, credential).is_empty();
            serves.then(|| ConnectResult {
                connector: need.connector.clone(),
                progress: Progress::Completed,
                credential: Some(credential.id),
                error: None,
                detail: None,
                confirmation: None,
                updated_at: now,
            })
        };
        session.needs.iter().filter_map(serving).collect()
    }

    /// Whether everything that is not optional is connected; a session without musts wants at least one.
    pub(super) fn is_satisfied(session: &Session, results: &[ConnectResult]) -> bool {
        let done = |need: &Need| {
            results.iter().any(|r| r.connector == need.connector && r.progress == Progress::Completed)
        };
        let musts_done = session.needs.iter().filter(|need| !need.optional).all(done);
        let has_musts = session.needs.iter().any(|need| !need.optional);
        musts_done && (has_musts || (!session.needs.is_empty() && session.needs.iter().all(done)))
    }

    /// Whether a credential of this session waits for the back end.
    pub(super) fn needs_code(
        session: &Session,
        settings: &Settings,
        hosted: bool,
        binding: Option<Binding>,
    ) -> bool {
        if settings.minimum_binding == Binding::Backend {
            return true;
        }
        match session.confirm {
            Some(Confirm::Backend) => true,
            Some(Confirm::Browser) => false,
            None => {
                // Where no page may frame a modal there is none, and whoever went on came by a link.
                let framed = !session.allowed_origins.is_empty() || !settings.allowed_origins.is_empty();
                settings.confirm_hosted_links && (hosted || !framed) && binding != Some(Binding::Opener)
            }
        }
    }

    /// A session and what came of it.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get_session(&self, actor: &Actor, id: SessionId) -> Result<SessionView, Error> {
        self.permit(actor, Action::MaintainCredentials).await?;
        let environment = actor.environment();
        let session = store::session::find(&self.store, environment, id).await?.ok_or(Error::NotFound)?;
        let results = store::session::results(&self.store, environment, id).await?;
        Ok(SessionView {
            status: session.status(self.now()),
            results: results.into_iter().map(Into::into).collect(),
            session,
        })
    }

    /// Ends a session.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn cancel_session(&self, actor: &Actor, id: SessionId) -> Result<SessionView, Error> {
        self.permit(actor, Action::MaintainCredentials).await?;
        let environment = actor.environment();
        store::session::find(&self.store, environment, id).await?.ok_or(Error::NotFound)?;
        let tx = self.store.begin().await?;
        if store::session::set_status(&tx, environment, id, SessionStatus::Cancelled).await? {
            let target = Target::new("connect_session", id);
            self.record(&tx, actor, "connect_session.cancel", target, None).await?;
        }
        tx.commit().await?;
        self.signal(id);
        self.get_session(actor, id).await
    }
}

/// Checks what a session says of itself; the origins that it names.
fn checked(new: &NewSession, settings: &Settings) -> Result<Vec<String>, Error> {
    let mut checker = Checker::default();
    let origins = checker.origins("/allowedOrigins", new.allowed_origins.as_deref().unwrap_or_default());
    let framed_by = if origins.is_empty() { &settings.allowed_origins } else { &origins };
    if let Some(origin) = checker.address("/returnUrl", new.return_url.as_deref()) {
        let message = "The origin of returnUrl must be one of allowedOrigins.";
        checker.ensure(framed_by.contains(&origin), "/returnUrl", "origin_not_allowed", message);
    }
    let fits = new.expires_in.is_none_or(|seconds| (60..=3_600).contains(&seconds));
    checker.ensure(fits, "/expiresIn", "out_of_range", "Write 60 to 3600 seconds.");
    checker.optional_text("/locale", new.locale.as_deref(), 35);
    if let Some(theme) = &new.theme {
        checker.theme("/theme", theme);
    }
    let both = new.integration.is_some() && new.connectors.is_some();
    checker.ensure(!both, "/connectors", "exclusive", "Send integration or connectors, not both.");
    if let SessionUser::New(user) = &new.user {
        user.check(&mut checker, "/user");
    }
    checker.finish()?;
    Ok(origins)
}
