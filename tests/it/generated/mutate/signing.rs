//! Wrong facts of what is signed: the JWT of a client or of a user, and each call.

use toml::{Table, Value};

use super::super::raw;
use super::{renamed_at, table};

pub(super) fn text(file: &mut Table, method: &str, key: &str) -> Option<()> {
    (method == "aws_sigv4").then_some(())?;
    let own = table(file, method)?;
    // What it is made of stays in use, or the file would be refused for that.
    let wrong = format!("wrong{}", raw::text(own, key)?);
    own.insert(key.to_owned(), wrong.into());
    Some(())
}

pub(super) fn method(file: &mut Table, method: &str) -> Option<()> {
    (method == "oauth1").then_some(())?;
    let own = table(file, method)?;
    let usual = raw::text(own, "signature_method").is_none_or(|word| word == "HMAC-SHA1");
    own.insert("signature_method".to_owned(), if usual { "HMAC-SHA256" } else { "HMAC-SHA1" }.into());
    Some(())
}

pub(super) fn flag(file: &mut Table, method: &str, key: &str) -> Option<()> {
    (method == "aws_sigv4").then_some(())?;
    let own = table(file, method)?;
    let set = own.get(key).and_then(Value::as_bool) == Some(true);
    own.insert(key.to_owned(), (!set).into());
    Some(())
}

/// Id and secret change places.
pub(super) fn keys(file: &mut Table, method: &str) -> Option<()> {
    (method == "aws_sigv4").then_some(())?;
    let own = table(file, method)?;
    let (id, secret) = (own.remove("access_key_id")?, own.remove("secret_access_key")?);
    own.insert("access_key_id".to_owned(), secret);
    own.insert("secret_access_key".to_owned(), id);
    Some(())
}

/// The table that says how the JWT of a method is made.
fn shape<'a>(file: &'a mut Table, method: &str) -> Option<&'a mut Table> {
    if method == "jwt" { table(file, "jwt") } else { table(file, &format!("{method}.client_assertion")) }
}

pub(super) fn renamed(file: &mut Table, method: &str, key: &str, place: usize) -> Option<()> {
    let members = shape(file, method)?.get_mut(key)?.as_table_mut()?;
    renamed_at(members, place)
}

pub(super) fn lifetime(file: &mut Table, method: &str) -> Option<()> {
    let own = shape(file, method)?;
    let seconds = own.get("lifetime").and_then(Value::as_integer).unwrap_or(300);
    own.insert("lifetime".to_owned(), (seconds * 2).into());
    Some(())
}

pub(super) fn algorithm(file: &mut Table, method: &str) -> Option<()> {
    let own = shape(file, method)?;
    let wrong = if raw::text(own, "algorithm")? == "RS256" { "ES256" } else { "RS256" };
    own.insert("algorithm".to_owned(), wrong.into());
    Some(())
}

pub(super) fn key_encoding(file: &mut Table, method: &str) -> Option<()> {
    let own = shape(file, method)?;
    let wrong = if raw::text(own, "key_encoding")? == "text" { "hex" } else { "text" };
    own.insert("key_encoding".to_owned(), wrong.into());
    Some(())
}
