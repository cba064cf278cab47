use std::ops::Range;

use async_trait::async_trait;
use domain::{Activity, ActivityType, ActivityValue, ObjectId, Timestamp, UserId};
use service_kit::page::{Page, PageRequest};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use store_kit::{
    error::StoreError,
    row::{StoredRow, readable_page},
    sqlite::Sqlite,
};

use super::{
    ABOVE_ALL_IDS,
    activity_batch::insert_and_count,
    activity_sheets::{read_sheet, read_tally},
    corrupt_row, read_json, read_text, upper_id_bound,
};
use crate::{
    ActiveDay, ActivityFilter, ActivitySpan, ActivityStore, ActivityTally, RecordOutcome,
    active_day::{SpanParts, quarter_of},
    day_sheet::sheets_of,
};

/// The activities in a SQLite file.
#[derive(Debug, Clone)]
pub(super) struct SqliteActivities {
    pub(super) db: Sqlite,
}

pub(super) const SHEETS: &str = "SELECT sheet, days FROM activity_sheets \
    WHERE user_id = $1 AND type = $2 AND sheet >= $3 AND sheet < $4";
pub(super) const QUARTERS: &str = "SELECT quarter, count, whole, fraction, max FROM activity_quarters \
    WHERE user_id = $1 AND type = $2 AND quarter >= $3 AND quarter < $4";
/// Places know seconds, the times decide.
pub(super) const MOMENTS: &str = "SELECT at, value FROM activities \
    WHERE user_id = $1 AND type = $2 AND place >= $3 AND place < $4 AND at >= $5 AND at < $6";

macro_rules! select {
    ($($rest:literal),+) => {
        concat!(
            "SELECT id, user_id, type, at, place, value, properties, recorded_at FROM activities WHERE ",
            $($rest),+
        )
    };
}

macro_rules! list {
    ($by:literal) => {
        select!($by, "place < $1 AND place >= $3 AND at >= $4 AND at < $5 ORDER BY place DESC LIMIT $2")
    };
}

pub(super) const LIST: &str = list!("");
pub(super) const LIST_BY_USER: &str = list!("user_id = $6 AND ");
pub(super) const LIST_BY_TYPE: &str = list!("type = $6 AND ");
pub(super) const LIST_BY_USER_TYPE: &str = list!("user_id = $6 AND type = $7 AND ");
pub(super) const EXPORT: &str = select!("place > $1 ORDER BY place LIMIT $2");

/// What to count of one user and type.
struct CountedActivity {
    user: String,
    activity_type: String,
}

impl CountedActivity {
    async fn active_days(
        self,
        connection: &mut SqliteConnection,
        parts: SpanParts,
    ) -> Result<Vec<ActiveDay>, sqlx::Error> {
        let mut found = Vec::new();
        if !parts.days.is_empty() {
            found.extend(self.days(connection, parts.days).await?);
        }
        for quarters in parts.quarters {
            found.extend(self.quarters(connection, quarters).await?);
        }
        for moments in parts.moments {
            found.extend(self.moments(connection, moments).await?);
        }
        Ok(found)
    }

    async fn days(
        &self,
        connection: &mut SqliteConnection,
        days: Range<i64>,
    ) -> Result<Vec<ActiveDay>, sqlx::Error> {
        let sheets = sheets_of(&days);
        let query = sqlx::query(SHEETS).bind(&self.user).bind(&self.activity_type);
        let mut found = Vec::new();
        for row in query.bind(sheets.start).bind(sheets.end).fetch_all(connection).await? {
            let sheet = read_sheet(row.try_get("sheet")?, &row)?;
            found.extend(sheet.into_days().into_iter().filter(|day| days.contains(&day.day)));
        }
        Ok(found)
    }

    async fn quarters(
        &self,
        connection: &mut SqliteConnection,
        quarters: Range<i64>,
    ) -> Result<Vec<ActiveDay>, sqlx::Error> {
        let query = sqlx::query(QUARTERS).bind(&self.user).bind(&self.activity_type);
        let query = query.bind(quarters.start).bind(quarters.end);
        let read = |row: &SqliteRow| Ok(ActiveDay::of_quarter(row.try_get("quarter")?, read_tally(row)?));
        query.fetch_all(connection).await?.iter().map(read).collect()
    }

    async fn moments(
        &self,
        connection: &mut SqliteConnection,
        moments: Range<Timestamp>,
    ) -> Result<Vec<ActiveDay>, sqlx::Error> {
        let query = sqlx::query(MOMENTS)
            .bind(&self.user)
            .bind(&self.activity_type)
            .bind(ObjectId::floor(moments.start).to_string())
            .bind(above_place(moments.end))
            .bind(moments.start.as_millis())
            .bind(moments.end.as_millis());
        let read = |row: &SqliteRow| {
            let value = row.try_get::<Option<i64>, _>("value")?.map(ActivityValue::from_ten_thousandths);
            let at = Timestamp::from_millis(row.try_get("at")?);
            Ok(ActiveDay::of_quarter(quarter_of(at), ActivityTally::of_value(value)))
        };
        query.fetch_all(connection).await?.iter().map(read).collect()
    }
}

