//! Activities are stored in batches, and counted in the same transaction.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::LazyLock,
};

use domain::{Activity, ActivityType, UserId};
use sqlx::{Sqlite as SqliteDriver, SqliteConnection, query::Query, sqlite::SqliteArguments};

use super::multi_row::MultiRowInsert;
use crate::{
    ActivityTally, QUARTERS_PER_DAY, QuarterSet, active_day::quarter_of, activities::activity_place,
};

type InsertQuery<'q> = Query<'q, SqliteDriver, SqliteArguments>;

/// How totals are added to those that are there.
macro_rules! add_tally {
    () => {
        "count = count + excluded.count, whole = whole + excluded.whole, fraction = fraction + excluded.fraction, \
         max = max(coalesce(max, excluded.max), coalesce(excluded.max, max))"
    };
}

static ACTIVITY: LazyLock<MultiRowInsert> = LazyLock::new(|| {
    MultiRowInsert::new(
        "INSERT INTO activities (id, user_id, type, at, place, value, properties, recorded_at) VALUES",
        "(?, ?, ?, ?, ?, ?, ?, ?)",
        "ON CONFLICT (id) DO NOTHING RETURNING id",
    )
});
static DAY: LazyLock<MultiRowInsert> = LazyLock::new(|| {
    MultiRowInsert::new(
        "INSERT INTO activity_days \
         (user_id, type, day, count, whole, fraction, max, early_quarters, late_quarters) VALUES",
        "(?, ?, ?, ?, ?, ?, ?, ?, ?)",
        concat!(
            "ON CONFLICT (user_id, type, day) DO UPDATE SET ",
            add_tally!(),
            ", early_quarters = early_quarters | excluded.early_quarters, \
             late_quarters = late_quarters | excluded.late_quarters"
        ),
    )
});
static QUARTER: LazyLock<MultiRowInsert> = LazyLock::new(|| {
    MultiRowInsert::new(
        "INSERT INTO activity_quarters (user_id, type, quarter, count, whole, fraction, max) VALUES",
        "(?, ?, ?, ?, ?, ?, ?)",
        concat!("ON CONFLICT (user_id, type, quarter) DO UPDATE SET ", add_tally!()),
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
type TotalOwner = (UserId, ActivityType);

/// What a batch adds to the totals.
#[derive(Default)]
struct BatchTotals {
    days: BTreeMap<(TotalOwner, i64), (ActivityTally, QuarterSet)>,
    quarters: BTreeMap<(TotalOwner, i64), ActivityTally>,
    types: BTreeSet<ActivityType>,
    users: BTreeSet<UserId>,
}

impl BatchTotals {
    fn add(&mut self, activity: &Activity) {
        let owner = (activity.user_id, activity.activity_type.clone());
        let (quarter, tally) = (quarter_of(activity.at), ActivityTally::of_value(activity.value));
        let (day_tally, quarters) =
            self.days.entry((owner.clone(), quarter.div_euclid(QUARTERS_PER_DAY))).or_default();
        day_tally.add(&tally);
        quarters.insert(quarter.rem_euclid(QUARTERS_PER_DAY));
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
    let days: Vec<_> = totals.days.into_iter().collect();
    insert_rows(connection, &DAY, &days, |query, ((owner, day), (tally, quarters))| {
        let [early, late] = split_quarters(*quarters);
        bind_tally(bind_owner(query, owner).bind(*day), tally).bind(early).bind(late)
    })
    .await?;
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

fn bind_owner<'q>(query: InsertQuery<'q>, (user, activity_type): &'q TotalOwner) -> InsertQuery<'q> {
    query.bind(user.to_string()).bind(activity_type.as_str())
}

fn bind_tally<'q>(query: InsertQuery<'q>, tally: &ActivityTally) -> InsertQuery<'q> {
    query.bind(tally.count).bind(tally.whole).bind(tally.fraction).bind(tally.max)
}

async fn insert_rows<R>(
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

/// Bits of each of the two columns.
const HALF_DAY: u32 = 48;

/// The quarters as the two columns have them: a column has 63 bits to use.
fn split_quarters(quarters: QuarterSet) -> [i64; 2] {
    let half = |bits: u128| i64::try_from(bits & ((1 << HALF_DAY) - 1)).unwrap_or_default();
    [half(quarters.0), half(quarters.0 >> HALF_DAY)]
}

/// The quarters out of the two columns.
pub(super) fn join_quarters(early: i64, late: i64) -> QuarterSet {
    let half = |bits: i64| u128::from(bits.unsigned_abs());
    QuarterSet(half(early) | half(late) << HALF_DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_columns_hold_every_quarter() {
        for bits in [0, 1, 1 << 47, 1 << 48, 1 << 95, (1 << 96) - 1] {
            let [early, late] = split_quarters(QuarterSet(bits));
            assert_eq!(join_quarters(early, late), QuarterSet(bits));
        }
    }
}
