//! Mails to people who should connect again, where an environment asks for them and the operator names a mail server.
//! They wait in the database, written in the transaction of the event that they tell of.

use std::sync::Arc;

use futures_util::future::join_all;
use vouchsafe_entity::id::{CredentialId, EventId, MailId};
use vouchsafe_entity::kind::Status;

use super::material::place;
use super::validate::Checker;
use super::{Error, Hub};
use crate::domain::actor::Actor;
use crate::domain::credential::Credential;
use crate::domain::event::{EventBody, EventType};
use crate::domain::mail::{
    AlarmLetter, ClaimedMail, InvitationLetter, LEASE_SECONDS, Letter, MailSettings, Occasion, Recipient,
};
use crate::domain::role::Action;
use crate::domain::workspace::{Environment, Tenant};
use crate::egress::smtp::{OutboundMail, Smtp};
use crate::store::{self, Tx};

const PLACE: (&str, &str) = ("mail", "sealed");
/// Mails sent at once.
const BATCH: u64 = 10;

/// A letter in words.
pub struct Worded {
    /// One line.
    pub subject: String,
    /// For those who read no HTML.
    pub text: String,
    /// The same for the others.
    pub html: String,
}

/// Puts letters into words, in the language of whoever reads them.
pub trait Words: Send + Sync + 'static {
    /// The letter in words; none where that fails, which it has logged.
    fn word(&self, letter: &Letter) -> Option<Worded>;

    /// The invitation in words; none where that fails, which it has logged.
    fn word_invitation(&self, letter: &InvitationLetter) -> Option<Worded>;

    /// The alarm in words; none where that fails, which it has logged.
    fn word_alarm(&self, letter: &AlarmLetter) -> Option<Worded>;
}

/// What it takes to send mails.
pub struct Mailer {
    /// The mail server.
    pub smtp: Smtp,
    /// The words.
    pub words: Arc<dyn Words>,
}

impl Hub {
    /// Whether the operator has named a mail server.
    pub const fn mails(&self) -> bool {
        self.mailer.is_some()
    }

    /// Writes the mail that tells of an event, where somebody is to be told.
    pub(super) async fn write_mail(
        &self,
        tx: &Tx,
        tenant: Tenant,
        credential: &Credential,
        event: (EventId, EventType),
        body: &EventBody,
    ) -> Result<(), Error> {
        let (id, kind) = event;
        let Some(occasion) = Occasion::of(kind, body.reason.as_deref()).filter(|_| self.mailer.is_some())
        else {
            return Ok(());
        };
        let (environment, _) = &*self.environment_in(tx, tenant.environment).await?;
        let Some(letter) = self.letter(environment, credential, occasion, body) else {
            return Ok(());
        };
        let mail = MailId::new(self.ids.next());
        let sealed = self.vault.seal(&place(tenant, PLACE, &mail.to_string(), (0, 0)), &letter)?;
        Ok(store::mail::insert(tx, tenant.environment, mail, id, sealed, self.now()).await?)
    }

    fn letter(
        &self,
        environment: &Environment,
        credential: &Credential,
        occasion: Occasion,
        body: &EventBody,
    ) -> Option<Letter> {
        let settings = MailSettings::parse(&environment.settings.mail)?;
        let (to, user) = match settings.to {
            Recipient::Nobody => return None,
            Recipient::User => (body.user_email.clone()?, None),
            Recipient::Admin => (settings.admin_address?, Some(credential.username.clone())),
        };
        let definition = self.providers().get(&credential.provider);
        Some(Letter {
            to,
            locale: settings.locale,
            occasion,
            user,
            app: environment.app_name(),
            name: definition.map_or_else(|| credential.provider.clone(), |known| known.name().to_owned()),
            credential: credential.name.clone(),
            single_use: environment.settings.reconnect_url.is_none(),
            link: body.reconnect_url.clone(),
        })
    }

    /// Sends an invitation, once: whoever invites has the link too.
    pub(super) fn mail_invitation(self: &Arc<Self>, letter: InvitationLetter) {
        let to = letter.to.clone();
        self.mail_once(to, move |words| words.word_invitation(&letter));
    }

    /// Sends what `word` makes of it to one address, without trying again.
    fn mail_once<W>(self: &Arc<Self>, to: String, word: W)
    where
        W: FnOnce(&dyn Words) -> Option<Worded> + Send + 'static,
    {
        let hub = Arc::clone(self);
        self.spawn(async move {
            let Some(mailer) = &hub.mailer else { return };
            let Some(worded) = word(mailer.words.as_ref()) else { return };
            let id = MailId::new(hub.ids.next());
            let mail = OutboundMail {
                to,
                subject: worded.subject,
                text: worded.text,
                html: worded.html,
                id: id.to_string(),
                at: hub.clock.now().into(),
            };
            if let Err(error) = mailer.smtp.send(mail).await {
                tracing::warn!(mail.id = %id, %error, "a mail was not sent");
            }
        });
    }

    /// Tells owners, once each: it stands in the audit log and on their overview too.
    pub(super) fn mail_alarm(self: &Arc<Self>, letters: Vec<AlarmLetter>) {
        for letter in letters {
            self.mail_once(letter.to.clone(), move |words| words.word_alarm(&letter));
        }
    }

