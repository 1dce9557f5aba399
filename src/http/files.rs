//! The files under `templates/`: inside the binary in a release, read from disk in a debug build.
//!
//! It must not know what the files mean.

use std::borrow::Cow;

#[derive(rust_embed::Embed)]
#[folder = "templates/"]
struct Embedded;

/// The content of `path`, relative to `templates/`.
pub(super) fn read(path: &str) -> Option<Cow<'static, [u8]>> {
    Embedded::get(path).map(|file| file.data)
}

/// The content of `path` as text; `None` also when it isn't UTF-8.
pub(super) fn read_text(path: &str) -> Option<String> {
    String::from_utf8(read(path)?.into_owned()).ok()
}

/// The paths of all files that start with `prefix` and end with `suffix`.
pub(super) fn list(prefix: &str, suffix: &str) -> Vec<String> {
    Embedded::iter()
        .filter(|path| path.starts_with(prefix) && path.ends_with(suffix))
        .map(Cow::into_owned)
        .collect()
}
