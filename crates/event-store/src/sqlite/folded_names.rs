//! Names are stored folded as well, for searching: `SQLite`'s `lower()` knows ASCII only.

use sqlx::SqliteConnection;
use store_kit::{error::StoreError, sqlite::Sqlite};

/// Which way of folding names a file has, in its `user_version`. 1: events; 2: rewards too.
const FOLDING: i64 = 2;
const SET_FOLDING: &str = "PRAGMA user_version = 2";
/// Rows in one write while names are folded anew.
const REFOLD_STEP: i64 = 1000;

/// A table with names, as it is read and written.
#[derive(Clone, Copy)]
struct NamedTable {
    names: &'static str,
    set_folded: &'static str,
}

const TABLES: [NamedTable; 2] = [
    NamedTable {
        names: "SELECT id, name, name_folded FROM events WHERE id > $1 ORDER BY id LIMIT $2",
        set_folded: "UPDATE events SET name_folded = $2 WHERE id = $1",
    },
    NamedTable {
        names: "SELECT id, name, name_folded FROM rewards WHERE id > $1 ORDER BY id LIMIT $2",
        set_folded: "UPDATE rewards SET name_folded = $2 WHERE id = $1",
    },
];

/// Folds the names anew that an earlier version has stored, which knew lower case only or did not fold them. Does nothing
/// the next time.
pub(super) async fn refold_names(db: &Sqlite) -> Result<(), StoreError> {
    let version = "PRAGMA user_version";
    let (version,): (i64,) =
        db.look_up(|connection| Box::pin(sqlx::query_as(version).fetch_one(connection))).await?;
    if version >= FOLDING {
        return Ok(());
    }
    for table in TABLES {
        let mut after = Some(String::new());
        while let Some(id) = after {
            after = db.write(move |connection| Box::pin(refold_step(connection, table, id))).await?;
        }
    }
    let write = db.write(|connection| {
        Box::pin(async move { sqlx::raw_sql(SET_FOLDING).execute(connection).await.map(drop) })
    });
    write.await
}

/// The id to go on after, unless that was all.
async fn refold_step(
    connection: &mut SqliteConnection,
    table: NamedTable,
    after: String,
) -> Result<Option<String>, sqlx::Error> {
    let names: Vec<(String, String, String)> =
        sqlx::query_as(table.names).bind(after).bind(REFOLD_STEP).fetch_all(&mut *connection).await?;
    for (id, name, stored) in &names {
        let folded = domain::fold_text(name);
        if folded != *stored {
            sqlx::query(table.set_folded).bind(id).bind(folded).execute(&mut *connection).await?;
        }
    }
    Ok(names.into_iter().last().map(|(id, ..)| id))
}
