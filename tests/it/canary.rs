//! Secrets go in by every way there is and must be nowhere to be seen afterwards: not in the database, not in a copy of
//! it, not in the data directory, not in the log at its most talkative, not in any answer but those made to hand one out.

mod scene;
mod searcher;
mod secrets;
mod story;

use scene::Scene;

/// Where the master key belongs.
const KEY_FILE: &[&str] = &["master.key"];

#[tokio::test]
async fn no_secret_is_left_anywhere_it_does_not_belong() {
    let mut scene = Scene::start().await;
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
    let search = scene.canaries.search();
    let mut hits = scene.hits_in_answers(&search);
    hits.extend(search.find_below(&scene.data(), KEY_FILE));
    let log = scene.hub().err();
    assert!(log.contains("\"level\":\"TRACE\""), "the log is not as talkative as it should be");
    hits.extend(search.find(log.as_bytes()).into_iter().map(|hit| format!("{hit} in the log")));
    hits.extend(search.find(scene.hub().out().as_bytes()).into_iter().map(|hit| format!("{hit} on stdout")));
    assert!(hits.is_empty(), "{}", hits.join("\n"));

    // And once everything is written and the journal is gone.
    scene.stop().await;
    let hits = search.find_below(&scene.data(), KEY_FILE);
    assert!(hits.is_empty(), "after the end: {}", hits.join("\n"));

    // The search is no search if it finds nothing where there is something.
    let planted = scene.data().join("planted");
    std::fs::write(&planted, scene.a_client_secret()).unwrap();
    assert_eq!(search.find_below(&scene.data(), KEY_FILE).len(), 1);
    std::fs::remove_file(planted).unwrap();
}
