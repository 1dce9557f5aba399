//! Pages of lists. A cursor is the sort key of the last item, so a page costs the same wherever it lies.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The smallest, usual and largest number of items on a page.
pub const LIMITS: (u64, u64, u64) = (1, 50, 200);

/// Which page is wanted.
#[derive(Clone, Debug)]
pub struct PageRequest {
    /// At most so many items.
    pub limit: u64,
    /// Only those after this sort key.
    pub after: Option<String>,
}

/// A limit or cursor that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidPage {
    /// Not a number from 1 to 200.
    Limit,
    /// Not a cursor that a list gave.
    Cursor,
}

impl PageRequest {
    /// Reads `limit` and `cursor` as a request brings them.
    ///
    /// # Errors
    /// [`InvalidPage`].
    pub fn parse(limit: Option<&str>, cursor: Option<&str>) -> Result<Self, InvalidPage> {
        let (least, usual, most) = LIMITS;
        let limit = match limit {
            None => usual,
            Some(text) => {
                text.parse().ok().filter(|n| (least..=most).contains(n)).ok_or(InvalidPage::Limit)?
            }
        };
        let after = cursor.map(|text| decode(text).ok_or(InvalidPage::Cursor)).transpose()?;
        Ok(Self { limit, after })
    }

    /// The cursor that asks for this page; none for the first.
    pub fn cursor(&self) -> Option<String> {
        self.after.as_deref().map(encode)
    }
}

fn encode(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("v1:{key}"))
}

fn decode(cursor: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let key = String::from_utf8(bytes).ok()?.strip_prefix("v1:")?.to_owned();
    (!key.is_empty() && key.len() <= 200 && !key.contains('\0')).then_some(key)
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins; none = this was the last.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Makes a page of rows that were fetched one beyond `limit`; `key` gives a row's sort key.
    pub fn of(mut rows: Vec<T>, limit: u64, key: impl Fn(&T) -> String) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = if more { rows.last() } else { None };
        let next_cursor = last.map(|row| encode(&key(row)));
        Self { items: rows, next_cursor }
    }

    /// The sort key after which the next page begins.
    pub fn next_key(&self) -> Option<String> {
        decode(self.next_cursor.as_deref()?)
    }

    /// The same page of something else.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), next_cursor: self.next_cursor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_to_the_item_after_the_last() {
        let page = Page::of(vec!["a", "b", "c"], 2, ToString::to_string);
        assert_eq!(page.items, ["a", "b"]);
        let next = PageRequest::parse(Some("2"), page.next_cursor.as_deref()).unwrap();
        assert_eq!(next.after.as_deref(), Some("b"));
        assert_eq!(next.cursor(), page.next_cursor);
        assert!(Page::of(vec!["a", "b"], 2, ToString::to_string).next_cursor.is_none());
    }

    #[test]
    fn limits_and_cursors_that_are_none_are_refused() {
        for limit in ["0", "201", "-1", "many", ""] {
            assert_eq!(PageRequest::parse(Some(limit), None).unwrap_err(), InvalidPage::Limit, "{limit}");
        }
        for cursor in ["", "x", "bm90IG91cnM", "djE6"] {
            assert_eq!(PageRequest::parse(None, Some(cursor)).unwrap_err(), InvalidPage::Cursor, "{cursor}");
        }
    }
}
