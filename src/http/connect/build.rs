//! From what the services say to what the templates show.

use crate::domain::session::Progress;
use crate::http::strings::{Catalogue, Locale};
use crate::provider;
use crate::service::Code;
use crate::service::connect::{Offer, Standing, Visit};
use vouchsafe_entity::kind::{Method, Status};

use super::page::{
    ChoosePage, ChooseRow, Connector, Day, DisconnectPage, DoneNote, DonePage, FailedPage, Failure,
    FailureReason, Field, FieldOption, KeyPage, KeyProblem, MethodLink, OwnCredential, RowState, SignInPage,
};

/// What every page of a visit says of the host app.
pub(super) struct Setting {
    pub(super) host_app: String,
    pub(super) integration: Option<String>,
    /// Whether there is a choose page to go back to.
    pub(super) back: bool,
    pub(super) locale: Locale,
}

/// The app of a connector, as it is named and pictured.
pub(super) fn app(standing: &Standing) -> Connector {
    Connector::new(&standing.connector, &standing.name).with_icon(standing.icon.as_deref())
}

fn offered(offer: &Offer) -> Connector {
    Connector::new(&offer.connector, &offer.name).with_icon(offer.icon.as_deref())
}

/// The apps of a session; with `own`, also what the user has given, and how it is taken back.
pub(super) fn choose(setting: &Setting, standings: &[Standing], own: bool) -> ChoosePage {
    ChoosePage {
        host_app: setting.host_app.clone(),
        integration: setting.integration.clone(),
        rows: standings.iter().map(|standing| row(standing, own)).collect(),
        finished: standings.iter().all(|standing| standing.optional || standing.is_done()),
    }
}

/// The question before something is disconnected; none where nothing is connected.
pub(super) fn disconnect(setting: &Setting, standing: &Standing) -> Option<DisconnectPage> {
    Some(DisconnectPage {
        host_app: setting.host_app.clone(),
        connector: app(standing),
        account: standing.account.clone(),
        credential: standing.given.as_ref()?.credential.to_string(),
    })
}

fn row(standing: &Standing, own: bool) -> ChooseRow {
    let account = standing.account.clone();
    let status = standing.credential.map(|(_, status)| status);
    let state = match (standing.is_done(), status) {
        (true, _) => RowState::Connected { account },
        (false, Some(Status::Active)) if !standing.missing.is_empty() => {
            RowState::More { account, access: standing.missing.clone() }
        }
        (false, None | Some(Status::Active | Status::Pending)) => RowState::Connect,
        (false, Some(Status::Error | Status::Inactive | Status::Expired | Status::Revoked)) => {
            RowState::Failed { account }
        }
    };
    ChooseRow {
        connector: app(standing),
        state,
        optional: standing.optional,
        own: standing.given.as_ref().filter(|_| own).map(|given| OwnCredential {
            id: given.credential.to_string(),
            since: Day::of(given.since.to_string()),
            last_used: given.last_used_at.map(|at| Day::of(at.to_string())),
            access: given.access.clone(),
        }),
    }
}

pub(super) fn sign_in(setting: &Setting, offer: Offer) -> SignInPage {
    SignInPage {
        host_app: setting.host_app.clone(),
        integration: setting.integration.clone(),
        connector: offered(&offer),
        method: offer.method.as_str().to_owned(),
        access: offer.access,
        fields: offer.fields.iter().map(field).collect(),
        reconnect: offer.reconnect,
        other_methods: offer.others.iter().map(|method| link(*method)).collect(),
        back: setting.back,
    }
}

pub(super) fn key(setting: &Setting, offer: Offer) -> KeyPage {
    KeyPage {
        host_app: setting.host_app.clone(),
        integration: setting.integration.clone(),
        connector: offered(&offer),
        method: offer.method.as_str().to_owned(),
        fields: offer.fields.iter().map(field).collect(),
        problem: None,
        reconnect: offer.reconnect,
        other_methods: offer.others.iter().map(|method| link(*method)).collect(),
        back: setting.back,
    }
}

fn link(method: Method) -> MethodLink {
    MethodLink { method: method.as_str().to_owned() }
}

