//! What needs attention, as the overview says it: the first few of each kind, and where the others are found.

use serde::Serialize;
use vouchsafe_entity::millis::Millis;

use crate::domain::connector::Connector;
use crate::domain::credential::{Credential, KEY_UNAVAILABLE};
use crate::domain::data_key::Resealing;
use crate::domain::role::Action;
use crate::domain::secret::Secret;
use crate::domain::webhook::WebhookEndpoint;
use crate::http::dashboard::caller::InEnvironment;
use crate::http::dashboard::chart::grouped;
use crate::http::dashboard::connectors::{app_name, missing_word, step};
use crate::http::dashboard::credentials::reason;
use crate::http::dashboard::moment::Moment;
use crate::http::dashboard::url::{Url, filtered};
use crate::service::connectors::Lack;
use crate::service::overview::{Alarm, Attention, Few};

/// Something that needs attention.
#[derive(Serialize)]
pub(super) struct Item {
    /// `danger`, `warning` or `info`.
    level: &'static str,
    title: String,
    text: String,
    at: Option<Moment>,
    /// Where it is looked into; none where the reader may not.
    url: Option<String>,
    /// How much of it is done, and of how much.
    progress: Option<(u64, u64)>,
}

impl Item {
    pub(super) fn new(level: &'static str, title: impl Into<String>, text: impl Into<String>) -> Self {
        Self { level, title: title.into(), text: text.into(), at: None, url: None, progress: None }
    }

    /// The last line of a kind of which there are more than are named.
    pub(super) fn more(level: &'static str, are: &str, list: impl Into<Option<String>>) -> Self {
        Self::new(level, format!("More {are}"), "The list has all of them.").leading_to(list.into())
    }

    /// The same with so much of it done.
    pub(super) fn done(mut self, done: u64, total: u64) -> Self {
        self.progress = Some((done, total));
        self
    }

    pub(super) fn leading_to(mut self, url: Option<String>) -> Self {
        self.url = url;
        self
    }

    pub(super) fn at(mut self, at: Option<Millis>, now: Millis) -> Self {
        self.at = at.map(|at| Moment::new(at, now));
        self
    }
}

/// What needs attention, in the order shown: the worst first, and of what is equally bad what concerns most.
pub(super) fn items(desk: &InEnvironment, attention: Attention, now: Millis) -> Vec<Item> {
    let reader = Reader { desk, now };
    let mut items = Vec::new();
    if attention.suspended {
        let text = "Nothing can be created or changed until it is renewed. What is there goes on working.";
        items.push(Item::new("danger", "The subscription has ended", text));
    }
    if attention.not_adopted {
        let text = "Another deployment may refresh these credentials. If it is gone, run `vouchsafe adopt`.";
        items.push(Item::new("danger", "Nothing is refreshed here", text));
    }
    items.extend(reader.alarms(attention.alarms));
    items.extend(reader.refused(attention.refused));
    items.extend(reader.expired(attention.expired));
    items.extend(reader.revoked(attention.revoked));
    items.extend(reader.connectors(attention.connectors));
    items.extend(reader.endpoints(attention.endpoints));
    items.extend(reader.failing_endpoints(attention.failing_endpoints));
    items.extend(reader.failing(attention.failing));
    items.extend(reader.ended_secrets(attention.ended_secrets));
    items.extend(reader.ending_secrets(attention.ending_secrets));
    items.extend(reader.expiring(attention.expiring));
    items.extend(attention.resealing.map(|resealing| reader.resealing(resealing)));
    items.sort_by_key(|item| item.level != "danger");
    items
}

/// Those that are named, and `last` where there are more.
fn listed<T>(few: Few<T>, last: Item, item: impl Fn(T) -> Item) -> Vec<Item> {
    few.named.into_iter().map(item).chain(few.more.then_some(last)).collect()
}

fn name(credential: &Credential) -> String {
    format!("{} of {}", credential.name, credential.username)
}

/// Who is told, and when.
struct Reader<'a> {
    desk: &'a InEnvironment,
    now: Millis,
}

