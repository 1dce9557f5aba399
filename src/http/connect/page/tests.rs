//! Every connect page rendered from its samples.

use super::{ChoosePage, FailedPage, InterstitialPage, KeyPage, render_samples};
use crate::http::render::{Page, Renderer};
use crate::http::strings::Locale;

#[test]
fn every_template_shows_its_samples_in_every_language() {
    let renderer = Renderer::load().unwrap();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screens/html");
    for locale in Locale::ALL {
        let folder = folder.join(locale.tag());
        std::fs::create_dir_all(&folder).unwrap();
        for sample in render_samples(&renderer, locale).unwrap() {
            let html = &sample.html;
            assert_eq!(
                html.matches("<h1").count() - in_templates(html),
                usize::from(!shell(&sample.name) || sample.name == "frame-completed"),
                "{}",
                sample.name
            );
            assert!(
                !html.contains(" style=") && !html.contains("<style"),
                "{} breaks style-src",
                sample.name
            );
            assert!(
                !html.contains(" onclick") && !html.contains("javascript:"),
                "{} breaks script-src",
                sample.name
            );
            assert!(shell(&sample.name) || html.contains("data-vs-page=\""), "{}", sample.name);
            std::fs::write(folder.join(format!("{}.html", sample.name)), html).unwrap();
        }
    }
}

fn shell(name: &str) -> bool {
    name.starts_with("frame-")
}

fn in_templates(html: &str) -> usize {
    html.split("<template")
        .skip(1)
        .filter(|part| part.split("</template").next().unwrap().contains("<h1"))
        .count()
}

#[test]
fn what_others_wrote_is_text() {
    let renderer = Renderer::load().unwrap();
    let (_, mut page) = InterstitialPage::samples().remove(0);
    page.user = "<img src=x onerror=alert(1)> \u{202e}{app}".to_owned();
    page.host_app = "\"><script>".to_owned();
    let html = renderer.render(Locale::En, &page).unwrap();
    assert!(html.contains("<bdi>&lt;img src=x onerror=alert(1)&gt; \u{202e}{app}</bdi>"), "{html}");
    assert!(!html.contains("<script>") && !html.contains("<img src=x"), "{html}");
}

#[test]
fn a_secret_never_comes_back() {
    let renderer = Renderer::load().unwrap();
    let (_, mut page) = KeyPage::samples().remove(0);
    for multiline in [false, true] {
        page.fields[0].value = Some("sk-typed-before".to_owned());
        page.fields[0].multiline = multiline;
        assert!(!renderer.render(Locale::En, &page).unwrap().contains("sk-typed-before"));
    }
    page.fields[0].secret = false;
    assert!(renderer.render(Locale::En, &page).unwrap().contains("sk-typed-before"));
}

#[test]
fn a_field_that_goes_into_a_host_takes_capitals() {
    let renderer = Renderer::load().unwrap();
    let (_, mut page) = KeyPage::samples().remove(0);
    for lower in [false, true] {
        page.fields[0].lower = lower;
        assert_eq!(renderer.render(Locale::En, &page).unwrap().contains(" data-lower"), lower);
    }
}

/// The sample of this name as HTML, in English.
fn sample<P: Page>(name: &str) -> String {
    let (_, page) = P::samples().into_iter().find(|(sample, _)| *sample == name).unwrap();
    Renderer::load().unwrap().render(Locale::En, &page).unwrap()
}

#[test]
fn a_refused_key_is_asked_for_again_at_its_field() {
    let html = sample::<KeyPage>("rejected");
    let said = html.split("id=\"vs-api_key-error\"").nth(1).unwrap().split("</p>").next().unwrap();
    assert!(said.contains("Paste it again"), "{html}");
    assert!(html.contains("aria-invalid=\"true\"") && html.contains("is-bad"), "{html}");
    assert!(!html.contains("notice-danger"), "it is said once: {html}");
    assert!(sample::<KeyPage>("rejected-nowhere").contains("notice-danger"));
}

#[test]
fn a_no_of_the_user_is_said_once() {
    let denied = sample::<FailedPage>("denied");
    assert!(!denied.contains("<details") && !denied.contains("<blockquote"), "{denied}");
    let refused = sample::<FailedPage>("refused");
    assert!(refused.contains("<details") && refused.contains("<blockquote"), "{refused}");
}

#[test]
fn search_comes_with_more_than_eight_rows() {
    let renderer = Renderer::load().unwrap();
    let (_, mut page) = ChoosePage::samples().remove(2);
    page.rows.truncate(9);
    assert!(renderer.render(Locale::En, &page).unwrap().contains("data-vs-search"));
    page.rows.truncate(8);
    assert!(!renderer.render(Locale::En, &page).unwrap().contains("data-vs-search"));
}