/// Greater than the place of everything done in the second of this moment or before.
fn above_place(at: Timestamp) -> String {
    format!("{}{ABOVE_ALL_IDS}", ObjectId::ceiling(at))
}

fn read_activity(row: &SqliteRow) -> StoredRow<Activity> {
    let id = row.try_get("place").map_err(corrupt_row).and_then(read_text::<ObjectId>);
    StoredRow { id, value: read_whole(row) }
}

fn read_whole(row: &SqliteRow) -> Result<Activity, StoreError> {
    let text = |column| row.try_get::<&str, _>(column).map_err(corrupt_row);
    let millis = |column| row.try_get(column).map(Timestamp::from_millis).map_err(corrupt_row);
    let properties = row.try_get::<Option<&str>, _>("properties").map_err(corrupt_row)?;
    Ok(Activity {
        id: read_text(text("id")?)?,
        user_id: read_text(text("user_id")?)?,
        activity_type: read_text(text("type")?)?,
        at: millis("at")?,
        value: row
            .try_get::<Option<i64>, _>("value")
            .map_err(corrupt_row)?
            .map(ActivityValue::from_ten_thousandths),
        properties: properties.map(read_json).transpose()?,
        recorded_at: millis("recorded_at")?,
    })
}

#[async_trait]
impl ActivityStore for SqliteActivities {
    async fn record(
        &self,
        activities: Vec<Activity>,
        _now: Timestamp,
    ) -> Result<Vec<RecordOutcome>, StoreError> {
        let ids: Vec<_> = activities.iter().map(|activity| activity.id.to_string()).collect();
        let mut stored =
            self.db.write(move |connection| Box::pin(insert_and_count(connection, activities))).await?;
        // Only the first of those with the same id was stored.
        let outcome = |id| if stored.remove(id) { RecordOutcome::Recorded } else { RecordOutcome::Duplicate };
        Ok(ids.iter().map(outcome).collect())
    }

    async fn active_days(&self, span: &ActivitySpan) -> Result<Vec<ActiveDay>, StoreError> {
        let parts = SpanParts::new(span.from, span.to);
        let counted =
            CountedActivity { user: span.user.to_string(), activity_type: span.activity_type.to_string() };
        self.db.look_up(|connection| Box::pin(counted.active_days(connection, parts))).await
    }

    async fn list(&self, filter: &ActivityFilter, page: PageRequest) -> Result<Page<Activity>, StoreError> {
        let statement = match (filter.user.is_some(), filter.activity_type.is_some()) {
            (true, true) => LIST_BY_USER_TYPE,
            (true, false) => LIST_BY_USER,
            (false, true) => LIST_BY_TYPE,
            (false, false) => LIST,
        };
        let from = filter.from.unwrap_or(Timestamp::MIN);
        let to = filter.to.unwrap_or(Timestamp::MAX);
        let cursor = upper_id_bound(page);
        let mut query = sqlx::query(statement)
            .bind(above_place(to).min(cursor))
            .bind(page.overfull())
            .bind(ObjectId::floor(from).to_string())
            .bind(from.as_millis())
            .bind(filter.to.map_or(i64::MAX, Timestamp::as_millis));
        for given in
            [filter.user.map(|user| user.to_string()), filter.activity_type.as_ref().map(ToString::to_string)]
                .into_iter()
                .flatten()
        {
            query = query.bind(given);
        }
        let found = self.db.look_up(|connection| Box::pin(query.fetch_all(connection))).await?;
        Ok(readable_page("activities", found.iter().map(read_activity).collect(), page.limit))
    }

    async fn types(&self, limit: usize) -> Result<Vec<ActivityType>, StoreError> {
        let query = sqlx::query_scalar::<_, String>("SELECT name FROM activity_types ORDER BY name LIMIT $1")
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let found = self.db.look_up(|connection| Box::pin(query.fetch_all(connection))).await?;
        found.iter().map(|name| read_text(name)).collect()
    }

    async fn users(&self, after: Option<UserId>, limit: usize) -> Result<Vec<UserId>, StoreError> {
        let query = sqlx::query_scalar::<_, String>(
            "SELECT user_id FROM activity_users WHERE user_id > $1 ORDER BY user_id LIMIT $2",
        );
        let query = query.bind(after.map_or_else(String::new, |user| user.to_string()));
        let query = query.bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let found = self.db.look_up(|connection| Box::pin(query.fetch_all(connection))).await?;
        found.iter().map(|user| read_text(user)).collect()
    }

    async fn export(
        &self,
        after: Option<ObjectId>,
        limit: usize,
    ) -> Result<Vec<StoredRow<Activity>>, StoreError> {
        let query = sqlx::query(EXPORT)
            .bind(after.map_or_else(String::new, |place| place.to_string()))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let found = self.db.look_up(|connection| Box::pin(query.fetch_all(connection))).await?;
        Ok(found.iter().map(read_activity).collect())
    }

    /// Here an activity and its totals are one transaction: nothing is ever half done.
    async fn tidy(&self, _now: Timestamp) -> Result<bool, StoreError> {
        Ok(false)
    }
}
