//! What is the operator's alone to see is in the hub's chain, beside what everybody sees.

use crate::support::app::TestApp;
use crate::support::browser::Browser;

#[tokio::test]
async fn a_try_to_sign_in_as_somebody_who_is_not_there_is_closed_into_the_chain_of_the_hub() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let guess = async |who: &str| {
        let form = [("email", who), ("password", "not the right one")];
        let answer = Browser::new(&app, who).post("/dashboard/sign-in", &form).await;
        answer.page(400, "Address or password is not right.");
    };
    // Alone, in one batch with what concerns the hub itself, and after that.
    for round in 0..3 {
        guess(&format!("nobody-{round}@acme.test")).await;
        if round == 1 {
            app.redefine(|text| text.replace("name = \"", "name = \"Other "));
            app.hub.note_definitions().await.unwrap();
        }
        app.hub.flush_audit().await.unwrap();
        app.hub.seal_audit().await.unwrap();
        let found = app.hub.verify_audit().await.unwrap().unwrap();
        assert_eq!(found.waiting, 0, "{round}");
    }
    let batches = "SELECT n FROM audit_batch WHERE workspace_id = 'ws_00000000000000000000000000' ORDER BY n";
    let batches: Vec<i64> = app.rows(batches).await.iter().map(|row| row.try_get("", "n").unwrap()).collect();
    assert_eq!(batches, [1, 2, 3]);
    let log = owner.get("/dashboard/production/audit?action=member.sign_in").await;
    assert!(!log.html.contains("wrong password"), "no workspace is told");
}
