//! Stylesheet and scripts: their hashed names, and the answers that deliver them.
//!
//! It must not know the pages that use them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::future::{Ready, ready};
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header::{
    ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::files;

const FOLDER: &str = "assets/";
const EMBED_SCRIPT: &str = "connect.js";
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const REVALIDATED: HeaderValue = HeaderValue::from_static("public, max-age=0, must-revalidate");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// One file as it is delivered.
#[derive(Debug, Clone)]
struct Asset {
    body: Bytes,
    content_type: &'static str,
    hash: String,
}

impl Asset {
    fn read(name: &str) -> Option<Self> {
        let body = Bytes::from(files::read(&format!("{FOLDER}{name}"))?.into_owned());
        let mut hash = String::with_capacity(16);
        for byte in &Sha256::digest(&body)[..8] {
            let _ = write!(hash, "{byte:02x}");
        }
        Some(Self { body, content_type: content_type(name), hash })
    }

    fn hashed_name(&self, name: &str) -> String {
        match name.rsplit_once('.') {
            Some((stem, extension)) => format!("{stem}.{}.{extension}", self.hash),
            None => format!("{name}.{}", self.hash),
        }
    }
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

/// All assets. A debug build looks at the disk each time, so that a change shows on reload.
#[derive(Debug, Default)]
pub struct Assets {
    loaded: BTreeMap<String, Asset>,
}

impl Assets {
    /// Reads and hashes every file under `templates/assets/`.
    pub fn load() -> Self {
        let names = files::list(FOLDER, "")
            .into_iter()
            .filter_map(|path| Some(path.strip_prefix(FOLDER)?.to_owned()));
        Self { loaded: names.filter_map(|name| Asset::read(&name).map(|asset| (name, asset))).collect() }
    }

    fn find(&self, name: &str) -> Option<Asset> {
        let known = self.loaded.get(name)?;
        if cfg!(debug_assertions) { Asset::read(name) } else { Some(known.clone()) }
    }

    /// Where `name` (`app.css`) is found: `/assets/app.<hash>.css`. `None` for a file that doesn't exist.
    pub fn url(&self, name: &str) -> Option<String> {
        self.find(name).map(|asset| format!("/assets/{}", asset.hashed_name(name)))
    }

    /// The answer for `/assets/{file}`: the file, kept for ever by the browser, or 404.
    pub fn serve_hashed(&self, file: &str) -> Response {
        let found = self.loaded.keys().find_map(|name| {
            let asset = self.find(name)?;
            (asset.hashed_name(name) == file).then_some(asset)
        });
        match found {
            Some(asset) => deliver(asset, IMMUTABLE),
            None => StatusCode::NOT_FOUND.into_response(),
        }
    }

    /// The answer for `/connect.js`: asked for again each time, answered 304 while nothing changed.
    pub fn serve_embed_script(&self, headers: &HeaderMap) -> Response {
        let Some(asset) = self.find(EMBED_SCRIPT) else {
            return StatusCode::NOT_FOUND.into_response();
        };
        let tag = format!("\"{}\"", asset.hash);
        let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let mut known = known.flat_map(|value| value.split(','));
        let unchanged =
            known.any(|value| matches!(value.trim(), "*") || value.trim().trim_start_matches("W/") == tag);
        let mut response = deliver(asset, REVALIDATED);
        if unchanged {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            *response.body_mut() = axum::body::Body::empty();
        }
        response
    }
}

fn deliver(asset: Asset, caching: HeaderValue) -> Response {
    let mut response = asset.body.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    headers.insert(CACHE_CONTROL, caching);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Host pages that demand opt-in of what they load (COEP, or SRI with `crossorigin`) may load ours.
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(VARY, HeaderValue::from(ACCEPT_ENCODING));
    // Weak: the compressed file and the plain one share it (RFC 9110, 8.8.1).
    if let Ok(tag) = HeaderValue::from_str(&format!("W/\"{}\"", asset.hash)) {
        headers.insert(ETAG, tag);
    }
    response
}

/// `GET /assets/{file}`.
pub fn get_asset(State(assets): State<Arc<Assets>>, Path(file): Path<String>) -> Ready<Response> {
    ready(assets.serve_hashed(&file))
}

/// `GET /connect.js`, the embed script.
#[expect(clippy::needless_pass_by_value, reason = "what axum extracts is owned")]
pub fn get_embed_script(State(assets): State<Arc<Assets>>, headers: HeaderMap) -> Ready<Response> {
    ready(assets.serve_embed_script(&headers))
}

/// `GET /favicon.ico`: browsers ask for it whatever the page says.
pub fn get_icon(State(assets): State<Arc<Assets>>) -> Ready<Response> {
    let found = assets.find("icon.svg");
    ready(found.map_or_else(|| StatusCode::NOT_FOUND.into_response(), |asset| deliver(asset, REVALIDATED)))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use axum::routing::get;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;

    async fn fetch(request: Request<Body>) -> Response {
        let router = axum::Router::new()
            .route("/assets/{file}", get(get_asset))
            .route("/connect.js", get(get_embed_script))
            .with_state(Arc::new(Assets::load()));
        router.oneshot(request).await.unwrap()
    }

    fn request(path: &str) -> Request<Body> {
        Request::get(path).body(Body::empty()).unwrap()
    }

    #[tokio::test]
    async fn a_hashed_asset_is_kept_for_ever() {
        let url = Assets::load().url("app.css").unwrap();
        let response = fetch(request(&url)).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[CONTENT_TYPE], "text/css; charset=utf-8");
        assert!(response.headers()[CACHE_CONTROL].to_str().unwrap().contains("immutable"));
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, std::fs::read("templates/assets/app.css").unwrap());
    }

    #[test]
    fn sizes_spaces_corners_weights_and_colours_are_those_of_the_tokens() {
        let is_space = |property: &str| {
            property.ends_with("gap") || property.starts_with("margin") || property.starts_with("padding")
        };
        let token = |value: &str| value.starts_with("var(--vs-");
        for name in ["app.css", "dashboard.css"] {
            let sheet = files::read_text(&format!("{FOLDER}{name}")).unwrap();
            let mut looked_at = 0;
            for (number, line) in sheet.lines().enumerate() {
                let Some((property, value)) = line.trim().split_once(": ") else { continue };
                let value = value.trim_end_matches(';');
                let corner = |one: &str| token(one) || ["0", "50%", "999px"].contains(&one);
                // What the eye wants of an icon or a hairline; the height and the width of a label.
                let nudge =
                    |one: &str| ["1px", "2px", "3px", "35px", "88px"].contains(&one.trim_start_matches('-'));
                let space = |one: &str| token(one) || ["0", "auto"].contains(&one) || nudge(one);
                let fits = match property {
                    "font-size" => token(value) || value == "inherit",
                    "font-weight" => ["400", "600"].contains(&value),
                    "border-radius" => value.split(' ').all(corner),
                    _ if is_space(property) => value.starts_with("calc(") || value.split(' ').all(space),
                    _ if property.starts_with("--vs-") => continue,
                    _ => token(value) || !value.contains("rgb("),
                };
                assert!(fits, "{name}:{}: {line}", number + 1);
                looked_at += 1;
            }
            assert!(looked_at > 100, "{looked_at} in {name}");
        }
    }

    /// The colours of the tokens, `--vs-ground` as `ground`, in light and in dark.
    fn colours() -> [BTreeMap<String, [f64; 3]>; 2] {
        let sheet = files::read_text(&format!("{FOLDER}app.css")).unwrap();
        let read = |selector: &str| {
            let block = sheet.split_once(selector).unwrap().1.split_once('}').unwrap().0.to_owned();
            let tokens =
                block.lines().filter_map(|line| line.trim().strip_prefix("--vs-")?.split_once(": #"));
            let read = |(name, value): (&str, &str)| (name.to_owned(), luminous(value.trim_end_matches(';')));
            tokens.map(read).collect::<BTreeMap<_, _>>()
        };
        let light = read(":root {");
        let mut dark = light.clone();
        dark.extend(read(":root:not([data-theme=\"light\"]) {"));
        assert_ne!(light, dark);
        [light, dark]
    }

    /// The dashboard's sheet is a second one for the modal's sake, whose pages load the first alone. What makes the look is
    /// in that.
    #[test]
    fn the_sheet_of_the_dashboard_adds_no_token_to_the_design_system() {
        let own = files::read_text(&format!("{FOLDER}dashboard.css")).unwrap();
        let [tokens, _] = colours();
        let mut names = 0;
        for line in own.split([';', '{']).map(str::trim) {
            let Some((name, value)) = line.strip_prefix("--vs-").and_then(|rest| rest.split_once(": "))
            else {
                continue;
            };
            names += 1;
            assert!(!tokens.contains_key(name) && value.starts_with("var(--vs-"), "{line}");
        }
        assert!(names > 0);
    }

    /// Red, green and blue as light, of `fff` or `1d5793` (WCAG 2.2, relative luminance).
    fn luminous(hex: &str) -> [f64; 3] {
        let digit = |at: usize| hex.get(at..=at).unwrap();
        [0, 1, 2].map(|part| {
            let two = match hex.len() {
                3 => digit(part).repeat(2),
                6 => format!("{}{}", digit(2 * part), digit(2 * part + 1)),
                _ => panic!("{hex} is no colour"),
            };
            let value = f64::from(u8::from_str_radix(&two, 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        })
    }

    fn contrast(one: &[f64; 3], other: &[f64; 3]) -> f64 {
        let weigh = |[red, green, blue]: &[f64; 3]| 0.2126 * red + 0.7152 * green + 0.0722 * blue;
        let (one, other) = (weigh(one) + 0.05, weigh(other) + 0.05);
        if one > other { one / other } else { other / one }
    }

    #[test]
    fn what_is_acted_on_and_what_has_a_meaning_stands_out_from_its_ground() {
        const GROUNDS: [&str; 3] = ["surface", "ground", "subtle"];
        assert!((contrast(&luminous("fff"), &luminous("000000")) - 21.0).abs() < 1e-9);
        for (colours, shade) in colours().iter().zip(["light", "dark"]) {
            let stands_out = |front: &str, back: &str, least: f64| {
                let found = contrast(&colours[front], &colours[back]);
                assert!(found >= least, "{front} on {back} in {shade}: {found:.2}, not {least}");
            };
            for ground in GROUNDS {
                // Edges of fields and buttons, dots of states; the ring around what has the focus.
                stands_out("control", ground, 3.0);
                for text in
                    ["text", "muted", "accent", "accent-strong", "good", "warning", "danger", "information"]
                {
                    stands_out(text, ground, 4.5);
                }
            }
            for meaning in ["good", "warning", "danger", "information"] {
                stands_out(meaning, &format!("{meaning}-back"), 4.5);
            }
            stands_out("on-accent", "accent", 4.5);
            stands_out("on-accent", "accent-strong", 4.5);
        }
    }

    #[tokio::test]
    async fn another_hash_or_a_path_is_not_found() {
        for path in ["/assets/app.css", "/assets/app.0000000000000000.css", "/assets/..%2fbase.html"] {
            assert_eq!(fetch(request(path)).await.status(), StatusCode::NOT_FOUND, "{path}");
        }
        assert_eq!(Assets::load().url("../base.html"), None);
    }

    #[tokio::test]
    async fn the_embed_script_is_revalidated() {
        let first = fetch(request("/connect.js")).await;
        assert_eq!(first.status(), StatusCode::OK);
        assert!(first.headers()[CACHE_CONTROL].to_str().unwrap().contains("must-revalidate"));
        let tag = first.headers()[ETAG].to_str().unwrap().to_owned();
        for (sent, status) in [
            (tag.clone(), StatusCode::NOT_MODIFIED),
            (format!("\"old\", {}", tag.trim_start_matches("W/")), StatusCode::NOT_MODIFIED),
            ("\"old\"".to_owned(), StatusCode::OK),
        ] {
            let mut again = request("/connect.js");
            again.headers_mut().insert(IF_NONE_MATCH, HeaderValue::from_str(&sent).unwrap());
            let response = fetch(again).await;
            assert_eq!(response.status(), status, "{sent}");
            assert_eq!(response.headers()[ETAG], tag);
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body.is_empty(), status == StatusCode::NOT_MODIFIED);
        }
    }
}
