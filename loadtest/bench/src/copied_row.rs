//! Rows that are copies of one that Guerdon has stored, with other ids.

use std::path::Path;

use rusqlite::{
    Connection, OpenFlags, ToSql,
    types::{ToSqlOutput, Value, ValueRef},
};

use crate::bench_error::BenchResult;

/// A row as it is stored, with its table's columns.
#[derive(Debug, Clone)]
pub(crate) struct CopiedRow {
    table: &'static str,
    columns: Vec<String>,
    values: Vec<Value>,
}

impl CopiedRow {
    /// Any row of this table.
    pub(crate) fn read_one(database: &Path, table: &'static str) -> BenchResult<Self> {
        let connection = open_to_read(database)?;
        let mut statement = connection.prepare(&format!("SELECT * FROM {table} LIMIT 1"))?;
        let columns: Vec<_> = statement.column_names().into_iter().map(str::to_owned).collect();
        let values = statement.query_one([], |row| {
            (0..columns.len()).map(|index| row.get::<_, Value>(index)).collect::<Result<Vec<_>, _>>()
        })?;
        Ok(Self { table, columns, values })
    }

    /// The statement that inserts one.
    pub(crate) fn insert_statement(&self) -> String {
        format!("INSERT INTO {} VALUES ({})", self.table, vec!["?"; self.columns.len()].join(", "))
    }

    /// The row's values, with others in these columns.
    pub(crate) fn with<'a>(
        &'a self,
        changed: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = RowValue<'a>> {
        self.columns.iter().zip(&self.values).map(move |(column, value)| {
            let other = changed.iter().find(|(name, _)| name == column);
            other.map_or(RowValue::Copied(value), |(_, text)| RowValue::Changed(text))
        })
    }
}

/// A value of the copied row, or what stands in its place.
pub(crate) enum RowValue<'a> {
    Copied(&'a Value),
    Changed(&'a str),
}

impl ToSql for RowValue<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Copied(value) => ValueRef::from(*value),
            Self::Changed(text) => ValueRef::from(*text),
        }))
    }
}

/// A database file of Guerdon's, which may be in use.
pub(crate) fn open_to_read(database: &Path) -> BenchResult<Connection> {
    Ok(Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?)
}

/// What makes a table (only `indexes`: the indexes of their own that it has).
pub(crate) fn schema_of(
    connection: &Connection,
    table: &str,
    indexes: bool,
) -> BenchResult<Vec<(String, String)>> {
    let mut statement = connection.prepare(
        "SELECT name, sql FROM sqlite_schema WHERE tbl_name = ?1 AND sql IS NOT NULL \
         AND (type = 'index' OR (type = 'table' AND NOT ?2))",
    )?;
    let rows = statement.query_map((table, indexes), |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?)
}
