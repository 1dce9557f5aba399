//! What comments have to say: facts nobody has verified, and the reason for doing without PKCE.

use toml::de::DeTable;

use super::{Flaw, Place, Source};
use crate::provider::UNVERIFIED;

const MARK: &str = "unverified:";

/// A warning for each `# unverified: <key>`, an error where the key is not in the file, and a warning where PKCE
/// is switched off without a comment.
pub(in crate::provider) fn comment_flaws(source: &Source) -> Vec<Flaw> {
    let text = source.readable();
    let (table, _) = DeTable::parse_recoverable(text);
    let table = table.get_ref();
    let mut flaws = Vec::new();
    let mut offset = 0;
    let mut commented = false;
    for line in text.split_inclusive('\n') {
        let comment = line.find('#').unwrap_or(line.len());
        for (at, _) in line[comment..].match_indices(MARK) {
            let behind = &line[comment + at + MARK.len()..];
            let start = behind.len() - behind.trim_start().len();
            let key = behind[start..].split([' ', ',', ';', '\n', '\r', ')']).next().unwrap_or_default();
            let begin = offset + comment + at + MARK.len() + start;
            let place = Place::Bytes(begin..begin + key.len());
            if super::has(table, key) {
                flaws.push(Flaw::warning(place, UNVERIFIED, format!("nobody has verified `{key}`")));
            } else if !source.takes_out(key) {
                let message = format!("there is no `{key}` in this file");
                flaws.push(Flaw::error(place, "unverified-path", message));
            }
        }
        let bare = comment >= line.trim_end().len();
        let none = line[..comment].replace([' ', '\t'], "").starts_with("code_challenge_method=\"none\"");
        if none && bare && !commented {
            let place = Place::Value(vec!["oauth2".to_owned(), "code_challenge_method".to_owned()]);
            let flaw = Flaw::warning(place, "pkce-off", "PKCE is switched off without a reason");
            flaws.push(flaw.help("say in a comment on this line or above it why the app cannot take PKCE"));
        }
        commented = line.trim_start().starts_with('#');
        offset += line.len();
    }
    flaws
}
