//! Lists come in pages: `?limit=` 1..100 (default 20) and `?cursor=`, answered as `{"items": […], "nextCursor": …}`.
//!
//! A cursor is the id of the last item seen, so a page costs the same wherever it lies, and items that appear meanwhile
//! neither repeat nor push out others.

use std::str::FromStr;

use domain::{Fault, Faults, ObjectId};
use serde::Serialize;

/// The most items a page can have.
pub const MAX_LIMIT: usize = 100;
/// The items a page has when the caller does not say.
pub const DEFAULT_LIMIT: usize = 20;

/// Which part of a list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    /// At most this many items, 1 to 100.
    pub limit: usize,
    /// Only items that sort after this one: lists run from new to old, so those with a smaller id.
    pub before: Option<ObjectId>,
}

impl PageRequest {
    /// One more than the page holds: it tells whether there is another.
    pub fn overfull(self) -> i64 {
        i64::try_from(self.limit).unwrap_or(i64::MAX).saturating_add(1)
    }
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { limit: DEFAULT_LIMIT, before: None }
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// The items, newest first.
    pub items: Vec<T>,
    /// Give this as `?cursor=` for the next page; null on the last.
    #[schema(required)]
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Makes a page from up to `limit + 1` items: the one too many only tells that there is a next page.
    pub fn from_overfull(mut items: Vec<T>, limit: usize, id: impl Fn(&T) -> ObjectId) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = more.then(|| items.last().map(|last| id(last).to_string())).flatten();
        Self { items, next_cursor }
    }

    /// The same page with each item turned into another.
    pub fn map<U>(self, turn: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(turn).collect(), next_cursor: self.next_cursor }
    }
}

/// The parameters of a query string, taken one by one. Faults collect; a parameter nobody took is one too, since a
/// misspelt filter must not silently list everything.
#[derive(Debug)]
pub struct QueryParams {
    left: Vec<(String, String)>,
    faults: Vec<Fault>,
}

impl QueryParams {
    /// Splits and decodes a query string (`application/x-www-form-urlencoded`).
    pub fn parse(query: &str) -> Self {
        let decode = |text: &str| {
            let spaced = text.replace('+', " ");
            percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
        };
        let left = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (decode(name), decode(value)))
            .collect();
        Self { left, faults: Vec::new() }
    }

    /// Takes a parameter that may be given once. A value that does not read is a fault and gives `None`.
    pub fn take<T>(&mut self, name: &str) -> Option<T>
    where
        T: FromStr,
        T::Err: ToString,
    {
        let mut given = self.left.extract_if(.., |(given, _)| given == name).map(|(_, value)| value);
        let (first, second) = (given.next()?, given.next());
        drop(given);
        if second.is_some() {
            self.fault(name, "must be given once");
        }
        first.parse().map_err(|error: T::Err| self.fault(name, error.to_string())).ok()
    }

    /// Takes `limit` and `cursor`.
    pub fn take_page(&mut self) -> PageRequest {
        let limit = self.take::<Limit>("limit").map_or(DEFAULT_LIMIT, |limit| limit.0);
        let before = self.take::<Cursor>("cursor").map(|cursor| cursor.0);
        PageRequest { limit, before }
    }

    /// Ends the reading: everything must have been taken and right.
    pub fn finish(mut self) -> Result<(), Faults> {
        for (name, _) in std::mem::take(&mut self.left) {
            self.fault(&name, "is not a known query parameter");
        }
        if self.faults.is_empty() { Ok(()) } else { Err(Faults::from_iter(self.faults)) }
    }

    fn fault(&mut self, name: &str, message: impl Into<String>) {
        self.faults.push(Fault { pointer: format!("?{name}"), message: message.into() });
    }
}

struct Limit(usize);

impl FromStr for Limit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(limit @ 1..=MAX_LIMIT) => Ok(Self(limit)),
            _ => Err("must be a whole number from 1 to 100"),
        }
    }
}

struct Cursor(ObjectId);

impl FromStr for Cursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| "must be the nextCursor of an earlier page")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_with_every_fault_reported() {
        let mut query = QueryParams::parse("limit=0&cursor=zz&name=caf%C3%A9+au&nmae=x&name2=a&name2=b");
        let page = query.take_page();
        assert_eq!(page, PageRequest::default());
        assert_eq!(query.take::<String>("name").as_deref(), Some("café au"));
        query.take::<String>("name2");
        let pointers: Vec<_> =
            query.finish().unwrap_err().into_vec().into_iter().map(|fault| fault.pointer).collect();
        assert_eq!(pointers, ["?limit", "?cursor", "?name2", "?nmae"]);
    }

    #[test]
    fn a_page_has_a_cursor_exactly_when_more_follows() {
        let ids: Vec<_> = (1..=3).map(|n| ObjectId::from_bytes([n; 12])).collect();
        let full = Page::from_overfull(ids.clone(), 3, |id| *id);
        assert_eq!((full.items.len(), full.next_cursor), (3, None));
        let cut = Page::from_overfull(ids.clone(), 2, |id| *id);
        assert_eq!(cut.next_cursor, Some(ids[1].to_string()));
    }
}