impl Reader<'_> {
    /// The page of a credential, for those who may look into it.
    fn credential(&self, credential: &Credential) -> Option<String> {
        let may = self.desk.desk.who.may(Action::ViewCredentials);
        may.then(|| Url::Credential(&self.desk.environment, credential.id).to_string())
    }

    fn credentials(&self, filters: &[(&str, Option<&str>)]) -> String {
        filtered(&Url::Credentials(&self.desk.environment), filters)
    }

    fn alarms(&self, alarms: Few<Alarm>) -> Vec<Item> {
        let events =
            |action| Some(filtered(&Url::Audit(&self.desk.environment), &[("action", Some(action))]));
        let list = events("secret.reveal_alarm");
        listed(alarms, Item::more("danger", "members were shown many secrets", list), |alarm| {
            let title = format!("{} was shown many secrets", alarm.who);
            let text = "More than ten values within ten minutes. Ask whether it was really them.";
            let item = Item::new("danger", title, text).at(Some(alarm.at), self.now);
            item.leading_to(events("secret.reveal"))
        })
    }

    /// A data key was replaced, and something is still sealed under it.
    fn resealing(&self, Resealing { since, done, total }: Resealing) -> Item {
        let said = match (done, total) {
            (0, None) => "None is done yet.".to_owned(),
            (1, None) => "1 is done so far.".to_owned(),
            (more, None) => format!("{} are done so far.", grouped(more)),
            (done, Some(total)) => format!("{} of about {} are done.", grouped(done), grouped(total)),
        };
        let text = format!(
            "{said} The worker goes on with it, and nothing waits for it. If this stays for a day, the log says which \
             values don’t open."
        );
        let events = filtered(&Url::Audit(&self.desk.environment), &[("action", Some("data_key.rotate"))]);
        let item = Item::new("info", "Values are being sealed under a new data key", text);
        let item = item.at(Some(since), self.now).leading_to(Some(events));
        match total {
            Some(total) => item.done(done, total),
            None => item,
        }
    }

    fn expired(&self, credentials: Few<Credential>) -> Vec<Item> {
        let list = self.credentials(&[("status", Some("expired"))]);
        listed(credentials, Item::more("danger", "credentials must be connected again", list), |credential| {
            let title = format!("{} must be connected again", name(&credential));
            let text = "It can't be used or renewed any more. Send its user a link to reconnect.";
            Item::new("danger", title, text).leading_to(self.credential(&credential))
        })
    }

    /// Credentials that ended at the app, which nobody here wanted.
    fn revoked(&self, credentials: Few<Credential>) -> Vec<Item> {
        let list = self.credentials(&[("status", Some("revoked"))]);
        listed(credentials, Item::more("danger", "credentials were revoked at the app", list), |credential| {
            let title = format!("{} was revoked at the app", name(&credential));
            let text = "It can't be used any more. Send its user a link to reconnect.";
            Item::new("danger", title, text).leading_to(self.credential(&credential))
        })
    }

    /// What a connector is called: its app, and its key where that is another.
    fn called(&self, connector: &Connector) -> String {
        let name = app_name(self.desk, connector);
        if connector.key == connector.provider { name } else { format!("{name} ({})", connector.key) }
    }

    fn connector(&self, connector: &Connector) -> String {
        Url::Connector(&self.desk.environment, &connector.key).to_string()
    }

    /// Connectors whose client the app refuses.
    fn refused(&self, connectors: Few<Connector>) -> Vec<Item> {
        let list = Some(Url::Connectors(&self.desk.environment).to_string());
        listed(connectors, Item::more("danger", "apps refuse the connector’s client", list), |connector| {
            let title = format!("{} refuses the connector’s client", self.called(&connector));
            let text = "Nothing is renewed until its client ID and secret are put right.";
            let since = connector.failing.map(|failing| failing.since);
            let item = Item::new("danger", title, text).at(since, self.now);
            item.leading_to(Some(self.connector(&connector)))
        })
    }

    /// Connectors by which nobody can connect, each with the step that mends it.
    fn connectors(&self, connectors: Few<(Connector, Vec<Lack>)>) -> Vec<Item> {
        let list = Some(Url::Connectors(&self.desk.environment).to_string());
        listed(connectors, Item::more("warning", "connectors are not set up", list), |(connector, lacks)| {
            let name = app_name(self.desk, &connector);
            let title = format!("{} is not set up", self.called(&connector));
            let text = lacks.first().map(|lack| format!("{}. {}", missing_word(lack), step(lack, &name)));
            Item::new("warning", title, text.unwrap_or_default()).leading_to(Some(self.connector(&connector)))
        })
    }

    fn endpoints(&self, endpoints: Few<WebhookEndpoint>) -> Vec<Item> {
        let may = self.desk.desk.who.may(Action::ViewDeliveries);
        let list = may.then(|| Url::Webhooks(&self.desk.environment).to_string());
        listed(endpoints, Item::more("danger", "endpoints are not told any more", list), |endpoint| {
            let text = "It refused events or took none for days, so the hub switched it off.";
            let page = may.then(|| Url::Webhook(&self.desk.environment, endpoint.id).to_string());
            Item::new("danger", format!("{} is not told any more", endpoint.url), text).leading_to(page)
        })
    }

    /// Endpoints that are still told, and take nothing.
    fn failing_endpoints(&self, endpoints: Few<WebhookEndpoint>) -> Vec<Item> {
        let may = self.desk.desk.who.may(Action::ViewDeliveries);
        let list = may.then(|| Url::Webhooks(&self.desk.environment).to_string());
        listed(endpoints, Item::more("warning", "endpoints take nothing at present", list), |endpoint| {
            let title = format!("{} takes nothing at present", endpoint.url);
            let text = "The hub keeps trying, and switches it off after five days.";
            let page = may.then(|| Url::Webhook(&self.desk.environment, endpoint.id).to_string());
            Item::new("warning", title, text).at(endpoint.failing_since, self.now).leading_to(page)
        })
    }

    /// Credentials that can't be used just now, each with the reason. What no time mends is as bad as an end.
    fn failing(&self, credentials: Few<Credential>) -> Vec<Item> {
        let page = self.credentials(&[("status", Some("error"))]);
        let last = Item::more("warning", "credentials can't be used at present", page);
        listed(credentials, last, |credential| {
            let health = credential.health(self.now);
            let stays = health.next_step.is_some() || health.reason == Some(KEY_UNAVAILABLE);
            let level = if stays { "danger" } else { "warning" };
            let title = format!("{} can't be used at present", name(&credential));
            let text = health.reason.map_or("", reason);
            Item::new(level, title, text).leading_to(self.credential(&credential))
        })
    }

    fn secret(&self, level: &'static str, what: &str, secret: &Secret) -> Item {
        let title = format!("The secret {} {what}", secret.key);
        let item = Item::new(level, title, "Give it a new value.").at(secret.expires_at, self.now);
        item.leading_to(Some(Url::Secret(&self.desk.environment, &secret.key).to_string()))
    }

    /// The secrets in a state, or all.
    fn secrets(&self, state: Option<&str>) -> String {
        filtered(&Url::Secrets(&self.desk.environment), &[("state", state)])
    }

    fn ended_secrets(&self, secrets: Few<Secret>) -> Vec<Item> {
        let last = Item::more("danger", "secrets have ended", self.secrets(Some("expired")));
        listed(secrets, last, |secret| self.secret("danger", "has ended", &secret))
    }

    fn ending_secrets(&self, secrets: Few<Secret>) -> Vec<Item> {
        let last = Item::more("warning", "secrets end soon", self.secrets(None));
        listed(secrets, last, |secret| self.secret("warning", "ends soon", &secret))
    }

    fn expiring(&self, credentials: Few<Credential>) -> Vec<Item> {
        let list = self.credentials(&[("status", Some("active")), ("ends", Some("7"))]);
        listed(credentials, Item::more("warning", "credentials end soon", list), |credential| {
            let title = format!("{} ends soon", name(&credential));
            let text = "Nothing renews it. Ask for a new one before then.";
            let item = Item::new("warning", title, text).at(credential.acts_by(), self.now);
            item.leading_to(self.credential(&credential))
        })
    }
}
