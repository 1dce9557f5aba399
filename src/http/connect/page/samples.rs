//! Views with everything that a template can show: long names, right-to-left names, every error.
//!
//! Tests and screenshots render them; nothing else may use them.

mod asking;
mod ending;

use super::{
    CallbackPage, ChoosePage, ConnectedAccount, Connector, DisconnectPage, DonePage, FailedPage, FrameMode,
    FrameShell, HostedDonePage, HostedState, InterstitialPage, KeyPage, Look, SignInPage, WaitingPage,
};
use crate::domain::theme::Theme;
use crate::http::render::{Page, RenderError, Renderer};
use crate::http::strings::Locale;

/// One sample as HTML.
#[derive(Debug, Clone)]
pub struct RenderedSample {
    /// `<template>-<sample>`, fit for a file name.
    pub name: String,
    /// The HTML: a whole page, or the fragment that the frame's script inserts.
    pub html: String,
}

/// Renders all samples of all connect pages.
pub fn render_samples(renderer: &Renderer, locale: Locale) -> Result<Vec<RenderedSample>, RenderError> {
    let mut all = Vec::new();
    render_page::<FrameShell>(renderer, locale, &mut all)?;
    render_page::<ChoosePage>(renderer, locale, &mut all)?;
    render_page::<DisconnectPage>(renderer, locale, &mut all)?;
    render_page::<SignInPage>(renderer, locale, &mut all)?;
    render_page::<WaitingPage>(renderer, locale, &mut all)?;
    render_page::<KeyPage>(renderer, locale, &mut all)?;
    render_page::<DonePage>(renderer, locale, &mut all)?;
    render_page::<FailedPage>(renderer, locale, &mut all)?;
    render_page::<InterstitialPage>(renderer, locale, &mut all)?;
    render_page::<CallbackPage>(renderer, locale, &mut all)?;
    render_page::<HostedDonePage>(renderer, locale, &mut all)?;
    Ok(all)
}

fn render_page<P: Page>(
    renderer: &Renderer,
    locale: Locale,
    all: &mut Vec<RenderedSample>,
) -> Result<(), RenderError> {
    let stem = P::TEMPLATE.trim_start_matches("connect/").trim_end_matches(".html");
    for (sample, page) in P::samples() {
        all.push(RenderedSample { name: format!("{stem}-{sample}"), html: renderer.render(locale, &page)? });
    }
    Ok(())
}

const LONG: &str = "Consolidated Freight & Customs Brokerage <International> AG";
const RTL: &str = "شركة النخيل للتجارة الدولية";

/// The look of a host app that has one.
fn look() -> Look {
    let theme = serde_json::json!({
        "accent": "#0a7f6c", "radius": 4,
        "logo": "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHZpZXdCb3g9IjAgMCA4IDgiPjxjaXJjbGUgY3g9IjQiIGN5PSI0IiByPSI0IiBmaWxsPSIjMGE3ZjZjIi8+PC9zdmc+",
    });
    theme.as_object().map(|theme| Look::of(&Theme::read(theme).0)).unwrap_or_default()
}

fn hubspot() -> Connector {
    Connector::new("hubspot", "HubSpot").with_icon(Some("hubspot"))
}

impl Page for FrameShell {
    const TEMPLATE: &'static str = "connect/frame.html";

    fn samples() -> Vec<(&'static str, Self)> {
        let shell = Self {
            session: "cs_01h455vb4pex5vsknk084sn02q".to_owned(),
            origins: vec!["https://app.test".to_owned(), "http://localhost:3000".to_owned()],
            mode: FrameMode::Frame,
            host_app: "Acme".to_owned(),
            look: look(),
            done: None,
        };
        let done = HostedDonePage {
            host_app: Some("Acme".to_owned()),
            state: HostedState::Completed,
            accounts: vec![ConnectedAccount { connector: hubspot(), account: Some(RTL.to_owned()) }],
            return_url: None,
            look: look(),
        };
        vec![
            ("framed", shell.clone()),
            ("hosted", Self { mode: FrameMode::Hosted, ..shell.clone() }),
            ("completed", Self { mode: FrameMode::Hosted, done: Some(done), ..shell }),
        ]
    }
}
