//! Mails in words: the same templates and catalogue as the pages, once as text and once as HTML.
//!
//! It must not know who is told or when.

use std::sync::Arc;

use serde::Serialize;

use super::render::{Page, RenderError, Renderer};
use super::strings::Locale;
use crate::domain::mail::{Alarm, AlarmLetter, InvitationLetter, Letter, Occasion};
use crate::service::mail::{Worded, Words};

/// What a mail is given. Templates `mail/reconnect.html` and `mail/reconnect.txt`.
#[derive(Debug, Clone, Serialize)]
pub struct ReconnectMail {
    /// What it is about.
    pub occasion: Occasion,
    /// Whose credential, where somebody else reads it.
    pub user: Option<String>,
    /// The host app's name.
    pub app: String,
    /// The provider's name.
    pub name: String,
    /// The credential's name.
    pub credential: String,
    /// Where it is mended.
    pub link: Option<String>,
    /// Whether the link works once and for a week.
    pub single_use: bool,
}

/// The mail for those who read HTML.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct ReconnectHtml(pub ReconnectMail);

/// The mail for the others. Its first line is the subject.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct ReconnectText(pub ReconnectMail);

impl Page for ReconnectHtml {
    const TEMPLATE: &'static str = "mail/reconnect.html";

    fn samples() -> Vec<(&'static str, Self)> {
        samples().into_iter().map(|(name, mail)| (name, Self(mail))).collect()
    }
}

impl Page for ReconnectText {
    const TEMPLATE: &'static str = "mail/reconnect.txt";

    fn samples() -> Vec<(&'static str, Self)> {
        samples().into_iter().map(|(name, mail)| (name, Self(mail))).collect()
    }
}

/// What an invitation is given. Templates `mail/invitation.html` and `mail/invitation.txt`.
#[derive(Debug, Clone, Serialize)]
pub struct InvitationMail {
    /// Into which workspace.
    pub workspace: String,
    /// Who invites.
    pub inviter: String,
    /// As what.
    pub role: &'static str,
    /// Where it is accepted.
    pub link: String,
}

/// The invitation for those who read HTML.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct InvitationHtml(pub InvitationMail);

/// The invitation for the others. Its first line is the subject.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct InvitationText(pub InvitationMail);

/// What an alarm is given. Templates `mail/alarm.html` and `mail/alarm.txt`.
#[derive(Debug, Clone, Serialize)]
pub struct AlarmMail {
    /// In which workspace.
    pub workspace: String,
    /// In which environment.
    pub environment: String,
    /// What happened: `secrets_shown` or `endpoint_disabled`.
    pub what: &'static str,
    /// The member, or the endpoint's address.
    pub whose: String,
    /// Whether the endpoint said that it is gone.
    pub gone: bool,
    /// Where more is found.
    pub link: String,
}

/// The alarm for those who read HTML.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct AlarmHtml(pub AlarmMail);

/// The alarm for the others. Its first line is the subject.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct AlarmText(pub AlarmMail);

impl Page for AlarmHtml {
    const TEMPLATE: &'static str = "mail/alarm.html";

    fn samples() -> Vec<(&'static str, Self)> {
        alarms().into_iter().map(|(name, mail)| (name, Self(mail))).collect()
    }
}

impl Page for AlarmText {
    const TEMPLATE: &'static str = "mail/alarm.txt";

    fn samples() -> Vec<(&'static str, Self)> {
        alarms().into_iter().map(|(name, mail)| (name, Self(mail))).collect()
    }
}

