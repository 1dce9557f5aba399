//! Every page of the dashboard with everything that it can show, for tests and pictures.

use super::account::AccountPage;
use super::api_keys::{ApiKeysPage, NewApiKeyPage, ShownApiKeyPage};
use super::attempts::AttemptsPage;
use super::audit::{AuditPage, CheckPage, ExportPage};
use super::authenticator::AuthenticatorPage;
use super::confirm::ConfirmPage;
use super::connectors::{CataloguePage, ConnectorPage, ConnectorsPage, ProviderPage};
use super::console::ConsolePage;
use super::credentials::{BulkConfirmPage, BulkPage, CredentialPage, CredentialsPage, LinkPage};
use super::deleting::DeletingPage;
use super::environments::NewEnvironmentPage;
use super::events::{EventPage, EventsPage};
use super::guard::ProblemPage;
use super::integrations::{IntegrationPage, IntegrationsPage};
use super::join::JoinPage;
use super::members::{InvitePage, MemberPage, MembersPage, RulesPage};
use super::overview::OverviewPage;
use super::page::{DashboardPage, Flash, Framed, Shell};
use super::password::PasswordPage;
use super::secrets::{ActingPage, ManySecretsPage, SecretValuePage, SecretsPage};
use super::settings::{DeleteEnvironmentPage, SettingsPage};
use super::sign_in::{CodePage, SignInPage, StepUpPage};
use super::single_sign_on::{ArrivedPage, NotInPage};
use super::theme::{PreviewPage, ThemePage};
use super::users::{NewUserPage, UserPage, UsersPage};
use super::webhooks::{DeliveryPage, NewWebhookPage, ShownWebhookPage, WebhookPage, WebhooksPage};
use super::workspace::{DeleteWorkspacePage, WorkspaceGonePage};
use crate::http::render::{Page, RenderError, Renderer};
use crate::http::strings::Locale;

/// One sample as HTML: its name, fit for a file name, and the page.
pub(super) type Rendered = (String, String);

