//! The list of secrets: filters, pages, columns.

use chrono::TimeDelta;
use serde_json::json;
use vouchsafe::demo::fake::QUILLPOST;

use super::{LIST, one};
use crate::api::secrets::{masked, with};
use crate::support::app::TestApp;

#[tokio::test]
async fn filters_narrow_the_list_and_say_so() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    app.secret(&with(masked("STRIPE_KEY"), "issuer", json!("stripe"))).await;
    app.secret(&with(masked("BEARER"), "type", json!("bearer_token"))).await;
    app.secret(&with(masked("LOCKED"), "visibility", json!("restricted"))).await;
    app.secret(&masked("OFF")).await;
    app.as_key().act("/secrets/OFF/deactivate").await.ok(200);
    app.secret(&masked("GONE")).await;
    app.as_key().act("/secrets/GONE/revoke").await.ok(200);
    app.secret(&with(masked("OLD"), "period", json!("P1D"))).await;
    app.clock.advance(TimeDelta::days(2));
    owner.sign_in().await.leads_to("/dashboard");
    let all = ["STRIPE_KEY", "BEARER", "LOCKED", "OFF", "GONE", "OLD"];
    for (query, wanted) in [
        ("", &["STRIPE_KEY", "BEARER", "LOCKED", "OFF"][..]),
        ("?ended=shown", &all[..]),
        ("?search=stripe&type=&issuer=", &["STRIPE_KEY"]),
        ("?search=_&ended=shown", &["STRIPE_KEY"]),
        ("?type=bearer_token", &["BEARER"]),
        ("?issuer=Stripe", &["STRIPE_KEY"]),
        ("?visibility=restricted", &["LOCKED"]),
        ("?state=inactive", &["OFF"]),
        ("?state=expired", &["OLD"]),
        ("?state=revoked", &["GONE"]),
        ("?state=active&search=e", &["STRIPE_KEY", "BEARER", "LOCKED"]),
        ("?environment=sandbox", &[]),
    ] {
        let shown = owner.get(&format!("{LIST}{query}")).await;
        assert_eq!(shown.status, 200, "{query}");
        for key in all {
            let there = shown.html.contains(&format!("aria-label=\"Choose {key}\""));
            assert_eq!(there, wanted.contains(&key), "{key} with {query}");
        }
    }
    let shown = owner.get(&format!("{LIST}?search=stripe&type=api_key")).await;
    shown.page(200, "Type: API key");
    shown.page(200, "secrets?search=stripe\"");
    owner.get(&format!("{LIST}?search=nothing-like-it")).await.page(200, "No secret fits these filters.");
    for bad in ["?type=x", "?state=x", "?ended=x", "?nonsense=1", "?limit=0", "?cursor=x"] {
        owner.get(&format!("{LIST}{bad}")).await.page(400, "That didn");
    }
    let first = owner.get(&format!("{LIST}?limit=1&type=api_key")).await;
    let next = first.between("aria-label=\"Pages\">", "</nav>");
    let next = next.split_once("href=\"").unwrap().1.split('"').next().unwrap().to_owned();
    assert!(next.contains("type=api_key&cursor=") && next.ends_with("&limit=1"), "{next}");
    let second = owner.get(&next).await;
    second.page(200, "First page");
    assert!(second.html.contains("aria-label=\"Choose OFF\""), "{}", second.html);
}

