//! The files of `providers/` that the binary brings with it: definitions and, below `icons/`, the pictures of apps.
//!
//! It must not know what they say.

use std::borrow::Cow;

use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "providers/"]
struct Embedded;

/// The names of all files, below `providers/`.
pub(super) fn names() -> impl Iterator<Item = Cow<'static, str>> {
    Embedded::iter()
}

/// What is in a file.
pub(super) fn read(name: &str) -> Option<Cow<'static, [u8]>> {
    Embedded::get(name).map(|file| file.data)
}

/// The icon that a slug has of its own, as SVG.
pub(super) fn icon(slug: &str) -> Option<Cow<'static, [u8]>> {
    read(&format!("icons/{slug}.svg"))
}
