//! The catalogue.

use serde_json::{Value, json};

use crate::support::app::TestApp;

#[tokio::test]
async fn a_provider_says_what_its_forms_ask_for() {
    let Some(app) = TestApp::start().await else { return };
    let shown = app.as_key().get("/providers/quillpost").await.ok(200);
    assert_eq!(shown["needsClient"], false);
    assert_eq!(
        shown["methods"],
        json!([{"type": "api_key", "fields": [{
            "name": "key", "label": "API key", "help": "https://quillpost.example/docs/keys",
            "example": "fake_live_0123456789abcdef", "prefix": null, "suffix": null, "required": true, "secret": true,
            "pattern": "fake_\\S+", "options": [], "default": null
        }]}])
    );
    assert_eq!(app.as_key().get("/providers/fernhill").await.ok(200)["needsClient"], true);
    app.as_key().get("/providers/nothing").await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn providers_are_searched_filtered_and_paged() {
    let Some(app) = TestApp::start().await else { return };
    let slugs = |page: &Value| -> Vec<String> {
        let data = page["data"].as_array().unwrap();
        data.iter().map(|provider| provider["slug"].as_str().unwrap().to_owned()).collect()
    };
    let key = app.as_key();
    assert_eq!(slugs(&key.get("/providers?search=QUILL").await.ok(200)), ["quillpost"]);
    assert_eq!(slugs(&key.get("/providers?category=no-such").await.ok(200)), Vec::<String>::new());
    assert!(slugs(&key.get("/providers?category=crm").await.ok(200)).contains(&"fernhill".to_owned()));
    let walk = async |limit: usize| {
        let (mut walked, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = key.get(&format!("/providers?limit={limit}{cursor}")).await.ok(200);
            walked.extend(slugs(&page));
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return walked,
            }
        }
    };
    let all = walk(200).await;
    assert_eq!(walk(67).await, all);
    assert!(all.len() > 300, "{} providers", all.len());
    let page = key.get("/providers?limit=200").await.ok(200);
    let names: Vec<_> = page["data"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert!(names.is_sorted_by_key(|name| name.as_str().unwrap().to_lowercase()), "{names:?}");
}
