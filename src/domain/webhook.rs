//! Webhook endpoints and deliveries to them: who is told of what, when the next attempt is due, and when to stop
//! (`security.md`, section 8).

use vouchsafe_entity::id::{DeliveryId, EnvironmentId, EventId, WebhookEndpointId};
use vouchsafe_entity::kind::{DeliveryStatus, DisabledReason};
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::sealed::Sealed;

use super::event::EventType;

/// Seconds from each failed attempt to the next: ten attempts in 75 h 35 min 5 s.
const SCHEDULE: [i64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// The share by which a wait may be shorter or longer.
const JITTER: f64 = 0.2;
/// The longest `Retry-After` that is honoured.
const LONGEST_WAIT: i64 = 86_400_000;
/// An endpoint that took nothing for so long is switched off.
pub const PATIENCE: i64 = 5 * 86_400_000;
/// A secret signs for so long after its successor came.
pub const OVERLAP_SECONDS: i64 = 86_400;
/// Deliveries under way at once to one endpoint.
pub const MOST_IN_FLIGHT: usize = 10;
/// How long a replica may work on one delivery before another takes it up. The attempt itself takes 15 s at most.
pub const LEASE_SECONDS: i64 = 60;

/// Who wants to know.
#[derive(Clone, Debug)]
pub struct WebhookEndpoint {
    /// Its id.
    pub id: WebhookEndpointId,
    /// Where deliveries go.
    pub url: String,
    /// The types it wants; none = all.
    pub events: Option<Vec<EventType>>,
    /// A label.
    pub description: Option<String>,
    /// Whether it is told.
    pub enabled: bool,
    /// Why the hub switched it off.
    pub disabled_reason: Option<DisabledReason>,
    /// Its secrets.
    pub sealed: Sealed,
    /// +1 on each new secret.
    pub version: i64,
    /// The first failure since the last success.
    pub failing_since: Option<Millis>,
    /// When it was made.
    pub created_at: Millis,
    /// When it last changed.
    pub updated_at: Millis,
}

impl WebhookEndpoint {
    /// Whether it asked for events of this type.
    pub fn wants(&self, kind: EventType) -> bool {
        self.events.as_ref().is_none_or(|kinds| kinds.contains(&kind))
    }

    /// Switches it on or off by somebody's wish; what the hub thought of it is forgotten.
    pub fn switch(&mut self, enabled: bool) {
        if self.enabled != enabled {
            self.enabled = enabled;
            self.disabled_reason = None;
            self.failing_since = None;
        }
    }

    /// Notes at `now` that it did not take something, and switches it off where it is gone or has taken nothing for
    /// too long; whether it did.
    pub fn note_failure(&mut self, gone: bool, now: Millis) -> bool {
        self.failing_since.get_or_insert(now);
        if gone { self.switch_off(DisabledReason::Gone, now) } else { self.give_up(now) }
    }

    /// Switches it off at `now` where it has taken nothing for too long; whether it did.
    pub fn give_up(&mut self, now: Millis) -> bool {
        let is_over = self.failing_since.is_some_and(|since| now.since(since) >= PATIENCE);
        is_over && self.switch_off(DisabledReason::Failing, now)
    }

    fn switch_off(&mut self, reason: DisabledReason, now: Millis) -> bool {
        if !self.enabled {
            return false;
        }
        self.enabled = false;
        self.disabled_reason = Some(reason);
        self.updated_at = now;
        true
    }
}

/// One attempt to tell an endpoint of an event.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// Who is told.
    pub endpoint: WebhookEndpointId,
    /// Of what.
    pub event: EventId,
    /// Its number, from 1.
    pub attempt: i32,
    /// How far it is.
    pub status: DeliveryStatus,
    /// When it is due; none once it is over.
    pub due_at: Option<Millis>,
    /// When it was sent.
    pub started_at: Option<Millis>,
    /// How many milliseconds the endpoint took.
    pub duration_ms: Option<i64>,
    /// The HTTP status that came back.
    pub answer_status: Option<i16>,
    /// What went wrong.
    pub error: Option<String>,
    /// What came back, sealed.
    pub sealed_answer: Option<Sealed>,
    /// When it was planned.
    pub created_at: Millis,
}

impl Delivery {
    /// The first attempt, due at once.
    pub fn first(id: DeliveryId, endpoint: WebhookEndpointId, event: EventId, now: Millis) -> Self {
        Self::planned(id, endpoint, event, 1, now, now)
    }

    fn planned(
        id: DeliveryId,
        endpoint: WebhookEndpointId,
        event: EventId,
        attempt: i32,
        due_at: Millis,
        now: Millis,
    ) -> Self {
        Self {
            id,
            endpoint,
            event,
            attempt,
            status: DeliveryStatus::Pending,
            due_at: Some(due_at),
            started_at: None,
            duration_ms: None,
            answer_status: None,
            error: None,
            sealed_answer: None,
            created_at: now,
        }
    }
}

