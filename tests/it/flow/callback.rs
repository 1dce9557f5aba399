//! The way back from an app takes as long as it takes: neither the browser nor the end of the hub cuts it off.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::StatusCode;
use serde_json::json;
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use vouchsafe::demo::fake::{Endpoint, Fault, Plan};

use crate::support::app::TestApp;

#[tokio::test]
async fn a_code_is_exchanged_although_the_browser_is_gone_and_the_hub_ends() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let modal = app.modal(&json!({"userId": "u-17", "connectors": ["fernhill"]})).await;
    let popup = modal.popup("fernhill").await;
    let back = popup.decide(&app, "allow", "jo@acme.test").await;
    app.fake.program(Plan::next(Endpoint::Exchange, Fault::hold()));
    app.hang_up(app.callback(&back, &popup.cookie), |counters| counters.exchanges).await;
    let ends = tokio::time::timeout(Duration::from_millis(100), app.hub.finish()).await;
    assert!(ends.is_err(), "the code is under way");
    app.fake.release();
    app.hub.finish().await;
    assert_eq!(modal.result("fernhill").await["status"], "completed");
}

#[tokio::test]
async fn an_app_that_takes_long_costs_nobody_the_page_and_its_confirmation_code() {
    let limit = Duration::from_secs(1);
    let Some(app) = TestApp::start_with(|state| state.handler_timeout = limit).await else {
        return;
    };
    app.put_fernhill().await;
    let modal = app.modal(&json!({"userId": "u-17", "connectors": ["fernhill"], "confirm": "backend"})).await;
    let popup = modal.popup("fernhill").await;
    app.fake.program(Plan::next(Endpoint::Exchange, Fault::delay_after(1_500)));
    let page = popup.allow(&app, "jo@acme.test").await;
    let (_, code) = page.split_once(" data-confirmation=\"").unwrap_or_else(|| panic!("no code in {page}"));
    let code = code.split('"').next().unwrap();
    let path = format!("/connect/sessions/{}/confirm", modal.session);
    app.as_key().post(&path, &json!({"userId": "u-17", "confirmationCode": code})).await.ok(200);
    assert_eq!(modal.result("fernhill").await["status"], "completed");
}

/// The spans in which it was told that a sign-in failed.
struct Told(Arc<Mutex<Vec<Option<&'static str>>>>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Told {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if event.metadata().target().ends_with("::callback::fail") {
            self.0.lock().unwrap().push(context.event_span(event).map(|span| span.name()));
        }
    }
}

#[tokio::test]
async fn what_the_log_says_of_a_callback_belongs_to_its_request() {
    let spans = Arc::default();
    let told = Told(Arc::clone(&spans));
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(told));
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let modal = app.modal(&json!({"userId": "u-17", "connectors": ["fernhill"]})).await;
    app.fake.program(Plan::next(Endpoint::Exchange, Fault::status(StatusCode::BAD_GATEWAY)).always());
    modal.popup("fernhill").await.allow(&app, "jo@acme.test").await;
    assert_eq!(modal.result("fernhill").await["status"], "failed");
    assert_eq!(*spans.lock().unwrap(), [Some("request")]);
}