#[tokio::test]
async fn what_is_opened_leads_back_to_the_part_of_the_list_that_one_was_in() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    for key in ["A", "B"] {
        app.secret(&masked(key)).await;
    }
    app.secret(&with(masked("OTHER"), "type", json!("bearer_token"))).await;
    let pages = owner.get(&format!("{LIST}?limit=1&type=api_key")).await;
    let pages = pages.between("aria-label=\"Pages\">", "</nav>");
    let part = pages.split_once("href=\"").unwrap().1.split('"').next().unwrap();
    let query = part.strip_prefix(LIST).unwrap();
    assert!(query.starts_with("?type=api_key&cursor="), "{query}");
    let at = |path: &str| format!("{}{path}{query}", one("B"));

    let rows = owner.get(part).await.between("<tbody>", "</tbody>");
    for path in ["", "/reveal"] {
        assert!(rows.contains(&format!("href=\"{}\"", at(path))), "{path}: {rows}");
    }
    let opened = owner.get(&at("")).await;
    let rows = opened.between("<tbody>", "</tbody>");
    assert!(rows.contains("Choose B") && !rows.contains("Choose A") && !rows.contains("OTHER"), "{rows}");
    let panel = opened.between("class=\"scrim\"", "</section>");
    let row = format!("href=\"{part}#secret-B\"");
    assert_eq!(panel.matches(&row).count(), 2, "beside it and its cross, to its row: {panel}");
    assert!(rows.contains("id=\"secret-B\"") && panel.contains("role=\"dialog\""), "{rows} {panel}");
    for path in ["/edit", "/reveal", "/deactivate", "/revoke", "/delete"] {
        assert!(panel.contains(&format!("href=\"{}\"", at(path))), "{path}: {panel}");
    }
    for path in ["/edit", "/reveal", "/deactivate"] {
        let asked = owner.get(&at(path)).await.between("<main", "</main>");
        assert!(asked.contains(&format!("action=\"{}\"", at(path))), "{asked}");
        assert!(asked.contains(&format!("href=\"{}\"", at(""))), "{asked}");
    }
    let shown = owner.post(&at("/reveal"), &[]).await;
    assert_eq!(shown.headers["refresh"], format!("15; url={}", at("")));
    let kept = [("name", "B"), ("environments", "production"), ("ends", "keep"), ("value", "")];
    owner.post(&at("/edit"), &kept).await.leads_to(part);
    for act in ["/deactivate", "/delete"] {
        owner.post(&at(act), &[]).await.leads_to(part);
    }
    // That was the last of its page.
    owner.get(part).await.leads_to(&format!("{LIST}?type=api_key&limit=1"));
}

#[tokio::test]
async fn a_browser_remembers_its_columns() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    app.secret(&with(masked("K"), "allowedHosts", json!(["api.acme.test"]))).await;
    app.secret(&masked("LOOSE")).await;
    app.secret(&with(masked("BOUND"), "issuer", json!(QUILLPOST))).await;
    let usual = owner.get(LIST).await.html;
    assert!(usual.contains("data-label=\"Type\"") && !usual.contains("data-label=\"Hosts\""));
    let form = [("columns", "hosts"), ("columns", "nonsense")];
    owner.post(&format!("{LIST}/columns"), &form).await.leads_to(LIST);
    let chosen = owner.get(LIST).await.html;
    assert!(!chosen.contains("data-label=\"Type\"") && chosen.contains("api.acme.test"));
    // What lists no hosts goes to those of its issuer, where that is a provider, and else nowhere.
    for text in ["its issuer’s hosts alone", "no hosts: calls can’t take it anywhere"] {
        assert!(chosen.contains(text), "{text}: {chosen}");
    }
    owner.post(&format!("{LIST}/columns"), &[]).await.leads_to(LIST);
    let none = owner.get(LIST).await.html;
    assert!(!none.contains("data-label=\"Hosts\"") && none.contains("data-label=\"State\""));
    // The filters stay, and the number of rows.
    let narrowed = owner.get(&format!("{LIST}?search=K&ended=shown&limit=7")).await;
    let fields = narrowed.between("class=\"column-choice-list\"", "</form>");
    for (name, value) in [("search", "K"), ("limit", "7")] {
        let field = format!("type=\"hidden\" name=\"{name}\" value=\"{value}\"");
        assert!(fields.contains(&field), "{fields}");
    }
    for (limit, kept) in [("7", "&limit=7"), ("700", "")] {
        let form = [("columns", "hosts"), ("search", "K"), ("ended", "shown"), ("limit", limit)];
        let there = format!("{LIST}?ended=shown&search=K{kept}");
        owner.post(&format!("{LIST}/columns"), &form).await.leads_to(&there);
    }
}
