//! Secrets go in by every way there is and must be nowhere to be seen afterwards: not in the database, not in a copy of
//! it, not in the data directory, not in the log at its most talkative, not in any answer but those made to hand one out.

mod scene;
mod schema;
mod searcher;
mod secrets;
mod story;

use scene::Scene;
use searcher::{Leak, Search};

#[tokio::test]
async fn no_secret_is_left_anywhere_it_does_not_belong() {
    let Some(mut scene) = Scene::start().await else { return };
    story::connectors(&mut scene).await;
    story::typed_keys(&mut scene).await;
    story::refused_input(&mut scene).await;
    story::failing_checks(&mut scene).await;
    story::hub_keys(&mut scene).await;
    story::webhooks(&mut scene).await;
    story::sign_in(&mut scene).await;
    story::modal_form(&mut scene).await;
    story::token_failures(&mut scene).await;
    secrets::secrets(&mut scene).await;
    story::look_around(&mut scene).await;
    assert!(scene.canaries.len() >= 25, "only {} secrets were used", scene.canaries.len());
    assert!(scene.answers.len() >= 60, "only {} answers were read", scene.answers.len());

    scene.back_up();
    let leak = scene.canaries.leak();
    let search = scene.canaries.search();
    let mut hits = scene.hits_in_answers(&search);
    hits.extend(scene.hits_at_rest(&search).await);
    let log = scene.hub().err();
    assert!(log.contains("\"level\":\"TRACE\""), "the log is not as talkative as it should be");
    hits.extend(search.find(log.as_bytes()).into_iter().map(|hit| format!("{hit} in the log")));
    hits.extend(search.find(scene.hub().out().as_bytes()).into_iter().map(|hit| format!("{hit} on stdout")));
    assert!(hits.is_empty(), "{}", hits.join("\n"));

    // And once everything is written and the journal is gone.
    scene.stop().await;
    let hits = scene.hits_at_rest(&search).await;
    assert!(hits.is_empty(), "after the end: {}", hits.join("\n"));
    finds_what_is_there(&mut scene, &search, &leak, &log).await;
}

/// The search is no search if it finds nothing where there is something.
async fn finds_what_is_there(scene: &mut Scene, search: &Search, leak: &Leak, log: &str) {
    let found = search.find(format!("{log}{}", leak.text).as_bytes());
    assert_eq!(found.len(), leak.secrets, "in the log: {found:?}");
    scene.answers[0].1.push_str(&leak.text);
    let found = scene.hits_in_answers(search);
    assert_eq!(found.len(), leak.secrets, "in an answer: {found:?}");
    std::fs::write(scene.data().join("planted"), &leak.text).unwrap();
    let found = scene.hits_at_rest(search).await;
    assert_eq!(found.len(), leak.secrets, "in a file: {found:?}");
    if let Some(schema) = &scene.schema {
        schema.plant(&scene.a_client_secret()).await;
        let found = schema.search(search).await;
        assert_eq!(found.len(), 3, "in a table: {found:?}");
    }
}