/// Renders all samples of all pages.
///
/// # Errors
/// [`RenderError`].
pub fn render_samples(renderer: &Renderer) -> Result<Vec<(String, String)>, RenderError> {
    let mut all = Vec::new();
    framed::<OverviewPage>(renderer, &mut all)?;
    framed::<ConnectorsPage>(renderer, &mut all)?;
    framed::<CataloguePage>(renderer, &mut all)?;
    framed::<ProviderPage>(renderer, &mut all)?;
    framed::<ConnectorPage>(renderer, &mut all)?;
    framed::<IntegrationsPage>(renderer, &mut all)?;
    framed::<IntegrationPage>(renderer, &mut all)?;
    framed::<WebhooksPage>(renderer, &mut all)?;
    framed::<NewWebhookPage>(renderer, &mut all)?;
    framed::<ShownWebhookPage>(renderer, &mut all)?;
    framed::<WebhookPage>(renderer, &mut all)?;
    framed::<DeliveryPage>(renderer, &mut all)?;
    framed::<EventsPage>(renderer, &mut all)?;
    framed::<EventPage>(renderer, &mut all)?;
    framed::<AuditPage>(renderer, &mut all)?;
    framed::<ExportPage>(renderer, &mut all)?;
    framed::<CheckPage>(renderer, &mut all)?;
    framed::<ThemePage>(renderer, &mut all)?;
    framed::<SecretsPage>(renderer, &mut all)?;
    framed::<SecretValuePage>(renderer, &mut all)?;
    framed::<ManySecretsPage>(renderer, &mut all)?;
    framed::<ActingPage>(renderer, &mut all)?;
    framed::<ConsolePage>(renderer, &mut all)?;
    framed::<UsersPage>(renderer, &mut all)?;
    framed::<NewUserPage>(renderer, &mut all)?;
    framed::<UserPage>(renderer, &mut all)?;
    framed::<CredentialsPage>(renderer, &mut all)?;
    framed::<CredentialPage>(renderer, &mut all)?;
    framed::<LinkPage>(renderer, &mut all)?;
    framed::<BulkConfirmPage>(renderer, &mut all)?;
    framed::<BulkPage>(renderer, &mut all)?;
    framed::<DeletingPage>(renderer, &mut all)?;
    framed::<AttemptsPage>(renderer, &mut all)?;
    framed::<ApiKeysPage>(renderer, &mut all)?;
    framed::<NewApiKeyPage>(renderer, &mut all)?;
    framed::<ShownApiKeyPage>(renderer, &mut all)?;
    framed::<SettingsPage>(renderer, &mut all)?;
    framed::<NewEnvironmentPage>(renderer, &mut all)?;
    framed::<DeleteEnvironmentPage>(renderer, &mut all)?;
    framed::<MembersPage>(renderer, &mut all)?;
    framed::<InvitePage>(renderer, &mut all)?;
    framed::<MemberPage>(renderer, &mut all)?;
    framed::<RulesPage>(renderer, &mut all)?;
    framed::<DeleteWorkspacePage>(renderer, &mut all)?;
    framed::<AccountPage>(renderer, &mut all)?;
    framed::<PasswordPage>(renderer, &mut all)?;
    framed::<AuthenticatorPage>(renderer, &mut all)?;
    framed::<StepUpPage>(renderer, &mut all)?;
    framed::<ConfirmPage>(renderer, &mut all)?;
    framed::<ProblemPage>(renderer, &mut all)?;
    alone::<SignInPage>(renderer, &mut all)?;
    alone::<CodePage>(renderer, &mut all)?;
    alone::<JoinPage>(renderer, &mut all)?;
    alone::<ArrivedPage>(renderer, &mut all)?;
    alone::<NotInPage>(renderer, &mut all)?;
    alone::<ProblemPage>(renderer, &mut all)?;
    alone::<PreviewPage>(renderer, &mut all)?;
    alone::<WorkspaceGonePage>(renderer, &mut all)?;
    for (sample, page) in InvitePage::samples() {
        let shell = Shell::sample(InvitePage::PLACE).suspended();
        let html = renderer.render(Locale::En, &Framed { shell, page: &page })?;
        all.push((format!("suspended-invite-{sample}"), html));
    }
    for flash in Flash::ALL {
        let samples = ConfirmPage::samples();
        for (_, page) in &samples {
            let shell = Shell::sample(ConfirmPage::PLACE).saying(*flash);
            let html = renderer.render(Locale::En, &Framed { shell, page })?;
            all.push((format!("flash-{}", flash.word()), html));
        }
    }
    Ok(all)
}

fn stem(template: &str) -> &str {
    template.rsplit('/').next().unwrap_or(template).trim_end_matches(".html")
}

fn framed<P: DashboardPage>(renderer: &Renderer, all: &mut Vec<Rendered>) -> Result<(), RenderError> {
    for (sample, page) in P::samples() {
        let html = renderer.render(Locale::En, &Framed { shell: Shell::sample(P::PLACE), page: &page })?;
        all.push((format!("{}-{sample}", stem(P::TEMPLATE)), html));
    }
    Ok(())
}

fn alone<P: Page>(renderer: &Renderer, all: &mut Vec<Rendered>) -> Result<(), RenderError> {
    for (sample, page) in P::samples() {
        all.push((format!("{}-{sample}", stem(P::TEMPLATE)), renderer.render(Locale::En, &page)?));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_shows_its_samples_within_the_policy() {
        let renderer = Renderer::load().unwrap();
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screens/dashboard/html");
        std::fs::create_dir_all(&folder).unwrap();
        let all = render_samples(&renderer).unwrap();
        assert!(all.len() > 40);
        for (name, html) in all {
            assert_eq!(html.matches("<h1").count(), 1, "{name}");
            assert!(!html.contains(" style=") && !html.contains("<style"), "{name} breaks style-src");
            assert!(!html.contains(" onclick") && !html.contains("javascript:"), "{name} breaks script-src");
            assert!(!html.contains("<International>") && !html.contains("<production>"), "{name} escapes");
            if let Some(word) = name.strip_prefix("flash-") {
                assert!(html.contains("class=\"flash"), "nothing is said of {word}");
            }
            std::fs::write(folder.join(format!("{name}.html")), html).unwrap();
        }
    }
}
