//! Pages of lists. A cursor is the list's name and the sort key of the last item, so a page costs the same wherever it
//! lies, and one of another list is noticed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The smallest, usual and largest number of items on a page.
pub const LIMITS: (u64, u64, u64) = (1, 50, 200);

/// Which page is wanted.
#[derive(Clone, Debug)]
pub struct PageRequest {
    /// At most so many items.
    pub limit: u64,
    /// Only those after this place; none = from the beginning.
    pub after: Option<After>,
}

/// A place in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct After {
    list: String,
    key: String,
}

/// A place that lies in another list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherList;

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
            // A sign, in a query the writing of a space too, is taken by `parse`.
            Some(text) if text.starts_with('+') => return Err(InvalidPage::Limit),
            Some(text) => {
                text.parse().ok().filter(|n| (least..=most).contains(n)).ok_or(InvalidPage::Limit)?
            }
        };
        let after = cursor.map(|text| After::decode(text).ok_or(InvalidPage::Cursor)).transpose()?;
        Ok(Self { limit, after })
    }

    /// The limit where it is not the usual one: addresses that lead to other pages of the list carry it along.
    pub fn own_limit(&self) -> Option<u64> {
        let (_, usual, _) = LIMITS;
        Some(self.limit).filter(|limit| *limit != usual)
    }

    /// The cursor that asks for this page; none for the first.
    pub fn cursor(&self) -> Option<String> {
        self.after.as_ref().map(After::encode)
    }

    /// The sort key of `list` after which the page begins.
    ///
    /// # Errors
    /// [`OtherList`].
    pub fn after_in(&self, list: &str) -> Result<Option<&str>, OtherList> {
        match &self.after {
            Some(after) if after.list != list => Err(OtherList),
            after => Ok(after.as_ref().map(After::key)),
        }
    }
}

impl After {
    /// Behind the item of `list`, whose name has no colon, with this sort key.
    pub fn new(list: &str, key: String) -> Self {
        Self { list: list.to_owned(), key }
    }

    /// The sort key of the item before.
    pub fn key(&self) -> &str {
        &self.key
    }

    fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("v2:{}:{}", self.list, self.key))
    }

    fn decode(cursor: &str) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let (list, key) = text.strip_prefix("v2:")?.split_once(':')?;
        let fits = !key.is_empty() && key.len() <= 200 && !key.contains('\0');
        fits.then(|| Self::new(list, key.to_owned()))
    }
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
    /// Makes a page of rows of the list `name` that were fetched one beyond `limit`; `key` gives a row's sort key.
    pub fn of(name: &str, mut rows: Vec<T>, limit: u64, key: impl Fn(&T) -> String) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = if more { rows.last() } else { None };
        let next_cursor = last.map(|row| After::new(name, key(row)).encode());
        Self { items: rows, next_cursor }
    }

    /// The place after which the next page begins.
    pub fn next_after(&self) -> Option<After> {
        After::decode(self.next_cursor.as_deref()?)
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
        let page = Page::of("letters", vec!["a", "b", "c"], 2, ToString::to_string);
        assert_eq!(page.items, ["a", "b"]);
        let next = PageRequest::parse(Some("2"), page.next_cursor.as_deref()).unwrap();
        assert_eq!(next.after_in("letters"), Ok(Some("b")));
        assert_eq!(next.after_in("letter"), Err(OtherList));
        assert_eq!(next.after, page.next_after());
        assert_eq!(next.cursor(), page.next_cursor);
        assert_eq!(next.own_limit(), Some(2));
        for usual in [None, Some("50")] {
            assert_eq!(PageRequest::parse(usual, None).unwrap().own_limit(), None);
        }
        assert!(Page::of("letters", vec!["a", "b"], 2, ToString::to_string).next_cursor.is_none());
    }

    #[test]
    fn limits_and_cursors_that_are_none_are_refused() {
        for limit in ["0", "201", "-1", "many", ""] {
            assert_eq!(PageRequest::parse(Some(limit), None).unwrap_err(), InvalidPage::Limit, "{limit}");
        }
        for cursor in ["", "x", "bm90IG91cnM", "djE6aTI", "djI6aTI", "djI6aTI6"] {
            assert_eq!(PageRequest::parse(None, Some(cursor)).unwrap_err(), InvalidPage::Cursor, "{cursor}");
        }
    }
}
