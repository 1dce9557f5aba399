//! Wrong facts of how the app answers.

use toml::{Table, Value};

use super::{sharer, table};

pub(super) fn member(file: &mut Table, method: &str) -> Option<()> {
    (method != "oauth1").then_some(())?;
    let own = table(file, method)?;
    own.get("token_endpoint")?;
    let names = own.entry("token_response").or_insert_with(|| Table::new().into()).as_table_mut()?;
    names.insert("access_token".to_owned(), "wrong.token".into());
    Some(())
}

/// Another place for a member whose place the file states.
pub(super) fn stated(file: &mut Table, method: &str, key: &str) -> Option<()> {
    if key == "error" && method != "oauth2" {
        // Only with a sign-in does the app refuse anything in that place.
        return None;
    }
    let names = table(file, &format!("{method}.token_response"))?;
    names.contains_key(key).then(|| drop(names.insert(key.to_owned(), "wrong.member".into())))
}

/// All of it is missing, then each member is wrong but the scopes: what a renewal says of them is what was known.
pub(super) fn of_refresh(file: &mut Table, method: &str, place: usize) -> Option<()> {
    let refresh = table(file, &format!("{method}.refresh"))?;
    let Some(member) = place.checked_sub(1) else {
        return refresh.remove("token_response").map(drop);
    };
    let members = table(refresh, "token_response")?.iter_mut();
    let (_, path) = members.filter(|(name, _)| name.as_str() != "scope").nth(member)?;
    *path = "wrong.member".into();
    Some(())
}

pub(super) fn error_class(file: &mut Table, method: &str, place: usize) -> Option<()> {
    (method == "oauth2").then_some(())?;
    let (_, class) = table(file, "oauth2.error_map")?.iter_mut().nth(place)?;
    *class = if class.as_str() == Some("client") { "refused" } else { "client" }.into();
    Some(())
}

/// Each word that the file says of the answer; without any, that nothing means a missing permission.
pub(super) fn check(file: &mut Table, method: &str, place: usize) -> Option<()> {
    let check = table(sharer(file, method, "check")?, "check")?;
    let mut words = vec!["success", "wrong_key", "missing_permission"];
    words.retain(|word| check.contains_key(*word));
    if words.is_empty() {
        words.push("missing_permission");
    }
    let word = words.into_iter().nth(place)?;
    let wrong = if word == "success" { Value::from("wrong.path") } else { Value::from(vec![418]) };
    check.insert(word.to_owned(), wrong);
    Some(())
}
