//! Tickets: what a frame holds so that a click opens the start page at once, good for a minute and for one start.

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use vouchsafe_entity::millis::Millis;

use super::cannot_start;
use crate::domain::flow::{TICKET_SECONDS, Ticket};
use crate::domain::workspace::Tenant;
use crate::provider::{FieldSource, Values};
use crate::secret::PlainToken;
use crate::service::connect::Visit;
use crate::service::material::place;
use crate::service::{Error, Hub};
use crate::store;

const TICKET: (&str, &str) = ("connect_ticket", "sealed");

/// A ticket, shown once to the frame.
#[derive(Debug)]
pub struct NewTicket {
    /// The ticket.
    pub ticket: PlainToken,
    /// What proves to the start page that its opener is our frame.
    pub nonce: PlainToken,
    /// Seconds that it lives.
    pub expires_in: i64,
}

impl Hub {
    /// A ticket for a sign-in with these values. Each is good for a minute and for one start.
    ///
    /// # Errors
    /// [`Error::Invalid`] with pointers into `/data`, [`crate::service::Code::SubscriptionRequired`],
    /// [`crate::service::Code::RateLimited`].
    pub async fn create_ticket(
        &self,
        visit: &Visit,
        key: &str,
        data: &Map<String, Value>,
        hosted: bool,
    ) -> Result<NewTicket, Error> {
        self.visit_limits.ticket(visit.session.id)?;
        self.ticket_until(visit, key, data, hosted, self.now().plus_seconds(TICKET_SECONDS)).await
    }

    /// The same, good until `until`.
    pub(in crate::service::connect) async fn ticket_until(
        &self,
        visit: &Visit,
        key: &str,
        data: &Map<String, Value>,
        hosted: bool,
        until: Millis,
    ) -> Result<NewTicket, Error> {
        self.ensure_not_over(visit)?;
        self.gate(&visit.actor).await?;
        visit.session.need(key).ok_or_else(|| Error::unknown("/connector", "connector"))?;
        let (connector, definition, method) = self.oauth_connector(visit, key).await?;
        let values = definition
            .validate_fields(method, data, FieldSource::User)
            .map_err(|errors| Error::fields("/data", errors))?;
        let (all, _) = self.open_values(visit.actor.tenant, &connector, &values).await?;
        // Of a server that tells its addresses itself they are known when the flow begins.
        if definition.mcp().is_none() {
            definition.authorization_endpoint(&all).map_err(|_| cannot_start())?;
        }

        let (ticket, nonce) =
            (PlainToken::random(self.random.as_ref()), PlainToken::random(self.random.as_ref()));
        let hash = ticket.hash().into_string();
        let tenant = visit.actor.tenant;
        let json = values.expose_json();
        let sealed = self.vault.seal(&place(tenant, TICKET, &hash, (0, 0)), &json.as_str())?;
        let tx = self.store.begin().await?;
        let row = Ticket {
            hash,
            environment: tenant.environment,
            session: visit.session.id,
            connector: key.to_owned(),
            nonce_hash: nonce.hash().into_string(),
            sealed,
            hosted,
            expires_at: until,
        };
        store::flow::insert_ticket(&tx, row).await?;
        tx.commit().await?;
        Ok(NewTicket { ticket, nonce, expires_in: TICKET_SECONDS })
    }

    /// The values that were typed for a ticket.
    pub(super) fn ticket_values(&self, tenant: Tenant, ticket: &Ticket) -> Result<Values, Error> {
        let json: SecretString =
            self.vault.open(&place(tenant, TICKET, &ticket.hash, (0, 0)), &ticket.sealed)?;
        Values::from_exposed_json(json.expose_secret())
            .map_err(|_| Error::internal("unreadable ticket values"))
    }
}
