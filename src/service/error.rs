//! Why a use case was refused. Each code has one meaning; `http::problem` gives each its status.

use crate::domain::page::OtherList;
use crate::provider::FieldError;
use crate::store::StoreError;
use crate::vault::{RewrapError, SealError, UnknownKey, Unopened};

/// One thing that is wrong with what was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Where, as in RFC 6901.
    pub pointer: String,
    /// A stable word.
    pub code: &'static str,
    /// What to do, in words. Never repeats a value that may be secret.
    pub message: String,
}

impl Violation {
    /// A violation at `pointer`.
    pub fn new(pointer: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code, message: message.into() }
    }

    /// What is wrong with a field of the form that stands at `base`.
    pub fn of_field(base: &str, error: FieldError) -> Self {
        Self::new(format!("{base}/{}", escape(&error.name)), error.code, error.message)
    }
}

/// A name as a reference token (RFC 6901, section 3).
pub fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

macro_rules! codes {
    ($($(#[$meta:meta])* $variant:ident = $word:literal,)+) => {
        /// Why something was refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$meta])* $variant),+ }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word in problems.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

codes! {
    /// No key, or none that works.
    Unauthenticated = "unauthenticated",
    /// The key lacks the scope.
    ScopeMissing = "scope_missing",
    /// Too many calls.
    RateLimited = "rate_limited",
    /// The workspace may not create or change.
    SubscriptionRequired = "subscription_required",
    /// The username is another user's.
    UsernameTaken = "username_taken",
    /// Something refers to it.
    InUse = "in_use",
    /// The connector's only method is OAuth, which needs a browser.
    OAuthConnector = "oauth_connector",
    /// The app refuses what was typed.
    CredentialRejected = "credential_rejected",
    /// The app gave no answer, or one that says nothing.
    ProviderUnreachable = "provider_unreachable",
    /// The app is called as often as its definition allows.
    ProviderBusy = "rate_limited",
    /// The app took too long.
    ProviderTimeout = "provider_timeout",
    /// A call names nothing that it goes with, or two things.
    TargetMissing = "target_missing",
    /// A call may not go to this host.
    HostNotAllowed = "host_not_allowed",
    /// A path that could lead elsewhere.
    PathRefused = "path_refused",
    /// A connection that is to become another protocol.
    UpgradeNotSupported = "upgrade_not_supported",
    /// A body of another media type.
    UnsupportedMediaType = "unsupported_media_type",
    /// A body beyond the limit.
    BodyTooLarge = "body_too_large",
    /// The definition of the connector's provider is not loaded.
    ProviderMissing = "provider_missing",
    /// The definition of a flow's provider is another than the one it began with.
    ProviderChanged = "provider_changed",
    /// The connector lacks settings that it cannot work without.
    ConnectorIncomplete = "connector_incomplete",
    /// The connector is switched off.
    ConnectorDisabled = "connector_disabled",
    /// The app refuses the connector's client.
    ConnectorFailing = "connector_failing",
    /// The credential must be connected again.
    CredentialExpired = "credential_expired",
    /// The credential is switched off.
    CredentialInactive = "credential_inactive",
    /// The credential waits for confirmation.
    CredentialPending = "credential_pending",
    /// The credential was revoked.
    CredentialRevoked = "credential_revoked",
    /// A new token is on its way.
    RefreshPending = "refresh_pending",
    /// Refreshed less than a minute ago.
    RefreshTooSoon = "refresh_too_soon",
    /// Nothing to refresh.
    NotRefreshable = "not_refreshable",
    /// The provider has no check.
    NoCheck = "no_check",
    /// A sealed row can't be opened.
    KeyUnavailable = "key_unavailable",
    /// A wrong confirmation code, or another user.
    ConfirmationRefused = "confirmation_refused",
    /// The time to confirm is over.
    ConfirmationExpired = "confirmation_expired",
    /// The connect session is over.
    SessionExpired = "session_expired",
    /// A ticket, flow or state that is not known, used up or another browser's.
    FlowRefused = "flow_refused",
    /// Another account than the one to reconnect.
    AccountChanged = "account_changed",
    /// The user said no, at the app.
    AccessDenied = "access_denied",
    /// The binding of browser and user is too weak for the environment.
    BindingTooWeak = "binding_too_weak",
    /// A key can't give what it lacks.
    ScopeExceeded = "scope_exceeded",
    /// A member's role may not do this.
    Forbidden = "forbidden",
    /// A member must prove again who they are.
    StepUpRequired = "step_up_required",
    /// A member must set up an authenticator first.
    AuthenticatorRequired = "authenticator_required",
    /// Address, password or code are wrong, or there is no such account.
    SignInRefused = "sign_in_refused",
    /// An invitation that was used, taken back or is over.
    InvitationOver = "invitation_over",
    /// Somebody is a member under this address.
    MemberTaken = "member_taken",
    /// A workspace keeps at least one owner.
    LastOwner = "last_owner",
    /// An environment has as many webhook endpoints as it may.
    TooManyEndpoints = "too_many_endpoints",
    /// The webhook endpoint is switched off.
    EndpointDisabled = "endpoint_disabled",
    /// An environment has as many keys as it may.
    TooManyKeys = "too_many_keys",
    /// The same `Idempotency-Key` with another body.
    IdempotencyMismatch = "idempotency_mismatch",
    /// The first request with this `Idempotency-Key` is under way.
    IdempotencyInProgress = "idempotency_in_progress",
    /// Somebody changed it since it was read.
    ChangedMeanwhile = "changed_meanwhile",
    /// One of the environments has a secret of this key.
    KeyTaken = "key_taken",
    /// Another environment than the key's own.
    WrongEnvironment = "wrong_environment",
    /// Nothing may be changed or revealed while the audit log reaches no place outside.
    AuditUnavailable = "audit_unavailable",
    /// A member that never changes.
    ImmutableField = "immutable_field",
    /// A value that nobody is shown.
    Restricted = "restricted",
    /// The secret has ended; only a new value brings it back.
    SecretExpired = "secret_expired",
    /// The secret's value is gone.
    SecretRevoked = "secret_revoked",
    /// A reference to a secret that is not there.
    SecretMissing = "secret_missing",
    /// A reference to a secret that is switched off.
    ReferenceInactive = "secret_inactive",
    /// A reference to a secret that has ended.
    ReferenceExpired = "secret_expired",
    /// A reference to a secret whose value is gone.
    ReferenceRevoked = "secret_revoked",
    /// A reference to a secret that is for something else.
    ReferenceOutOfScope = "secret_out_of_scope",
    /// A reference to a secret of another environment.
    ReferenceWrongEnvironment = "secret_wrong_environment",
    /// A reference to a secret that another app issued, or one whose definition is gone.
    ReferenceWrongIssuer = "secret_wrong_issuer",
    /// A reference to a secret that may not go to this host.
    ReferenceHostNotAllowed = "secret_host_not_allowed",
}

/// Why a use case gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was sent has mistakes.
    #[error("the request has mistakes")]
    Invalid(Vec<Violation>),
    /// It is not there, or not for this caller to know.
    #[error("not found")]
    NotFound,
    /// Refused for a reason that has a code.
    #[error("refused: {}", code.as_str())]
    Refused {
        /// The reason.
        code: Code,
        /// In words: what happened and what to do.
        detail: String,
        /// Where in the request, if it is about a member of it.
        violations: Vec<Violation>,
        /// Seconds after which to try again.
        retry_after: Option<u64>,
        /// The status that the app answered with, where it is about its answer.
        app_status: Option<u16>,
    },
    /// The database refused.
    #[error("the database refused")]
    Store(#[source] StoreError),
    /// Something that should not be.
    #[error("internal error: {0}")]
    Internal(&'static str),
}

impl Error {
    /// A refusal.
    pub fn refused(code: Code, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self::Refused { code, detail, violations: Vec::new(), retry_after: None, app_status: None }
    }

    /// A refusal about one member of the request.
    pub fn refused_at(code: Code, pointer: &str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let violations = vec![Violation::new(pointer, code.as_str(), detail.clone())];
        Self::Refused { code, detail, violations, retry_after: None, app_status: None }
    }

    /// A refusal that ends by itself after `seconds`.
    pub fn later(code: Code, detail: impl Into<String>, seconds: u64) -> Self {
        Self::Refused {
            code,
            detail: detail.into(),
            violations: Vec::new(),
            retry_after: Some(seconds.max(1)),
            app_status: None,
        }
    }

    /// The same refusal, about an answer of the app with this status.
    #[must_use]
    pub fn answered(mut self, status: Option<u16>) -> Self {
        if let Self::Refused { app_status, .. } = &mut self {
            *app_status = status;
        }
        self
    }

    /// One mistake in what was sent.
    pub fn invalid(pointer: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![Violation::new(pointer, code, message)])
    }

    /// A cursor that is none of its list.
    pub fn invalid_cursor() -> Self {
        Self::invalid("/cursor", "invalid_cursor", "Send the `nextCursor` of the page before.")
    }

    /// What is wrong with the fields of the form that stands at `base`.
    pub fn fields(base: &str, errors: Vec<FieldError>) -> Self {
        Self::Invalid(errors.into_iter().map(|error| Violation::of_field(base, error)).collect())
    }

    /// Something that a body names and that isn't there.
    pub fn unknown(pointer: impl Into<String>, what: &str) -> Self {
        Self::invalid(pointer, "unknown", format!("There is no such {what} in this environment."))
    }

    /// Something that should not be.
    pub const fn internal(what: &'static str) -> Self {
        Self::Internal(what)
    }

    /// The code of a refusal.
    pub const fn code(&self) -> Option<Code> {
        if let Self::Refused { code, .. } = self { Some(*code) } else { None }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::OtherList => OtherList.into(),
            error => Self::Store(error),
        }
    }
}

impl From<OtherList> for Error {
    fn from(OtherList: OtherList) -> Self {
        Self::invalid_cursor()
    }
}

#[cfg(feature = "failpoints")]
impl From<crate::failpoint::Injected> for Error {
    fn from(_: crate::failpoint::Injected) -> Self {
        Self::internal("a failure point")
    }
}

impl From<SealError> for Error {
    fn from(error: SealError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "a value could not be sealed");
        Self::refused(Code::KeyUnavailable, "The hub cannot seal values of this environment now.")
    }
}

/// What a caller is told of a row that does not open.
pub(super) const NOT_OPENED: &str =
    "The hub cannot open what it sealed here; its operator finds why in its log.";

impl From<Unopened> for Error {
    fn from(unopened: Unopened) -> Self {
        tracing::error!(
            table = unopened.table,
            column = unopened.column,
            row.id = %unopened.row.escape_debug(),
            data_key.id = unopened.data_key.map(tracing::field::display),
            error = &unopened.why as &dyn std::error::Error,
            "a sealed value could not be opened"
        );
        Self::refused(Code::KeyUnavailable, NOT_OPENED)
    }
}

impl From<RewrapError> for Error {
    fn from(error: RewrapError) -> Self {
        match error {
            RewrapError::Open(error) => error.into(),
            RewrapError::Seal(error) => error.into(),
        }
    }
}

impl From<UnknownKey> for Error {
    fn from(UnknownKey: UnknownKey) -> Self {
        Self::Internal("a key of the hub is not at hand")
    }
}
