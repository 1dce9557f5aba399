//! The look of the modal: name, colour, corners, letters and logo, with a preview of what users will see.

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::get;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Answer;
use super::caller::InEnvironment;
use super::filter::Chip;
use super::form::{Form, FormView};
use super::page::{DashboardPage, Flash, Place};
use super::url::{Url, filtered};
use crate::domain::role::Action;
use crate::domain::theme::{Colour, Font, Theme};
use crate::domain::workspace::Environment;
use crate::http::HttpState;
use crate::http::connect::answer::{Policy, html};
use crate::http::connect::page::{
    ChoosePage, ChooseRow, Connector, DonePage, Field, KeyPage, Look, RowState,
};
use crate::http::extract::Query;
use crate::http::render::Page;
use crate::http::strings::Locale;
use crate::service::Seen;
use crate::service::environment::SettingsChange;

/// What a form says of a theme, in the order of the page.
const MEMBERS: [&str; 6] = ["appName", "accent", "radius", "font", "logo", "unbranded"];

/// The pages of the modal that are shown, the first where none is named.
const PAGES: [(&str, &str); 3] = [("choose", "Apps"), ("key", "Key"), ("done", "Done")];

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/dashboard/{environment}/theme", get(show_theme).post(update_theme))
        .route("/dashboard/{environment}/theme/preview", get(show_preview))
}

/// The look of the modal.
#[derive(Serialize)]
pub(super) struct ThemePage {
    environment: String,
    form: FormView,
    fonts: Vec<(&'static str, &'static str)>,
    /// What is made of the colour.
    accents: Vec<Accent>,
    /// The logo as it can be used.
    logo: Option<String>,
    pages: [(&'static str, &'static str); 3],
    /// The same as links, for who has no form to send.
    links: Vec<Chip>,
    /// The address of the preview, which a script keeps up with what is typed.
    preview: String,
    preview_base: String,
    /// What the app is called where the theme does not say.
    usual_name: String,
    may_edit: bool,
    back: String,
}

/// A colour as it is used.
#[derive(Serialize)]
struct Accent {
    colour: String,
    /// Where, and whether it is the one that was given.
    said: String,
}

fn accents(theme: &Theme) -> Vec<Accent> {
    let on = |(dark, ground, moved): (bool, &str, &str)| {
        let colour = theme.accent_on(dark)?;
        let said = if theme.accent == Some(colour) {
            format!("On {ground} pages: as it is")
        } else {
            format!("On {ground} pages: {colour}, made {moved} so that it can be read")
        };
        Some(Accent { colour: colour.to_string(), said })
    };
    [(false, "light", "darker"), (true, "dark", "lighter")].into_iter().filter_map(on).collect()
}

const fn font_word(font: Font) -> &'static str {
    match font {
        Font::System => "What the device uses",
        Font::Serif => "With serifs",
        Font::Rounded => "Rounded, where the device has it",
    }
}

fn fonts() -> Vec<(&'static str, &'static str)> {
    Font::ALL.iter().map(|font| (font.as_str(), font_word(*font))).collect()
}

/// Links to the page of the look with each page of the modal, of which `shown` is shown.
fn links(environment: &str, shown: &str) -> Vec<Chip> {
    let link = |(word, label): (&'static str, &'static str)| {
        let named = Some(word).filter(|word| *word != PAGES[0].0);
        Chip::new(label, filtered(&Url::Theme(environment), &[("page", named)]), word == shown)
    };
    PAGES.map(link).to_vec()
}

/// The form of a theme as it is kept, shown on a page of the modal.
fn form_of(theme: &Map<String, Value>, page: &str) -> FormView {
    let mut form = FormView::new().with("font", Font::System.as_str()).with("page", page);
    for name in MEMBERS {
        match theme.get(name) {
            Some(Value::String(text)) => form = form.with(name, text.clone()),
            Some(Value::Number(number)) => form = form.with(name, number.to_string()),
            Some(Value::Bool(true)) => form = form.with_chosen(name, &["true"]),
            _ => {}
        }
    }
    form
}

/// The members of a theme that a form or an address names; the usual ones are left out.
fn members<'a>(value: impl Fn(&str) -> Option<&'a str>) -> Map<String, Value> {
    let mut theme = Map::new();
    for name in MEMBERS {
        let Some(text) = value(name).map(str::trim).filter(|text| !text.is_empty()) else { continue };
        let read = match (name, text.parse::<u64>()) {
            ("radius", Ok(radius)) => Value::from(radius),
            ("unbranded", _) => Value::Bool(true),
            _ => Value::String(text.to_owned()),
        };
        if read != Font::System.as_str() {
            theme.insert(name.to_owned(), read);
        }
    }
    theme
}

