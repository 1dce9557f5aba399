//! The picker: secrets to choose from, and forms to make one or to give one a new value without leaving the call.

use serde::Serialize;
use vouchsafe_entity::kind::SecretType;

use super::draft::{Draft, Mode, Picking};
use crate::domain::page::PageRequest;
use crate::http::Problem;
use crate::http::dashboard::caller::InEnvironment;
use crate::http::dashboard::form::FormView;
use crate::http::dashboard::secrets::{no_hosts_word, reference, state_word, type_word};
use crate::http::dashboard::url::Url;
use crate::service::secrets::SecretFilter;
use crate::service::{Error, Seen};

/// So many secrets are offered at once.
const OFFERED: &str = "20";

/// An open picker.
#[derive(Serialize)]
pub(super) struct Picker {
    /// The field that a secret is chosen for.
    pub(super) field: String,
    /// `find`, `new` or `edit`.
    pub(super) mode: &'static str,
    pub(super) find: String,
    pub(super) editing: String,
    pub(super) choices: Vec<Choice>,
    /// Whether more fit than are offered.
    pub(super) more: bool,
    /// Whether one may be made or changed here.
    pub(super) manage: bool,
    pub(super) form: FormView,
    pub(super) kinds: Vec<(&'static str, &'static str)>,
    /// What was done just now.
    pub(super) said: Option<String>,
}

/// A secret to choose.
#[derive(Serialize)]
pub(super) struct Choice {
    pub(super) key: String,
    pub(super) reference: String,
    pub(super) kind: &'static str,
    pub(super) mark: (&'static str, &'static str),
    pub(super) hosts: Vec<String>,
    /// Where it goes without any.
    pub(super) no_hosts: &'static str,
}

/// What a secret is now.
async fn there(desk: &InEnvironment, key: &str) -> Result<Seen, Problem> {
    let view = desk.hub.get_secret(&desk.actor, key).await?;
    Ok(Seen(Some(view.secret.updated_at)))
}

/// The secret that is to have a new value, where it is not there any more: what was typed for a call stays all the same.
pub(super) async fn gone(desk: &InEnvironment, draft: &Draft) -> Result<Option<String>, Error> {
    let Some(Mode::Edit(key)) = draft.picking.as_ref().map(|picking| &picking.mode) else {
        return Ok(None);
    };
    match desk.hub.get_secret(&desk.actor, key).await {
        Err(Error::NotFound) => Ok(Some(key.clone())),
        found => found.map(|_| None),
    }
}

/// The form for a new value of a secret after it was refused: made from what that is now, where somebody changed it.
pub(super) async fn renewed(desk: &InEnvironment, key: &str, form: FormView) -> Result<FormView, Problem> {
    let there = there(desk, key).await?;
    Ok(form.renewed(there, desk.hub.now(), &Url::Secret(&desk.environment, key)))
}

/// A form for a secret that may go where the call goes, or for a new value of one, by whoever may.
pub(super) async fn blank(desk: &InEnvironment, draft: &Draft, manage: bool) -> Result<FormView, Problem> {
    let form = FormView::new().with("type", "api_key").with("visibility", "masked");
    match draft.picking.as_ref().map(|picking| &picking.mode) {
        Some(Mode::Edit(key)) if manage => return Ok(form.seeing(there(desk, key).await?)),
        Some(Mode::New) => {}
        _ => return Ok(form),
    }
    let host = match draft.other_host() {
        Some(host) => Some(host.to_owned()),
        None => desk.hub.host_of_call(&desk.actor, &draft.via_typed()).await?,
    };
    Ok(form.with("allowedHosts", host.unwrap_or_default()))
}

/// The types that a secret may have.
pub(super) fn kinds() -> Vec<(&'static str, &'static str)> {
    SecretType::ALL.iter().map(|kind| (kind.as_str(), type_word(*kind))).collect()
}

impl Picker {
    /// The picker as it stands.
    pub(super) async fn of(
        desk: &InEnvironment,
        picking: &Picking,
        form: FormView,
        manage: bool,
        said: Option<String>,
    ) -> Result<Self, Problem> {
        let mut picker = Self {
            field: picking.field.word(),
            mode: "find",
            find: String::new(),
            editing: String::new(),
            choices: Vec::new(),
            more: false,
            manage,
            form,
            kinds: kinds(),
            said,
        };
        match &picking.mode {
            Mode::Find(text) => {
                picker.find.clone_from(text);
                picker.offer(desk, text).await?;
            }
            // Who may not make one is not given the form; the use case refuses them too.
            Mode::New | Mode::Edit(_) if !manage => picker.offer(desk, "").await?,
            Mode::New => picker.mode = "new",
            Mode::Edit(key) => {
                picker.mode = "edit";
                picker.editing.clone_from(key);
            }
        }
        Ok(picker)
    }

    async fn offer(&mut self, desk: &InEnvironment, text: &str) -> Result<(), Problem> {
        let filter = SecretFilter {
            search: Some(text.to_owned()).filter(|text| !text.is_empty()),
            leave_out_ended: true,
            ..SecretFilter::default()
        };
        let page = PageRequest::parse(Some(OFFERED), None).map_err(|_| Problem::internal())?;
        let found = desk.hub.list_secrets(&desk.actor, &filter, &page).await?;
        let now = desk.hub.now();
        self.more = found.next_cursor.is_some();
        self.choices = found
            .items
            .into_iter()
            .map(|view| Choice {
                reference: reference(&view.secret.key),
                kind: type_word(view.secret.kind),
                mark: state_word(view.secret.state(now)),
                no_hosts: no_hosts_word(desk.hub.has_issuing_provider(&view.secret)),
                hosts: view.secret.allowed_hosts.iter().map(ToString::to_string).collect(),
                key: view.secret.key,
            })
            .collect();
        Ok(())
    }
}
