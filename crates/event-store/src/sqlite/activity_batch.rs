//! Activities are stored in batches, and counted in the same transaction.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::LazyLock,
};

use domain::{Activity, ActivityType, UserId};
use sqlx::{Sqlite as SqliteDriver, SqliteConnection, query::Query, sqlite::SqliteArguments};

use super::{
    activity_sheets::{SheetKey, add_to_sheets},
    multi_row::MultiRowInsert,
};
use crate::{
    ActiveDay, ActivityTally,
    active_day::quarter_of,
    activities::activity_place,
    day_sheet::{DaySheet, sheet_of},
};

pub(super) type InsertQuery<'q> = Query<'q, SqliteDriver, SqliteArguments>;

static ACTIVITY: LazyLock<MultiRowInsert> = LazyLock::new(|| {
    MultiRowInsert::new(
        "INSERT INTO activities (id, user_id, type, at, place, value, properties, recorded_at) VALUES",
        "(?, ?, ?, ?, ?, ?, ?, ?)",
        "ON CONFLICT (id) DO NOTHING RETURNING id",
    )
});
static QUARTER: LazyLock<MultiRowInsert> = LazyLock::new(|| {
    MultiRowInsert::new(
        "INSERT INTO activity_quarters (user_id, type, quarter, count, whole, fraction, max) VALUES",
        "(?, ?, ?, ?, ?, ?, ?)",
        "ON CONFLICT (user_id, type, quarter) DO UPDATE SET count = count + excluded.count, \
         whole = whole + excluded.whole, fraction = fraction + excluded.fraction, \
         max = max(coalesce(max, excluded.max), coalesce(excluded.max, max))",
    )
});
static TYPE: LazyLock<MultiRowInsert> =
    LazyLock::new(|| seen_insert("INSERT INTO activity_types (name) VALUES"));
static USER: LazyLock<MultiRowInsert> =
    LazyLock::new(|| seen_insert("INSERT INTO activity_users (user_id) VALUES"));

fn seen_insert(head: &str) -> MultiRowInsert {
    MultiRowInsert::new(head, "(?)", "ON CONFLICT DO NOTHING")
}

/// Whose activity of which type: what totals are kept by.
pub(super) type TotalOwner = (UserId, ActivityType);

/// What a batch adds to the totals.
#[derive(Default)]
struct BatchTotals {
    sheets: BTreeMap<SheetKey, DaySheet>,
    quarters: BTreeMap<(TotalOwner, i64), ActivityTally>,
    types: BTreeSet<ActivityType>,
    users: BTreeSet<UserId>,
}

impl BatchTotals {
    fn add(&mut self, activity: &Activity) {
        let owner = (activity.user_id, activity.activity_type.clone());
        let (quarter, tally) = (quarter_of(activity.at), ActivityTally::of_value(activity.value));
        let part = ActiveDay::of_quarter(quarter, tally);
        self.sheets.entry((owner.clone(), sheet_of(part.day))).or_default().add(&part);
        self.quarters.entry((owner, quarter)).or_default().add(&tally);
        if !self.types.contains(&activity.activity_type) {
            self.types.insert(activity.activity_type.clone());
        }
        self.users.insert(activity.user_id);
    }
}

/// Stores what is not there yet and counts it. Returns the ids that were stored.
pub(super) async fn insert_and_count(
    connection: &mut SqliteConnection,
    activities: Vec<Activity>,
) -> Result<HashSet<String>, sqlx::Error> {
    let mut stored = HashSet::with_capacity(activities.len());
    for (statement, portion) in ACTIVITY.portions(&activities) {
        let query = portion.iter().fold(sqlx::query_scalar(statement), |query, activity| {
            query
                .bind(activity.id.as_str())
                .bind(activity.user_id.to_string())
                .bind(activity.activity_type.as_str())
                .bind(activity.at.as_millis())
                .bind(activity_place(activity).to_string())
                .bind(activity.value.map(domain::ActivityValue::ten_thousandths))
                .bind(activity.properties.as_ref().and_then(|all| serde_json::to_string(all).ok()))
                .bind(activity.recorded_at.as_millis())
        });
        stored.extend(query.fetch_all(&mut *connection).await?);
    }
    let mut totals = BatchTotals::default();
    let mut uncounted: HashSet<&str> = stored.iter().map(String::as_str).collect();
    // Of two with the same id, the first is the one that was stored.
    for activity in activities.iter().filter(|activity| uncounted.remove(activity.id.as_str())) {
        totals.add(activity);
    }
    add_totals(connection, totals).await?;
    Ok(stored)
}

async fn add_totals(connection: &mut SqliteConnection, totals: BatchTotals) -> Result<(), sqlx::Error> {
    add_to_sheets(connection, totals.sheets).await?;
    let quarters: Vec<_> = totals.quarters.into_iter().collect();
    insert_rows(connection, &QUARTER, &quarters, |query, ((owner, quarter), tally)| {
        bind_tally(bind_owner(query, owner).bind(*quarter), tally)
    })
    .await?;
    let types: Vec<_> = totals.types.into_iter().collect();
    insert_rows(connection, &TYPE, &types, |query, name| query.bind(name.as_str())).await?;
    let users: Vec<_> = totals.users.into_iter().collect();
    insert_rows(connection, &USER, &users, |query, user| query.bind(user.to_string())).await
}

pub(super) fn bind_owner<'q>(
    query: InsertQuery<'q>,
    (user, activity_type): &'q TotalOwner,
) -> InsertQuery<'q> {
    query.bind(user.to_string()).bind(activity_type.as_str())
}

fn bind_tally<'q>(query: InsertQuery<'q>, tally: &ActivityTally) -> InsertQuery<'q> {
    query.bind(tally.count).bind(tally.whole).bind(tally.fraction).bind(tally.max)
}

pub(super) async fn insert_rows<R>(
    connection: &mut SqliteConnection,
    insert: &'static MultiRowInsert,
    rows: &[R],
    bind: impl for<'q> Fn(InsertQuery<'q>, &'q R) -> InsertQuery<'q>,
) -> Result<(), sqlx::Error> {
    for (statement, portion) in insert.portions(rows) {
        portion.iter().fold(sqlx::query(statement), &bind).execute(&mut *connection).await?;
    }
    Ok(())
}
