//! Rows that are read one by one: what cannot be read is named in the log and spoils nothing but itself.

use domain::ObjectId;
use service_kit::page::Page;

use crate::error::StoreError;

/// A stored row, with as much of it as can be read.
#[derive(Debug)]
pub struct StoredRow<T> {
    /// The row's own id.
    pub id: Result<ObjectId, StoreError>,
    /// What it says.
    pub value: Result<T, StoreError>,
}

impl<T> StoredRow<T> {
    /// The value, or a line in the log that names the row.
    pub fn into_readable(self, table: &'static str) -> Option<T> {
        let Self { id, value } = self;
        value.map_err(|error| log_unreadable(table, &name_of(&id), &error)).ok()
    }
}

/// The row's id as the log names it.
fn name_of(id: &Result<ObjectId, StoreError>) -> String {
    id.as_ref().map_or_else(|_| "an id that cannot be read".to_owned(), ToString::to_string)
}

/// Names a row that cannot be read.
pub fn log_unreadable(table: &'static str, id: &str, error: &StoreError) {
    tracing::error!(table, id, %error, "a stored row cannot be read: it is left out");
}

/// Makes a page from up to `limit + 1` rows. Rows that cannot be read are left out and named in the log; the cursor
/// counts them all the same, so that the next page begins where this one ended.
pub fn readable_page<T>(table: &'static str, mut rows: Vec<StoredRow<T>>, limit: usize) -> Page<T> {
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    // A row whose id cannot be read is no place to go on from: the next page then begins with rows of this one.
    let last = rows.iter().rev().find_map(|row| row.id.as_ref().ok());
    let next_cursor = last.filter(|_| has_more).map(ToString::to_string);
    Page { items: rows.into_iter().filter_map(|row| row.into_readable(table)).collect(), next_cursor }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored_row(number: u8, is_readable: bool) -> StoredRow<u8> {
        let damage = || StoreError::corrupt("test-db", "it is damaged");
        StoredRow {
            id: Ok(ObjectId::from_bytes([number; 12])),
            value: if is_readable { Ok(number) } else { Err(damage()) },
        }
    }

    #[test]
    fn a_page_counts_the_rows_that_it_leaves_out() {
        let rows = |count: u8| (1..=count).map(|number| stored_row(number, number % 2 == 1)).collect();
        let page = readable_page("t", rows(3), 2);
        assert_eq!((page.items, page.next_cursor), (vec![1], Some("02".repeat(12))));
        let page = readable_page("t", rows(3), 3);
        assert_eq!((page.items, page.next_cursor), (vec![1, 3], None));
    }
}
