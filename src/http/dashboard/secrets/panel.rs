//! The panel beside the list: one secret, or the form for one.

use serde::Serialize;
use vouchsafe_entity::kind::{SecretType, Visibility};
use vouchsafe_entity::millis::Millis;

use super::list::{Rights, reference};
use super::query::{Part, SecretQuery};
use super::words::{no_hosts_word, state_word, type_word, visibility_word};
use crate::domain::secret::{SecretEnd, SecretState};
use crate::http::dashboard::form::FormView;
use crate::http::dashboard::moment::Moment;
use crate::http::dashboard::url::Url;
use crate::service::secrets::{SecretUse, UsedSecret};

/// What stands beside the list.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Panel {
    /// A form for a new secret, or to change one.
    Form(Box<FormPanel>),
    /// One secret.
    Secret(Box<SecretPanel>),
}

/// A form.
#[derive(Serialize)]
pub(super) struct FormPanel {
    form: FormView,
    /// The key of the secret that is changed; none for a new one.
    key: Option<String>,
    /// What is fixed about it, in words.
    fixed: Vec<(&'static str, String)>,
    action: String,
    back: String,
    kinds: Vec<(&'static str, &'static str)>,
    ends: Vec<(&'static str, String)>,
    environments: Vec<String>,
}

/// One secret.
#[derive(Serialize)]
pub(super) struct SecretPanel {
    key: String,
    name: String,
    reference: String,
    description: Option<String>,
    mark: (&'static str, &'static str),
    /// Type, issuer and the like, each with its label.
    facts: Vec<(&'static str, String)>,
    environments: Vec<String>,
    products: Vec<String>,
    apps: Vec<String>,
    hosts: Vec<String>,
    /// Where it goes without any.
    no_hosts: &'static str,
    issued: Moment,
    created: Moment,
    updated: Moment,
    used: Option<Moment>,
    expires: Option<Moment>,
    revoked: Option<Moment>,
    restricted: bool,
    /// What refers to it, a line each.
    uses: Vec<String>,
    more: bool,
    rights: Rights,
    reveal: Option<String>,
    edit: Option<String>,
    acts: Vec<Act>,
    back: String,
}

/// Something to do about it.
#[derive(Serialize)]
struct Act {
    label: &'static str,
    url: String,
    danger: bool,
}

/// The ends that a form offers, `first` before the usual ones.
fn ends(first: Option<(&'static str, String)>) -> Vec<(&'static str, String)> {
    let usual = [
        ("never", "Never"),
        ("P30D", "In 30 days"),
        ("P90D", "In 90 days"),
        ("P180D", "In 180 days"),
        ("P1Y", "In a year"),
        ("date", "On the day below"),
    ];
    first.into_iter().chain(usual.map(|(word, label)| (word, label.to_owned()))).collect()
}

/// A setting that refers to a secret, in words.
pub(super) fn use_in_words(one: &SecretUse) -> String {
    let what = match one.place.strip_prefix("variables/") {
        Some(variable) => format!("The setting “{variable}”"),
        None => "The client secret".to_owned(),
    };
    format!("{what} of the connector {} in {}", one.connector, one.environment)
}

fn new_form(environment: &str, environments: &[String], form: FormView, part: &Part) -> FormPanel {
    FormPanel {
        form,
        key: None,
        fixed: Vec::new(),
        action: part.at(&Url::NewSecret(environment)),
        back: part.at(&Url::Secrets(environment)),
        kinds: SecretType::ALL.iter().map(|kind| (kind.as_str(), type_word(*kind))).collect(),
        ends: ends(None),
        environments: environments.to_vec(),
    }
}

impl Panel {
    /// The form for a new secret.
    pub(super) fn new_secret(
        environment: &str,
        environments: &[String],
        form: FormView,
        part: &Part,
    ) -> Self {
        Self::Form(Box::new(new_form(environment, environments, form, part)))
    }

    /// The form that changes one.
    pub(super) fn edit(
        environment: &str,
        environments: &[String],
        used: &UsedSecret,
        form: FormView,
        part: &Part,
        now: Millis,
    ) -> Self {
        let secret = &used.view.secret;
        let first = match (secret.end(now), secret.expires_at) {
            // An end that has come can't stay with a new value.
            (Some(SecretEnd::Expired), _) => ("", "Choose a new end".to_owned()),
            (_, None) => ("keep", "As it is: never".to_owned()),
            (_, Some(at)) => ("keep", format!("As it is: {}", Moment::new(at, now).into_said())),
        };
        Self::Form(Box::new(FormPanel {
            form,
            key: Some(secret.key.clone()),
            fixed: vec![
                ("Visibility", visibility_word(secret.visibility).to_owned()),
                ("Type", type_word(secret.kind).to_owned()),
                ("Issuer", secret.issuer.clone().unwrap_or_else(|| "none".to_owned())),
            ],
            action: part.at(&Url::EditSecret(environment, &secret.key)),
            back: part.at(&Url::Secret(environment, &secret.key)),
            kinds: Vec::new(),
            ends: ends(Some(first)),
            environments: environments.to_vec(),
        }))
    }

    /// One secret; `issued`: its issuer is a provider.
    pub(super) fn secret(
        environment: &str,
        used: UsedSecret,
        issued: bool,
        rights: Rights,
        part: &Part,
        now: Millis,
    ) -> Self {
        let UsedSecret { view, uses, more } = used;
        let secret = view.secret;
        let state = secret.state(now);
        let restricted = secret.visibility == Visibility::Restricted;
        let gone = state == SecretState::Revoked;
        let mut facts = vec![
            ("Type", type_word(secret.kind).to_owned()),
            ("Visibility", visibility_word(secret.visibility).to_owned()),
        ];
        facts.extend(secret.issuer.map(|issuer| ("Issuer", issuer)));
        facts.extend(secret.scopes.map(|scopes| ("Granted", scopes)));
        let at = |at: Millis| Moment::new(at, now);
        Self::Secret(Box::new(SecretPanel {
            reference: reference(&secret.key),
            description: secret.description,
            mark: state_word(state),
            facts,
            environments: view.environments,
            products: secret.scope.products,
            apps: secret.scope.apps,
            hosts: secret.allowed_hosts.iter().map(ToString::to_string).collect(),
            no_hosts: no_hosts_word(issued),
            issued: at(secret.issued_at),
            created: at(secret.created_at),
            updated: at(secret.updated_at),
            used: secret.last_used_at.map(at),
            expires: secret.expires_at.map(at),
            revoked: secret.revoked_at.map(at),
            restricted,
            uses: uses.iter().map(use_in_words).collect(),
            more,
            reveal: (rights.reveal && !restricted && !gone)
                .then(|| part.at(&Url::RevealSecret(environment, &secret.key))),
            edit: (rights.manage && !gone).then(|| part.at(&Url::EditSecret(environment, &secret.key))),
            acts: if rights.manage { acts(environment, &secret.key, state, part) } else { Vec::new() },
            rights,
            back: part.at(&Url::Secrets(environment)),
            name: secret.name,
            key: secret.key,
        }))
    }

    /// A form for samples.
    pub(super) fn sample_form(form: FormView, new: bool) -> Self {
        let all = ["production".to_owned(), "sandbox".to_owned()];
        let form = form.with_chosen("environments", &["production"]).with("ends", "never");
        let mut panel = new_form("production", &all, form, &Part::first(SecretQuery::default()));
        if !new {
            panel.key = Some("STRIPE_KEY".to_owned());
            panel.fixed = vec![("Visibility", "Restricted".to_owned()), ("Type", "API key".to_owned())];
            panel.ends = ends(Some(("keep", "As it is: in 40 days".to_owned())));
        }
        Self::Form(Box::new(panel))
    }

    /// A secret for samples.
    pub(super) fn sample_secret(rights: Rights) -> Self {
        let now = Millis(1_893_456_000_000);
        let at = |days: i64| Moment::new(now.plus_seconds(days * 86_400), now);
        let key = "CUSTOMS_BROKERAGE_INTERNATIONAL_LIVE_WEBHOOK_SIGNING_KEY_2031";
        let part = Part::first(SecretQuery::default());
        let url = part.at(&Url::RevealSecret("production", key));
        Self::Secret(Box::new(SecretPanel {
            key: key.to_owned(),
            name: "Payments, live <production>".to_owned(),
            reference: reference(key),
            description: Some("For the nightly import.".to_owned()),
            mark: state_word(SecretState::Active),
            facts: vec![("Type", "API key".to_owned()), ("Issuer", "brightpay".to_owned())],
            environments: vec!["production".to_owned(), "sandbox".to_owned()],
            products: vec!["sync-orders".to_owned()],
            apps: Vec::new(),
            hosts: vec!["api.stripe.com".to_owned()],
            no_hosts: no_hosts_word(true),
            issued: at(-40),
            created: at(-40),
            updated: at(-2),
            used: Some(at(-1)),
            expires: Some(at(40)),
            revoked: None,
            restricted: false,
            uses: vec!["The client secret of the connector brightpay in production".to_owned()],
            more: true,
            reveal: rights.reveal.then(|| url.clone()),
            edit: rights.manage.then(|| url.clone()),
            acts: if rights.manage {
                acts("production", key, SecretState::Active, &part)
            } else {
                Vec::new()
            },
            rights,
            back: Url::Secrets("production").to_string(),
        }))
    }
}

fn acts(environment: &str, key: &str, state: SecretState, part: &Part) -> Vec<Act> {
    let act = |label, url: Url<'_>, danger| Act { label, url: part.at(&url), danger };
    let mut acts = Vec::new();
    match state {
        SecretState::Active => acts.push(act("Switch off", Url::DeactivateSecret(environment, key), false)),
        SecretState::Inactive => acts.push(act("Switch on", Url::ReactivateSecret(environment, key), false)),
        SecretState::Expired | SecretState::Revoked => {}
    }
    if state != SecretState::Revoked {
        acts.push(act("Revoke", Url::RevokeSecret(environment, key), true));
    }
    acts.push(act("Delete", Url::DeleteSecret(environment, key), true));
    acts
}
