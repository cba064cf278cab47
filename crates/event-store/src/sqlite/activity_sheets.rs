//! The totals of days, on sheets of 32: read, added to and written again within the transaction that stores activities.

use std::{collections::BTreeMap, sync::LazyLock};

use domain::{ActivityType, UserId};
use serde_json::json;
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use store_kit::{error::StoreError, sqlite::Sqlite};

use super::{
    activity_batch::{TotalOwner, bind_owner, insert_rows},
    multi_row::MultiRowInsert,
    read_text,
};
use crate::{
    ActiveDay, ActivityTally, QuarterSet,
    day_sheet::{DaySheet, sheet_of},
};

/// By whose sheet of which number it is.
pub(super) type SheetKey = (TotalOwner, i64);

/// `json_each` has a column `type` too.
pub(super) const FIND: &str = "SELECT wanted.key AS place, days FROM json_each($1) AS wanted JOIN activity_sheets \
    ON user_id = wanted.value ->> 0 AND activity_sheets.type = wanted.value ->> 1 AND sheet = wanted.value ->> 2";
static PUT: LazyLock<MultiRowInsert> = LazyLock::new(|| {
    MultiRowInsert::new(
        "INSERT INTO activity_sheets (user_id, type, sheet, days) VALUES",
        "(?, ?, ?, ?)",
        "ON CONFLICT (user_id, type, sheet) DO UPDATE SET days = excluded.days",
    )
});

/// Adds to the sheets that are there.
pub(super) async fn add_to_sheets(
    connection: &mut SqliteConnection,
    added: BTreeMap<SheetKey, DaySheet>,
) -> Result<(), sqlx::Error> {
    let mut sheets: Vec<_> = added.into_iter().collect();
    let wanted: Vec<_> =
        sheets.iter().map(|(((user, name), sheet), _)| json!([user, name.as_str(), sheet])).collect();
    let found = sqlx::query(FIND).bind(json!(wanted).to_string()).fetch_all(&mut *connection).await?;
    for row in &found {
        let place = usize::try_from(row.try_get::<i64, _>("place")?).ok();
        if let Some(((_, number), added)) = place.and_then(|place| sheets.get_mut(place)) {
            let mut stored = read_sheet(*number, row)?;
            for day in added.days() {
                stored.add(day);
            }
            *added = stored;
        }
    }
    let bytes = |(key, sheet): (SheetKey, DaySheet)| Ok((key, sheet.to_bytes().map_err(encode_error)?));
    let rows = sheets.into_iter().map(bytes).collect::<Result<Vec<_>, sqlx::Error>>()?;
    insert_rows(connection, &PUT, &rows, |query, ((owner, number), bytes)| {
        bind_owner(query, owner).bind(*number).bind(bytes.as_slice())
    })
    .await
}

/// The sheet in a row's column `days`.
pub(super) fn read_sheet(number: i64, row: &SqliteRow) -> Result<DaySheet, sqlx::Error> {
    DaySheet::from_bytes(number, row.try_get("days")?).map_err(|error| sqlx::Error::Decode(error.into()))
}

fn encode_error(error: StoreError) -> sqlx::Error {
    sqlx::Error::Encode(error.into())
}

const HAS_DAYS: &str = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'activity_days'";
/// Days that are taken over in one write.
const STEP: &str = "SELECT * FROM activity_days ORDER BY user_id, type, day LIMIT 5000";

/// Takes over the totals as an earlier version kept them, a row a day. Each write takes over some rows and deletes them: cut
/// off, it goes on where it was.
pub(super) async fn take_over_days(db: &Sqlite) -> Result<(), StoreError> {
    let has_days = sqlx::query_scalar::<_, i64>(HAS_DAYS);
    if db.look_up(|connection| Box::pin(has_days.fetch_one(connection))).await? == 0 {
        return Ok(());
    }
    while db.write(|connection| Box::pin(take_over_some(connection))).await? {}
    let write = db.write(|connection| {
        Box::pin(async move { sqlx::raw_sql("DROP TABLE activity_days").execute(connection).await.map(drop) })
    });
    write.await
}

/// Whether there may be more.
async fn take_over_some(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    let rows = sqlx::query(STEP).fetch_all(&mut *connection).await?;
    let Some(last) = rows.last() else { return Ok(false) };
    let mut sheets = BTreeMap::<SheetKey, DaySheet>::new();
    for row in &rows {
        let day = read_day(row)?;
        sheets.entry((read_owner(row)?, sheet_of(day.day))).or_default().add(&day);
    }
    add_to_sheets(connection, sheets).await?;
    let delete = "DELETE FROM activity_days WHERE (user_id, type, day) <= ($1, $2, $3)";
    let delete = sqlx::query(delete).bind(last.try_get::<String, _>("user_id")?);
    let delete = delete.bind(last.try_get::<String, _>("type")?).bind(last.try_get::<i64, _>("day")?);
    delete.execute(connection).await?;
    Ok(true)
}

fn read_owner(row: &SqliteRow) -> Result<TotalOwner, sqlx::Error> {
    let decode = |error: StoreError| sqlx::Error::Decode(error.into());
    let user: UserId = read_text(row.try_get("user_id")?).map_err(decode)?;
    let name: ActivityType = read_text(row.try_get("type")?).map_err(decode)?;
    Ok((user, name))
}

fn read_day(row: &SqliteRow) -> Result<ActiveDay, sqlx::Error> {
    let [early, late] = [row.try_get::<i64, _>("early_quarters")?, row.try_get("late_quarters")?];
    Ok(ActiveDay {
        day: row.try_get("day")?,
        tally: read_tally(row)?,
        quarters: QuarterSet(u128::from(early.unsigned_abs()) | u128::from(late.unsigned_abs()) << 48),
    })
}

/// What there was, by the columns of these names.
pub(super) fn read_tally(row: &SqliteRow) -> Result<ActivityTally, sqlx::Error> {
    Ok(ActivityTally {
        count: row.try_get("count")?,
        whole: row.try_get("whole")?,
        fraction: row.try_get("fraction")?,
        max: row.try_get("max")?,
    })
}