    /// As what a link to reconnect `credential` can be mailed to its user; none where that can't be, or says nothing.
    pub fn link_occasion(&self, credential: &Credential) -> Option<Occasion> {
        let now = self.now();
        let occasion = match credential.health(now).status {
            Status::Expired => Occasion::Expired,
            Status::Revoked => Occasion::Revoked,
            Status::Active | Status::Error => credential.acts_by().map(|_| Occasion::Expiring)?,
            Status::Pending | Status::Inactive => return None,
        };
        (self.mails() && credential.user_email.is_some()).then_some(occasion)
    }

    /// Makes a link to reconnect a credential and mails it to its user, once; gives their address.
    ///
    /// # Errors
    /// Those of [`Hub::reconnect_link`]; [`Error::Invalid`] where it can't be mailed.
    pub async fn mail_reconnect_link(
        self: &Arc<Self>,
        actor: &Actor,
        id: CredentialId,
    ) -> Result<String, Error> {
        self.permit(actor, Action::MaintainCredentials).await?;
        let credential = self.get_credential(actor, id).await?;
        let occasion = self.link_occasion(&credential);
        let Some((occasion, to)) = occasion.zip(credential.user_email.clone()) else {
            let message = "There is no mail server, no address, or nothing to tell.";
            return Err(Error::invalid("/mail", "not_possible", message));
        };
        let link = self.reconnect_link(actor, id).await?;
        let (environment, _) = &*self.environment_of(actor.environment()).await?;
        let definition = self.providers().get(&credential.provider);
        let letter = Letter {
            to: to.clone(),
            locale: MailSettings::parse(&environment.settings.mail).and_then(|settings| settings.locale),
            occasion,
            user: None,
            app: environment.app_name(),
            name: definition.map_or_else(|| credential.provider.clone(), |known| known.name().to_owned()),
            credential: credential.name,
            link: Some(link.address.expose().to_owned()),
            single_use: link.until.is_some(),
        };
        self.mail_once(to.clone(), move |words| words.word(&letter));
        Ok(to)
    }

    /// Sends the mails that are due.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn send_mails(&self) -> Result<(), Error> {
        let Some(mailer) = &self.mailer else {
            return Ok(());
        };
        while !self.closing.is_cancelled() && store::mail::is_anything_due(&self.store, self.now()).await? {
            let now = self.now();
            let tx = self.store.begin().await?;
            let claimed = store::mail::claim(&tx, now, now.plus_seconds(LEASE_SECONDS), BATCH).await?;
            tx.commit().await?;
            let sent = join_all(claimed.iter().map(|mail| self.send_mail(mailer, mail))).await;
            sent.into_iter().collect::<Result<(), Error>>()?;
        }
        Ok(())
    }

    async fn send_mail(&self, mailer: &Mailer, claimed: &ClaimedMail) -> Result<(), Error> {
        let (_, tenant) = *self.environment_of(claimed.environment).await?;
        let row = claimed.id.to_string();
        let opened = self.vault.open::<Letter>(&place(tenant, PLACE, &row, (0, 0)), &claimed.sealed);
        let worded = opened.as_ref().ok().map(|letter| (letter, mailer.words.word(letter)));
        let outcome = match worded {
            // Its key may come back. Left without an outcome, it would be claimed again and again.
            None => Err(("it can't be opened".to_owned(), false)),
            Some((_, None)) => Err(("the mail could not be worded".to_owned(), true)),
            Some((letter, Some(worded))) => {
                let mail = OutboundMail {
                    to: letter.to.clone(),
                    subject: worded.subject,
                    text: worded.text,
                    html: worded.html,
                    id: claimed.id.to_string(),
                    at: self.clock.now().into(),
                };
                mailer.smtp.send(mail).await.map_err(|error| (error.to_string(), error.is_final()))
            }
        };
        let word = if outcome.is_ok() { "ok" } else { "failed" };
        metrics::counter!("vouchsafe_mails_total", "outcome" => word).increment(1);
        let (error, next_try) = match outcome {
            Ok(()) => (None, None),
            Err((error, is_final)) => {
                tracing::warn!(mail.id = %claimed.id, error, "a mail was not sent");
                (Some(error), claimed.next_try(self.now()).filter(|_| !is_final))
            }
        };
        let tx = self.store.begin().await?;
        store::mail::finish(&tx, claimed, error, next_try).await?;
        Ok(tx.commit().await?)
    }
}

/// Points at what is wrong with the `mail` object of the settings.
pub(super) fn check_settings(checker: &mut Checker, object: &serde_json::Map<String, serde_json::Value>) {
    for name in object.keys() {
        if !["to", "adminAddress", "locale"].contains(&name.as_str()) {
            let at = format!("/mail/{}", name.replace('~', "~0").replace('/', "~1"));
            checker.add(at, "unknown_field", "There is no such member here.");
        }
    }
    let text = |name: &str| match object.get(name) {
        None | Some(serde_json::Value::Null) => Ok(None),
        Some(serde_json::Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(()),
    };
    let to = text("to");
    let known = matches!(to, Ok(None | Some("nobody" | "user" | "admin")));
    checker.ensure(known, "/mail/to", "unknown", "Write `nobody`, `user` or `admin`.");
    match text("adminAddress") {
        Ok(address) => {
            checker.email("/mail/adminAddress", address);
            let needed = to == Ok(Some("admin")) && address.is_none();
            checker.ensure(!needed, "/mail/adminAddress", "required", "Write the address that is told.");
        }
        Err(()) => checker.add("/mail/adminAddress", "invalid_type", "Write a text."),
    }
    match text("locale") {
        Ok(locale) => checker.optional_text("/mail/locale", locale, 35),
        Err(()) => checker.add("/mail/locale", "invalid_type", "Write a text."),
    }
}
