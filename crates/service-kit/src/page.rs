//! Lists come in pages: `?limit=` 1..100 (default 20) and `?cursor=`, answered as `{"items": […], "nextCursor": …}`.
//!
//! A cursor is the id of the last item seen, so a page costs the same wherever it lies, and items that appear meanwhile
//! neither repeat nor push out others.

use domain::ObjectId;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_a_cursor_exactly_when_more_follows() {
        let ids: Vec<_> = (1..=3).map(|n| ObjectId::from_bytes([n; 12])).collect();
        let full = Page::from_overfull(ids.clone(), 3, |id| *id);
        assert_eq!((full.items.len(), full.next_cursor), (3, None));
        let cut = Page::from_overfull(ids.clone(), 2, |id| *id);
        assert_eq!(cut.next_cursor, Some(ids[1].to_string()));
    }
}
