//! The settings of an environment: who may frame the modal, where links lead, how sure the hub must be, who is told; and
//! its end.

mod delete;

pub(super) use delete::{DeleteEnvironmentPage, ask_deletion, delete_environment};

use axum::response::Response;
use serde::Serialize;
use serde_json::{Map, Value};

use super::Answer;
use super::caller::InEnvironment;
use super::form::{Form, FormView};
use super::page::{DashboardPage, Flash, Place};
use super::url::Url;
use super::words::listed;
use crate::domain::role::Action;
use crate::domain::workspace::Environment;
use crate::http::Problem;
use crate::service::environment::SettingsChange;
use crate::service::{Code, Error, Seen};

/// The settings.
#[derive(Serialize)]
pub(super) struct SettingsPage {
    form: FormView,
    may_edit: bool,
    may_delete: bool,
    environment: String,
    mail_is_on: bool,
}

impl DashboardPage for SettingsPage {
    const TEMPLATE: &'static str = "dashboard/settings.html";
    const PLACE: Place = Place::Settings;

    fn samples() -> Vec<(&'static str, Self)> {
        let form = || {
            FormView::new()
                .with("allowedOrigins", "https://app.acme.test\nhttp://localhost:3000")
                .with("defaultReturnUrl", "https://app.acme.test/integrations")
                .with("minimumBinding", "interstitial")
                .with("mailTo", "user")
                .with("expiryWarningDays", "7, 1")
                .with("purgeAfterDays", "30")
                .with_chosen("confirmHostedLinks", &["on"])
        };
        let page = |form, may_edit| Self {
            form,
            may_edit,
            may_delete: may_edit,
            environment: "production".to_owned(),
            mail_is_on: false,
        };
        let wrong = "Write an exact origin such as https://app.acme.test, without a path.";
        vec![
            ("owner", page(form(), true)),
            ("refused", page(form().with_error("allowedOrigins", wrong), true)),
            ("overtaken", page(form().overtaken(), true)),
            ("asked", page(form().asking(question(&["https://app.acme.test".to_owned()])), true)),
            ("viewer", page(form(), false)),
        ]
    }
}

fn form_of(environment: &Environment) -> FormView {
    let settings = &environment.settings;
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let mail = |name: &str| settings.mail.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let days: Vec<_> = settings.expiry_warning_days.iter().map(ToString::to_string).collect();
    let chosen: &[&str] = if settings.confirm_hosted_links { &["on"] } else { &[] };
    FormView::new()
        .with("allowedOrigins", settings.allowed_origins.join("\n"))
        .with("defaultReturnUrl", text(&settings.default_return_url))
        .with("reconnectUrl", text(&settings.reconnect_url))
        .with("minimumBinding", settings.minimum_binding.as_str())
        .with_chosen("confirmHostedLinks", chosen)
        .with("expiryWarningDays", days.join(", "))
        .with("purgeAfterDays", settings.purge_after_days.map(|days| days.to_string()).unwrap_or_default())
        .with("mailTo", if mail("to").is_empty() { "nobody".to_owned() } else { mail("to") })
        .with("adminAddress", mail("adminAddress"))
        .with("locale", mail("locale"))
        .seeing(Seen(Some(environment.updated_at)))
}

fn page(desk: &InEnvironment, form: FormView) -> SettingsPage {
    SettingsPage {
        form,
        may_edit: desk.desk.who.may(Action::ConfigureConnectors),
        may_delete: desk.desk.who.may(Action::DeleteEnvironment),
        environment: desk.environment.clone(),
        mail_is_on: desk.hub.mails(),
    }
}

/// `GET /dashboard/{environment}/settings`.
pub(super) async fn show_settings(desk: InEnvironment) -> Answer {
    let environment = desk.hub.get_environment(&desk.actor).await?;
    Ok(desk.show(&page(&desk, form_of(&environment))))
}

/// What a form asks for.
fn change(form: &Form) -> Result<SettingsChange, Error> {
    let number = |pointer: &str, text: &str| {
        text.parse::<u16>()
            .map_err(|_| Error::invalid(pointer, "invalid_number", "Write whole numbers of days."))
    };
    let days = form.text("expiryWarningDays");
    let days = days.split([',', ' ']).filter(|day| !day.is_empty());
    let days = days.map(|day| number("/expiryWarningDays", day)).collect::<Result<Vec<_>, _>>()?;
    let purge = form.optional("purgeAfterDays").map(|text| number("/purgeAfterDays", &text)).transpose()?;
    let binding = form.raw("minimumBinding").parse();
    let binding =
        binding.map_err(|_| Error::invalid("/minimumBinding", "unknown", "Choose one of these."))?;
    let mut mail = Map::new();
    // Nobody is told where nothing is said.
    for (name, value) in [
        ("to", form.optional("mailTo").filter(|to| to != "nobody")),
        ("adminAddress", form.optional("adminAddress")),
        ("locale", form.optional("locale")),
    ] {
        mail.extend(value.map(|value| (name.to_owned(), Value::String(value))));
    }
    Ok(SettingsChange {
        allowed_origins: Some(form.lines("allowedOrigins")),
        default_return_url: Some(form.optional("defaultReturnUrl")),
        reconnect_url: Some(form.optional("reconnectUrl")),
        theme: None,
        minimum_binding: Some(binding),
        confirm_hosted_links: Some(form.has("confirmHostedLinks")),
        purge_after_days: Some(purge),
        expiry_warning_days: Some(days),
        mail: Some(mail),
    })
}

/// The question before an origin is taken away whose pages may show the modal.
async fn ask(desk: &InEnvironment, form: &Form) -> Result<Option<Response>, Problem> {
    if change(form).is_err() || !desk.desk.who.may(Action::ConfigureConnectors) {
        return Ok(None);
    }
    let there = desk.hub.get_environment(&desk.actor).await?;
    let stays = form.lines("allowedOrigins");
    let gone: Vec<_> =
        there.settings.allowed_origins.iter().filter(|origin| !stays.contains(origin)).cloned().collect();
    if gone.is_empty() {
        return Ok(None);
    }
    let question = question(&gone);
    Ok((!form.is_sure_of(&question)).then(|| desk.show(&page(desk, form.view().asking(question)))))
}

fn question(gone: &[String]) -> String {
    format!("From then on pages of {} can’t show the modal.", listed(gone))
}

/// `POST /dashboard/{environment}/settings`.
pub(super) async fn update_settings(desk: InEnvironment, form: Form) -> Answer {
    if let Some(asked) = ask(&desk, &form).await? {
        return Ok(asked);
    }
    let saved = match change(&form) {
        Ok(change) => desk.hub.update_environment(&desk.actor, change, form.seen()).await.map(drop),
        // Who may not change them is told that first.
        Err(error) => desk.hub.may_configure_connectors(&desk.actor).await.and(Err(error)),
    };
    match saved {
        Ok(()) => Ok(desk.done(Flash::SettingsSaved, &Url::Settings(&desk.environment))),
        Err(Error::Refused { code, detail, violations, retry_after, app_status })
            if violations.is_empty() && code != Code::ChangedMeanwhile =>
        {
            Err(Error::Refused { code, detail, violations, retry_after, app_status }.into())
        }
        Err(error) => {
            let there = desk.hub.get_environment(&desk.actor).await?;
            let form = form.refused(error)?;
            let open = Url::Settings(&desk.environment);
            let form = form.renewed(Seen(Some(there.updated_at)), desk.hub.now(), &open);
            Ok(desk.refuse_as(form.status(), &page(&desk, form)))
        }
    }
}
