//! Writing down calls: who called what, with which answer, how many bytes and how long; no query and no body. It
//! happens when the last byte has gone, or when somebody hung up, and off the call's path.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, SizeHint};

use super::allow::Allowed;
use super::{Call, Via, body};
use crate::config::AuditMode;
use crate::domain::actor::Actor;
use crate::domain::call_path;
use crate::egress::{BodyError, StreamBody};
use crate::service::audit::Target;
use crate::service::limits::Place;
use crate::service::{Error, Hub};

/// What is known of a call so far. Dropped, it is written down.
pub(super) struct Entry {
    hub: Arc<Hub>,
    actor: Actor,
    target: Target,
    method: String,
    host: String,
    template: String,
    provider: String,
    began: Instant,
    sent: Arc<AtomicU64>,
    received: u64,
    outcome: Outcome,
    place: Option<Place>,
}

enum Outcome {
    /// Nobody waited for an answer.
    HungUp,
    Refused(&'static str),
    Failed(&'static str),
    /// The answer of the app; not whole, until its end was seen.
    Answered(StatusCode, bool),
}

impl Entry {
    pub(super) fn new(hub: &Arc<Hub>, actor: &Actor, call: &Call) -> Self {
        let target = match &call.via {
            Via::Credential(id) => Target::new("credential", id.chars().take(64).collect::<String>()),
            Via::User { connector, .. } => {
                Target::new("connector", connector.chars().take(64).collect::<String>())
            }
            Via::Address(_) => Target { kind: "address", id: None },
        };
        Self::of(hub, actor, target, (&call.method, &call.path), Outcome::HungUp)
    }

    fn of(
        hub: &Arc<Hub>,
        actor: &Actor,
        target: Target,
        (method, path): (&Method, &str),
        outcome: Outcome,
    ) -> Self {
        Self {
            hub: Arc::clone(hub),
            actor: actor.clone(),
            target,
            method: method.as_str().chars().take(16).collect(),
            host: "-".to_owned(),
            template: call_path::template(path),
            provider: "none".to_owned(),
            began: Instant::now(),
            sent: Arc::default(),
            received: 0,
            outcome,
            place: None,
        }
    }

    /// Notes where the call goes, now that it may: `path` is what stands behind its base.
    pub(super) fn aims_at(&mut self, allowed: &Allowed, path: &str) {
        self.host.clone_from(&allowed.to.host);
        if let Some(app) = &allowed.app {
            self.target = Target::new("credential", app.credential.id);
            self.provider.clone_from(&app.provider);
        } else {
            // The base is the caller's own words. That of a definition may hold what nobody is to read.
            self.target = Target::new("address", &allowed.to.host);
            self.template = allowed.base.template(path);
        }
    }

    /// Holds a place among the calls in flight until the call is over.
    pub(super) fn hold(&mut self, place: Place) {
        self.place = Some(place);
    }

    /// Notes why there is no answer of the app's.
    pub(super) fn refused(mut self, error: Error) -> Error {
        if !body::is_cut_off(&error) {
            self.outcome = Outcome::Refused(word(&error));
        }
        error
    }

    /// Notes that the app could not be reached.
    pub(super) fn failed(mut self, error: Error) -> Error {
        if !body::is_cut_off(&error) {
            self.outcome = Outcome::Failed(word(&error));
        }
        error
    }

    /// Counts what is sent of a body.
    pub(super) fn counting(&self, body: StreamBody) -> StreamBody {
        Counted { body, sent: Arc::clone(&self.sent) }.boxed_unsync()
    }

    /// The app's body, which ends this entry with its own end.
    pub(super) fn until_end(mut self, status: StatusCode, body: StreamBody) -> StreamBody {
        let whole = body.is_end_stream();
        self.outcome = Outcome::Answered(status, whole);
        Recorded { body, entry: self }.boxed_unsync()
    }

    fn words(&self) -> (&'static str, String) {
        let Self { method, host, template, .. } = self;
        let call = format!("{method} {host}{template}");
        let millis = self.began.elapsed().as_millis();
        let (sent, received) = (self.sent.load(Ordering::Relaxed), self.received);
        let moved = format!("{sent} bytes out, {received} in, {millis} ms");
        match self.outcome {
            Outcome::Answered(status, true) => ("ok", format!("{call}: {}, {moved}", status.as_u16())),
            Outcome::Answered(status, false) => ("ok", format!("{call}: {}, cut, {moved}", status.as_u16())),
            Outcome::HungUp => ("failed", format!("{call}: hung up, {moved}")),
            Outcome::Failed(code) => ("failed", format!("{call}: {code}, {moved}")),
            Outcome::Refused(code) => ("refused", format!("{call}: {code}")),
        }
    }
}

/// What a refusal is called in its problem.
fn word(error: &Error) -> &'static str {
    match error {
        Error::NotFound => "not_found",
        Error::Invalid(_) => "invalid_request",
        Error::Refused { code, .. } => code.as_str(),
        Error::Store(_) | Error::Internal(_) => "internal_error",
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let (result, reason) = self.words();
        let status = match self.outcome {
            Outcome::Answered(status, _) => status.as_str().to_owned(),
            Outcome::HungUp | Outcome::Refused(_) | Outcome::Failed(_) => result.to_owned(),
        };
        metrics::counter!("vouchsafe_proxy_calls_total", "provider" => self.provider.clone(), "status" => status)
            .increment(1);
        let event =
            self.hub.audit_event(&self.actor, "proxy.call", self.target.clone(), result, Some(reason));
        self.hub.record_soon(event);
    }
}

impl Hub {
    /// Writes down a call that says too little of itself to be looked at, with the word of its refusal.
    pub async fn note_unread_call(
        self: &Arc<Self>,
        actor: &Actor,
        method: &Method,
        path: &str,
        refusal: &'static str,
    ) {
        self.await_room_to_record().await;
        let target = Target { kind: "call", id: None };
        drop(Entry::of(self, actor, target, (method, path), Outcome::Refused(refusal)));
    }

    /// Where the operator wants reads on record before their answer, a call is on record before it is made.
    pub(super) async fn begin_record(&self, actor: &Actor, entry: &Entry) -> Result<(), Error> {
        if self.audit_mode() != AuditMode::Strict {
            return Ok(());
        }
        let what = format!("{} {}{}", entry.method, entry.host, entry.template);
        let event = self.audit_event(actor, "proxy.begin", entry.target.clone(), "ok", Some(what));
        self.record_later(event).await
    }
}

/// The caller's body, counted.
struct Counted {
    body: StreamBody,
    sent: Arc<AtomicU64>,
}

impl Body for Counted {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(data) = frame.data_ref()
        {
            self.sent.fetch_add(data.len() as u64, Ordering::Relaxed);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The app's body with its entry.
struct Recorded {
    body: StreamBody,
    entry: Entry,
}

impl Recorded {
    fn ended(&mut self) {
        if let Outcome::Answered(_, whole) = &mut self.entry.outcome {
            *whole = true;
        }
    }
}

impl Body for Recorded {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let frame = Pin::new(&mut this.body).poll_frame(context);
        match &frame {
            Poll::Ready(None) => this.ended(),
            Poll::Ready(Some(Ok(frame))) => {
                this.entry.received += frame.data_ref().map_or(0, |data| data.len() as u64);
                // A body of known length, or with trailers, is not always asked for its end.
                if frame.is_trailers() || this.body.is_end_stream() {
                    this.ended();
                }
            }
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