fn field(field: &provider::Field) -> Field {
    Field {
        name: field.name.clone(),
        label: field.label.clone(),
        help: field.help.clone(),
        example: field.example.clone(),
        prefix: field.prefix.clone(),
        suffix: field.suffix.clone(),
        required: field.required,
        secret: field.secret,
        multiline: field.multiline,
        lower: field.lower,
        pattern: field.pattern.clone(),
        options: field
            .options
            .iter()
            .map(|(label, value)| FieldOption { label: label.clone(), value: value.clone() })
            .collect(),
        value: field.default.clone(),
        error: None,
    }
}

/// The words for what is wrong with a field, in the reader's language where the catalogue has them.
pub(super) fn field_error(locale: Locale, code: &str, message: &str) -> String {
    let key = match code {
        "required" => "field.required",
        "invalid_format" | "not_an_option" | "invalid_characters" => "field.pattern",
        _ => return message.to_owned(),
    };
    let catalogue = Catalogue::load(locale).ok();
    catalogue
        .and_then(|catalogue| catalogue.get(key).map(str::to_owned))
        .unwrap_or_else(|| message.to_owned())
}

/// What a refusal says of the form as a whole; none where it is not the form's.
pub(super) fn key_problem(code: Code, app_status: Option<u16>, fields: &[Field]) -> Option<KeyProblem> {
    match code {
        Code::CredentialRejected => {
            let secret = fields.iter().find(|field| field.secret);
            Some(KeyProblem::Rejected { field: secret.map(|field| field.name.clone()) })
        }
        Code::ProviderUnreachable => Some(match app_status {
            Some(status) if status < 500 => KeyProblem::Unexpected { status },
            _ => KeyProblem::Unreachable,
        }),
        Code::ProviderBusy => Some(KeyProblem::Busy),
        Code::ConnectorDisabled | Code::ConnectorIncomplete | Code::ProviderMissing => {
            Some(KeyProblem::Unavailable)
        }
        _ => None,
    }
}

pub(super) fn done(
    setting: &Setting,
    standings: &[Standing],
    connector: Option<&Standing>,
    note: Option<DoneNote>,
    return_url: Option<String>,
) -> DonePage {
    let next = standings.iter().find(|standing| {
        !standing.is_done()
            && !standing.optional
            && connector.is_none_or(|current| current.connector != standing.connector)
            && standing.result.as_ref().is_none_or(|result| result.progress != Progress::Waiting)
    });
    DonePage {
        host_app: setting.host_app.clone(),
        connector: connector.map(app),
        account: connector.and_then(|standing| standing.account.clone()),
        note,
        next: next.map(app),
        return_url,
    }
}

pub(super) fn failed(setting: &Setting, standing: &Standing) -> FailedPage {
    let result = standing.result.as_ref();
    let code = result.and_then(|result| result.error.clone()).unwrap_or_else(|| "unexpected".to_owned());
    FailedPage {
        host_app: setting.host_app.clone(),
        connector: app(standing),
        failure: failure(&code, result.and_then(|result| result.detail.clone())),
        back: setting.back,
    }
}

/// How a code reads on a page.
pub(super) fn failure(code: &str, message: Option<String>) -> Failure {
    let reason = match code {
        "access_denied" => FailureReason::Denied,
        "provider_unreachable" => FailureReason::Unreachable,
        "rate_limited" => FailureReason::Busy,
        "connector_failing"
        | "connector_incomplete"
        | "connector_disabled"
        | "provider_missing"
        | "subscription_required"
        | "host_not_allowed"
        | "not_found" => FailureReason::Unavailable,
        // A reference in the connector's settings that can't be used.
        _ if code.starts_with("secret_") => FailureReason::Unavailable,
        "session_expired" | "flow_expired" | "confirmation_expired" => FailureReason::TimedOut,
        "provider_changed" => FailureReason::Changed,
        "unexpected_answer" | "issuer_mismatch" => FailureReason::NotUnderstood,
        "internal_error" | "key_unavailable" => FailureReason::Unexpected,
        _ => FailureReason::Refused,
    };
    Failure { reason, code: code.to_owned(), app_message: message }
}

/// The setting of a visit's pages.
pub(super) fn setting(visit: &Visit, integration: Option<String>, back: bool, locale: Locale) -> Setting {
    Setting { host_app: visit.host_app(), integration, back, locale }
}