/// A delivery that this process has claimed, with all that sending it takes.
#[derive(Clone, Debug)]
pub struct ClaimedDelivery {
    /// Where it is.
    pub environment: EnvironmentId,
    /// Its id.
    pub id: DeliveryId,
    /// Who is told.
    pub endpoint: WebhookEndpointId,
    /// Of what.
    pub event: EventId,
    /// Its number, from 1.
    pub attempt: i32,
    /// End of the claim, which also proves it.
    pub lease_until: Millis,
    /// Where it goes.
    pub url: String,
    /// The endpoint's secrets.
    pub sealed_secrets: Sealed,
    /// Their version.
    pub secrets_version: i64,
    /// The event's body.
    pub sealed_body: Sealed,
}

impl ClaimedDelivery {
    /// The attempt after this one failed at `now`; none where this was the last. `share` is random, from 0 to 1;
    /// `retry_after` is what the endpoint asked for, in milliseconds.
    pub fn next(
        &self,
        id: DeliveryId,
        share: f64,
        retry_after: Option<i64>,
        now: Millis,
    ) -> Option<Delivery> {
        let wait = wait_after(self.attempt, share, retry_after)?;
        let attempt = self.attempt.saturating_add(1);
        Some(Delivery::planned(id, self.endpoint, self.event, attempt, now.plus(wait), now))
    }
}

/// Milliseconds from a failed attempt to the next; none after the last.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a day in milliseconds is small"
)]
fn wait_after(attempt: i32, share: f64, retry_after: Option<i64>) -> Option<i64> {
    let at = usize::try_from(attempt).ok()?.checked_sub(1)?;
    let usual = SCHEDULE.get(at)? * 1_000;
    let spread = (usual as f64 * JITTER * share.mul_add(2.0, -1.0)) as i64;
    Some((usual + spread).max(retry_after.unwrap_or(0).min(LONGEST_WAIT)))
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The HTTP status that came back.
    pub status: Option<u16>,
    /// What went wrong; none = the endpoint took it.
    pub error: Option<String>,
    /// What the endpoint asked for, in milliseconds.
    pub retry_after: Option<i64>,
    /// What came back, without secrets.
    pub answer: Option<String>,
    /// Whether the hub itself failed, and the endpoint was never asked.
    pub is_ours: bool,
}

impl Outcome {
    /// An attempt that brought no answer.
    pub fn failed(error: impl Into<String>) -> Self {
        Self { status: None, error: Some(error.into()), retry_after: None, answer: None, is_ours: false }
    }

    /// An attempt that the hub itself could not make: nothing of it is the endpoint's.
    pub fn ours(error: impl Into<String>) -> Self {
        Self { is_ours: true, ..Self::failed(error) }
    }

    /// An answer; only 2xx is a success.
    pub fn answered(status: u16, retry_after: Option<i64>, answer: Option<String>) -> Self {
        let taken = (200..300).contains(&status);
        let error = (!taken).then(|| format!("the endpoint answered {status}"));
        Self { status: Some(status), error, retry_after, answer, is_ours: false }
    }

    /// Whether the endpoint took it.
    pub const fn is_success(&self) -> bool {
        self.error.is_none()
    }

    /// Whether the endpoint said that it is gone for good.
    pub const fn is_gone(&self) -> bool {
        matches!(self.status, Some(410))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_attempts_take_three_days_and_a_little() {
        let waits: Vec<i64> = (1..).map_while(|attempt| wait_after(attempt, 0.5, None)).collect();
        assert_eq!(waits.len() + 1, 10);
        assert_eq!(waits.iter().sum::<i64>() / 1_000, 75 * 3_600 + 35 * 60 + 5);
        assert_eq!(wait_after(10, 0.5, None), None);
        assert_eq!(wait_after(0, 0.5, None), None);
    }

    #[test]
    fn a_wait_is_a_fifth_shorter_or_longer_at_most() {
        for attempt in 1..10 {
            let usual = wait_after(attempt, 0.5, None).unwrap();
            assert_eq!(wait_after(attempt, 0.0, None), Some(usual - usual / 5), "{attempt}");
            assert_eq!(wait_after(attempt, 1.0, None), Some(usual + usual / 5), "{attempt}");
        }
    }

    #[test]
    fn what_an_endpoint_asks_for_is_kept_up_to_a_day() {
        assert_eq!(wait_after(1, 0.5, Some(90_000)), Some(90_000));
        assert_eq!(wait_after(1, 0.5, Some(1_000)), Some(5_000), "never sooner than by itself");
        assert_eq!(wait_after(1, 0.5, Some(7 * 86_400_000)), Some(86_400_000));
        assert_eq!(wait_after(10, 0.5, Some(1_000)), None, "the last stays the last");
    }

    #[test]
    fn only_2xx_is_a_success() {
        for (status, taken) in
            [(200, true), (204, true), (299, true), (199, false), (301, false), (410, false), (500, false)]
        {
            assert_eq!(Outcome::answered(status, None, None).is_success(), taken, "{status}");
        }
    }
}