fn page(
    desk: &InEnvironment,
    environment: &Environment,
    form: FormView,
    shown: &Map<String, Value>,
) -> ThemePage {
    let base = Url::ThemePreview(&desk.environment);
    let text = |name: &str| match shown.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Bool(true)) => "true".to_owned(),
        _ => String::new(),
    };
    let texts = MEMBERS.map(|name| (name, text(name)));
    let mut pairs: Vec<(&str, Option<&str>)> =
        texts.iter().map(|(name, text)| (*name, Some(text.as_str()))).collect();
    pairs.push(("page", Some(form.text("page")).filter(|page| *page != PAGES[0].0)));
    let (theme, _) = Theme::read(shown);
    ThemePage {
        accents: accents(&theme),
        logo: theme.logo,
        preview: filtered(&base, &pairs),
        links: links(&desk.environment, form.text("page")),
        form,
        fonts: fonts(),
        pages: PAGES,
        preview_base: base.to_string(),
        usual_name: environment.workspace_name.clone(),
        may_edit: desk.desk.who.may(Action::EditIntegrations),
        back: Url::Settings(&desk.environment).to_string(),
        environment: desk.environment.clone(),
    }
}

/// The same answer, allowed to frame pages of the hub itself.
fn framing(mut response: Response) -> Response {
    let policy = response.headers().get(CONTENT_SECURITY_POLICY).and_then(|value| value.to_str().ok());
    let policy = policy.and_then(|policy| HeaderValue::from_str(&format!("{policy}; frame-src 'self'")).ok());
    if let Some(policy) = policy {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Which page of the modal is looked at.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chosen {
    page: Option<String>,
}

/// `GET /dashboard/{environment}/theme`.
async fn show_theme(desk: InEnvironment, Query(chosen): Query<Chosen>) -> Answer {
    let environment = desk.hub.get_environment(&desk.actor).await?;
    let theme = &environment.settings.theme;
    let known = PAGES.iter().find(|(word, _)| chosen.page.as_deref() == Some(*word));
    let form = form_of(theme, known.map_or(PAGES[0].0, |(word, _)| *word));
    let form = form.seeing(Seen(Some(environment.updated_at)));
    Ok(framing(desk.show(&page(&desk, &environment, form, theme))))
}

/// `POST /dashboard/{environment}/theme`: saves it, or shows it first.
async fn update_theme(desk: InEnvironment, form: Form) -> Answer {
    let environment = desk.hub.get_environment(&desk.actor).await?;
    let typed = members(|name| form.has(name).then(|| form.raw(name)));
    if form.has("preview") {
        let (_, wrong) = Theme::read(&typed);
        let form = wrong.iter().fold(form.view(), |form, error| form.with_error(error.name, error.message));
        return Ok(framing(desk.show(&page(&desk, &environment, form, &typed))));
    }
    // What the hub does not know in a theme is the embedder's own.
    let mut theme = environment.settings.theme.clone();
    theme.retain(|name, _| !MEMBERS.contains(&name.as_str()));
    theme.extend(typed.clone());
    let change = SettingsChange { theme: Some(theme), ..SettingsChange::default() };
    match desk.hub.update_environment(&desk.actor, change, form.seen()).await {
        Ok(_) => Ok(desk.done(Flash::ThemeSaved, &Url::Theme(&desk.environment))),
        Err(error) => {
            let form = form.refused_or_denied(placed(error))?;
            let present = Seen(Some(environment.updated_at));
            let form = form.renewed(present, desk.hub.now(), &Url::Theme(&desk.environment));
            Ok(framing(desk.refuse_as(form.status(), &page(&desk, &environment, form, &typed))))
        }
    }
}

/// The same error with its mistakes at the fields: `/theme/accent` stands at `accent`.
fn placed(error: crate::service::Error) -> crate::service::Error {
    let crate::service::Error::Invalid(mut violations) = error else {
        return error;
    };
    for violation in &mut violations {
        if let Some(name) = violation.pointer.strip_prefix("/theme") {
            violation.pointer = name.to_owned();
        }
    }
    crate::service::Error::Invalid(violations)
}

/// The theme that is looked at.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Shown {
    app_name: Option<String>,
    accent: Option<String>,
    radius: Option<String>,
    font: Option<String>,
    logo: Option<String>,
    unbranded: Option<String>,
    page: Option<String>,
}

/// The modal with a theme, for show: nothing in it does anything.
#[derive(Serialize)]
pub(super) struct PreviewPage {
    shown: &'static str,
    #[serde(flatten)]
    page: Inside,
    look: Look,
}

/// A page of the modal, as its own template is given it.
#[derive(Serialize)]
#[serde(untagged)]
enum Inside {
    Choose(ChoosePage),
    Key(KeyPage),
    Done(DonePage),
}

/// Apps of which one is connected and the others need not be, so that the user may end here.
fn choose(host_app: String, account: Option<String>) -> ChoosePage {
    let row = |key: &str, name: &str, state, optional| ChooseRow {
        connector: Connector::new(key, name),
        state,
        optional,
        own: None,
    };
    let rows = vec![
        row("quillpost", "Quillpost", RowState::Connected { account }, false),
        row("northwind", "Northwind", RowState::Connect, true),
        row("fernhill", "Fernhill", RowState::Connect, true),
    ];
    ChoosePage { host_app, integration: None, rows, finished: true }
}

fn key(host_app: String) -> KeyPage {
    let field = |name: &str, label: &str, secret| Field {
        name: name.to_owned(),
        label: label.to_owned(),
        required: true,
        secret,
        ..Field::default()
    };
    KeyPage {
        host_app,
        integration: None,
        connector: Connector::new("quillpost", "Quillpost"),
        method: "api_key".to_owned(),
        fields: vec![field("subdomain", "Subdomain", false), field("key", "API key", true)],
        problem: None,
        reconnect: None,
        other_methods: Vec::new(),
        back: true,
    }
}

fn preview(theme: &Theme, usual_name: &str, page: &str) -> PreviewPage {
    let host_app = theme.app_name.clone().unwrap_or_else(|| usual_name.to_owned());
    let account = Some("ops@acme.test".to_owned());
    let (shown, page) = match page {
        "key" => ("key", Inside::Key(key(host_app))),
        "done" => {
            let connector = Some(Connector::new("quillpost", "Quillpost"));
            let done = DonePage { host_app, connector, account, note: None, next: None, return_url: None };
            ("done", Inside::Done(done))
        }
        _ => ("choose", Inside::Choose(choose(host_app, account))),
    };
    PreviewPage { shown, page, look: Look::of(theme) }
}

/// `GET /dashboard/{environment}/theme/preview`. What can't be used of the theme is left out.
async fn show_preview(
    State(state): State<HttpState>,
    desk: InEnvironment,
    Query(shown): Query<Shown>,
) -> Answer {
    let environment = desk.hub.get_environment(&desk.actor).await?;
    let members = members(|name| match name {
        "appName" => shown.app_name.as_deref(),
        "accent" => shown.accent.as_deref(),
        "radius" => shown.radius.as_deref(),
        "font" => shown.font.as_deref(),
        "logo" => shown.logo.as_deref(),
        _ => shown.unbranded.as_deref(),
    });
    let page = shown.page.as_deref().unwrap_or_default();
    let page = preview(&Theme::read(&members).0, &environment.workspace_name, page);
    let own = ["'self'".to_owned()];
    let policy = Policy::framed_by(&own);
    Ok(html(&state, Locale::En, StatusCode::OK, &page, &policy))
}

impl Page for PreviewPage {
    const TEMPLATE: &'static str = "connect/preview.html";

    fn samples() -> Vec<(&'static str, Self)> {
        let mut given = Map::new();
        given.insert("accent".to_owned(), "#0a7f6c".into());
        given.insert("unbranded".to_owned(), true.into());
        let long = "Consolidated Freight & Customs Brokerage <International>";
        let themed = Theme::read(&given).0;
        vec![
            ("plain", preview(&Theme::default(), "Acme", "")),
            ("themed", preview(&themed, long, "choose")),
            ("key", preview(&themed, long, "key")),
            ("done", preview(&themed, long, "done")),
        ]
    }
}

impl DashboardPage for ThemePage {
    const TEMPLATE: &'static str = "dashboard/theme.html";
    const PLACE: Place = Place::Settings;

    fn samples() -> Vec<(&'static str, Self)> {
        let page = |form: FormView, may_edit: bool| Self {
            environment: "production".to_owned(),
            form: form.with("font", "system").with("page", "choose"),
            fonts: fonts(),
            accents: accents(&Theme { accent: Colour::parse("#ff7a59"), ..Theme::default() }),
            logo: may_edit.then(|| "data:image/png;base64,iVBORw0KGgo=".to_owned()),
            pages: PAGES,
            links: links("production", "choose"),
            preview: Url::ThemePreview("production").to_string(),
            preview_base: Url::ThemePreview("production").to_string(),
            usual_name: "acme".to_owned(),
            may_edit,
            back: Url::Settings("production").to_string(),
        };
        let filled = || FormView::new().with("appName", "Acme <International>").with("accent", "#0a7f6c");
        let refused = filled().with_error("accent", "Write a colour such as #2c56dd.");
        vec![
            ("editor", page(filled(), true)),
            ("refused", page(refused, true)),
            ("overtaken", page(filled().overtaken(), true)),
            ("viewer", page(filled(), false)),
        ]
    }
}
