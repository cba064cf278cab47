//! Statements over several rows at once: few statements, whatever the number of rows.

/// Rows in one statement. A few sizes only, so that each is prepared once and any number is a handful of statements.
const SIZES: [usize; 4] = [64, 16, 4, 1];

/// An insert, for each of a few numbers of rows.
pub(super) struct MultiRowInsert([String; 4]);

impl MultiRowInsert {
    /// `INSERT INTO … VALUES`, a row of `?`, and what follows the rows.
    pub(super) fn new(head: &str, row: &str, tail: &str) -> Self {
        Self(SIZES.map(|rows| format!("{head} {} {tail}", vec![row; rows].join(", "))))
    }

    /// The rows in portions, each with the statement that takes it.
    pub(super) fn portions<'a, R>(
        &'static self,
        mut rows: &'a [R],
    ) -> impl Iterator<Item = (&'static str, &'a [R])> {
        std::iter::from_fn(move || {
            let (size, statement) = SIZES.iter().zip(&self.0).find(|(size, _)| **size <= rows.len())?;
            let (portion, rest) = rows.split_at(*size);
            rows = rest;
            Some((statement.as_str(), portion))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    #[test]
    fn any_number_of_rows_is_taken_once_and_in_order() {
        static INSERT: LazyLock<MultiRowInsert> =
            LazyLock::new(|| MultiRowInsert::new("INSERT INTO t VALUES", "(?)", "ON CONFLICT DO NOTHING"));
        for count in [0, 1, 3, 64, 65, 255] {
            let rows: Vec<usize> = (0..count).collect();
            let taken: Vec<_> = INSERT.portions(&rows).flat_map(|(_, rows)| rows.to_vec()).collect();
            assert_eq!(taken, rows);
            assert!(
                INSERT.portions(&rows).all(|(statement, rows)| statement.matches('?').count() == rows.len())
            );
        }
    }
}
