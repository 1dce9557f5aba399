//! How a session stands, told to its frame: asked for, or streamed (server-sent events). It is the truth that the
//! frame goes by; windows and messages are hints.

use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::sync::broadcast;
use vouchsafe_entity::id::SessionId;

use super::visitor::Visitor;
use crate::http::{HttpState, Problem};
use crate::service::Error;
use crate::service::connect::{Standing, Visit};

/// Another replica may have changed the session, so it is asked for again after this time.
const ASK_AGAIN: Duration = Duration::from_secs(2);
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// `GET /connect/state`.
pub(super) async fn get_state(
    State(state): State<HttpState>,
    visitor: Visitor,
) -> Result<Json<Value>, Problem> {
    Ok(Json(standing_of(&state, &visitor.visit).await?))
}

async fn standing_of(state: &HttpState, visit: &Visit) -> Result<Value, Error> {
    let standings = state.hub.standings(visit).await?;
    let status = state.hub.session_status(visit).await?;
    let connectors: Vec<Value> = standings.iter().map(entry).collect();
    Ok(json!({ "status": status.as_str(), "connectors": connectors }))
}

fn entry(standing: &Standing) -> Value {
    let result = standing.result.as_ref();
    let mut entry = json!({
        "connector": standing.connector,
        "state": result.map_or("idle", |result| result.progress.as_str()),
        "credentialId": result.and_then(|result| result.credential).map(|id| id.to_string()),
        "error": result.and_then(|result| result.error.clone()),
        "updatedAt": result.map(|result| result.updated_at.to_string()),
    });
    if let Some(code) = &standing.confirmation_code {
        entry["confirmationCode"] = Value::from(code.expose_secret());
    }
    entry
}

struct Following {
    state: HttpState,
    visit: Visit,
    changes: broadcast::Receiver<SessionId>,
    told: Option<String>,
    over: bool,
}

/// `GET /connect/events`: the state now, and again whenever it changes.
pub(super) async fn stream_state(
    State(state): State<HttpState>,
    visitor: Visitor,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let changes = state.hub.session_changes();
    let following = Following { state, visit: visitor.visit, changes, told: None, over: false };
    let stream = stream::unfold(following, |mut following| async move {
        let told = following.next().await?;
        Some((Ok(Event::default().data(told)), following))
    });
    Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

impl Following {
    /// What is new; none when the session is over or the hub is.
    async fn next(&mut self) -> Option<String> {
        loop {
            if self.over {
                return None;
            }
            let standing = standing_of(&self.state, &self.visit).await.ok()?;
            self.over = matches!(standing["status"].as_str(), Some("expired" | "cancelled"));
            let text = standing.to_string();
            if self.told.as_ref() != Some(&text) {
                self.told = Some(text.clone());
                return Some(text);
            }
            self.change().await?;
        }
    }

    async fn change(&mut self) -> Option<()> {
        let closing = self.state.hub.closing();
        let wait = tokio::time::sleep(ASK_AGAIN);
        tokio::pin!(wait);
        loop {
            tokio::select! {
                () = closing.cancelled() => return None,
                () = &mut wait => return Some(()),
                change = self.changes.recv() => match change {
                    Ok(session) if session != self.visit.session.id => {}
                    // Told of this session, or so much was missed that it may have been.
                    Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => return Some(()),
                    Err(broadcast::error::RecvError::Closed) => return None,
                },
            }
        }
    }
}