fn alarms() -> [(&'static str, AlarmMail); 3] {
    let alarm = |what, whose: &str, gone| AlarmMail {
        workspace: "acme".to_owned(),
        environment: "production".to_owned(),
        what,
        whose: whose.to_owned(),
        gone,
        link: "https://hub.acme.test/dashboard/production/overview".to_owned(),
    };
    [
        ("secrets", alarm("secrets_shown", "Jo <Miller>", false)),
        ("endpoint-failing", alarm("endpoint_disabled", "https://acme.test/hooks?a=b&c=d", false)),
        ("endpoint-gone", alarm("endpoint_disabled", "https://acme.test/hooks", true)),
    ]
}

impl Page for InvitationHtml {
    const TEMPLATE: &'static str = "mail/invitation.html";

    fn samples() -> Vec<(&'static str, Self)> {
        vec![("invited", Self(invitation()))]
    }
}

impl Page for InvitationText {
    const TEMPLATE: &'static str = "mail/invitation.txt";

    fn samples() -> Vec<(&'static str, Self)> {
        vec![("invited", Self(invitation()))]
    }
}

fn invitation() -> InvitationMail {
    InvitationMail {
        workspace: "acme".to_owned(),
        inviter: "Jo <Miller>".to_owned(),
        role: "editor",
        link: "https://hub.acme.test/dashboard/join?invitation=x".to_owned(),
    }
}

fn samples() -> Vec<(&'static str, ReconnectMail)> {
    let mail = ReconnectMail {
        occasion: Occasion::Expired,
        user: None,
        app: "Acme".to_owned(),
        name: "Fernhill".to_owned(),
        credential: "Sales <EMEA>".to_owned(),
        link: Some("https://hub.acme.test/connect?session=cs_1&hosted=1#cs_1.x".to_owned()),
        single_use: true,
    };
    let own_page = Some("https://app.acme.test/fix?a=1&b=2".to_owned());
    vec![
        ("expired", mail.clone()),
        (
            "revoked",
            ReconnectMail { occasion: Occasion::Revoked, single_use: false, link: own_page, ..mail.clone() },
        ),
        ("expiring", ReconnectMail { occasion: Occasion::Expiring, ..mail.clone() }),
        ("without-a-link", ReconnectMail { link: None, ..mail.clone() }),
        ("to-an-admin", ReconnectMail { user: Some("u-17".to_owned()), ..mail.clone() }),
        (
            "to-an-admin-expiring",
            ReconnectMail { occasion: Occasion::Expiring, user: Some("u-17".to_owned()), ..mail.clone() },
        ),
        (
            "to-an-admin-revoked",
            ReconnectMail { occasion: Occasion::Revoked, user: Some("u-17".to_owned()), link: None, ..mail },
        ),
    ]
}

/// The words of mails, from the templates.
pub struct MailWords(Arc<Renderer>);

impl MailWords {
    /// Words from `renderer`.
    pub const fn new(renderer: Arc<Renderer>) -> Self {
        Self(renderer)
    }

    fn render(&self, locale: Locale, mail: ReconnectMail) -> Result<Worded, RenderError> {
        self.both(locale, &ReconnectHtml(mail.clone()), &ReconnectText(mail))
    }

    fn both(&self, locale: Locale, html: &impl Page, text: &impl Page) -> Result<Worded, RenderError> {
        let html = self.0.render(locale, html)?;
        let text = self.0.render(locale, text)?;
        let (subject, text) = text.split_once('\n').unwrap_or((&text, ""));
        // A line break in a name would begin another header.
        let subject = subject.chars().filter(|c| !c.is_control()).collect();
        Ok(Worded { subject, text: text.trim_start().to_owned(), html })
    }
}

impl Words for MailWords {
    fn word(&self, letter: &Letter) -> Option<Worded> {
        let locale = letter.locale.as_deref().and_then(Locale::from_tag).unwrap_or_default();
        let one_line = |text: &str| text.chars().filter(|c| !c.is_control()).collect::<String>();
        let mail = ReconnectMail {
            occasion: letter.occasion,
            user: letter.user.as_deref().map(one_line),
            app: one_line(&letter.app),
            name: one_line(&letter.name),
            credential: one_line(&letter.credential),
            link: letter.link.clone(),
            single_use: letter.single_use,
        };
        logged(self.render(locale, mail))
    }

    fn word_invitation(&self, letter: &InvitationLetter) -> Option<Worded> {
        let one_line = |text: &str| text.chars().filter(|c| !c.is_control()).collect::<String>();
        let mail = InvitationMail {
            workspace: one_line(&letter.workspace),
            inviter: one_line(&letter.inviter),
            role: letter.role,
            link: letter.link.clone(),
        };
        logged(self.both(Locale::En, &InvitationHtml(mail.clone()), &InvitationText(mail)))
    }

    fn word_alarm(&self, letter: &AlarmLetter) -> Option<Worded> {
        let one_line = |text: &str| text.chars().filter(|c| !c.is_control()).collect::<String>();
        let (what, whose, gone) = match &letter.alarm {
            Alarm::SecretsShown { who } => ("secrets_shown", who, false),
            Alarm::EndpointDisabled { url, gone } => ("endpoint_disabled", url, *gone),
        };
        let mail = AlarmMail {
            workspace: one_line(&letter.workspace),
            environment: one_line(&letter.environment),
            what,
            whose: one_line(whose),
            gone,
            link: letter.link.clone(),
        };
        logged(self.both(Locale::En, &AlarmHtml(mail.clone()), &AlarmText(mail)))
    }
}

fn logged(worded: Result<Worded, RenderError>) -> Option<Worded> {
    worded
        .inspect_err(|error| {
            tracing::error!(error = error as &dyn std::error::Error, "a mail could not be rendered");
        })
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mail_is_worded_in_every_language() {
        let words = MailWords::new(Arc::new(Renderer::load().unwrap()));
        for locale in Locale::ALL {
            for (name, mail) in samples() {
                let worded = words.render(locale, mail.clone()).unwrap();
                assert!(worded.subject.contains("Fernhill"), "{name} {locale:?}: {}", worded.subject);
                assert!(
                    worded.text.contains("Sales <EMEA>") && worded.html.contains("Sales &lt;EMEA&gt;"),
                    "{name}"
                );
                assert!(
                    !worded.text.contains("&lt;") && !worded.text.contains('{'),
                    "{name}: {}",
                    worded.text
                );
                assert!(!worded.html.contains("<script") && worded.html.contains(locale.tag()), "{name}");
                let link = mail.link.as_deref();
                assert_eq!(worded.text.contains("https://"), link.is_some(), "{name}");
                assert!(link.is_none_or(|link| worded.text.contains(link)), "{name}: {}", worded.text);
                assert_eq!(worded.html.contains("<a href=\"https://"), link.is_some(), "{name}");
                assert_eq!(mail.user.is_some(), worded.text.contains("u-17"), "{name}");
            }
        }
    }

    #[test]
    fn an_invitation_has_its_link_and_no_markup_of_others() {
        let words = MailWords::new(Arc::new(Renderer::load().unwrap()));
        let letter = InvitationLetter {
            to: "kim@acme.test".to_owned(),
            workspace: "acme\r\nBcc: all@acme.test".to_owned(),
            inviter: "<b>Jo</b>".to_owned(),
            role: "editor",
            link: "https://hub.acme.test/dashboard/join?invitation=a-b_c".to_owned(),
        };
        let worded = words.word_invitation(&letter).unwrap();
        assert!(worded.text.contains(&letter.link) && worded.html.contains("href=\"https://hub.acme.test/"));
        assert!(!worded.subject.contains(['\r', '\n']) && !worded.html.contains("<b>Jo"), "{}", worded.html);
        assert!(worded.text.contains("<b>Jo</b>"), "{}", worded.text);
    }

    #[test]
    fn a_name_cannot_begin_a_header_or_markup() {
        let words = MailWords::new(Arc::new(Renderer::load().unwrap()));
        let letter = Letter {
            to: "jo@acme.test".to_owned(),
            locale: Some("de-AT".to_owned()),
            occasion: Occasion::Expired,
            user: None,
            app: "Acme\r\nBcc: all@acme.test".to_owned(),
            name: "<b>Fern</b>\n\nhill".to_owned(),
            credential: "c".to_owned(),
            link: None,
            single_use: false,
        };
        let worded = words.word(&letter).unwrap();
        assert!(!worded.subject.contains(['\r', '\n']), "{:?}", worded.subject);
        assert!(!worded.html.contains("<b>"), "{}", worded.html);
        assert!(worded.html.contains("lang=\"de\""));
    }
}
