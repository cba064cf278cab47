//! Seats for a batch of claims that is about to be stored.
//!
//! The claims of a batch that want the same stocks take their seats in one update of each. The first of them get what there
//! is; the others are told that it is sold out, without a write. While the claims are being stored a hold on the counter says
//! so: if the process ends meanwhile, [`super::stock_repair`] finds it.

use std::collections::{BTreeMap, HashMap, HashSet};

use domain::{EventId, ObjectId as Id, UserId};
use mongodb::{
    Collection,
    bson::{DateTime, Document, RawDocumentBuf, doc, oid::ObjectId},
};
use store_kit::{
    error::StoreError,
    mongo::{Mongo, to_date, to_oid},
};

use super::stock::{STOCK, read_counter};
use crate::{NewClaim, STORE, claims::EarlierClaims};

/// Attempts to take seats that others take at the same moment.
const ATTEMPTS: usize = 20;

/// Whether a claim may be stored.
#[derive(Debug, Clone)]
pub(super) enum Admission {
    /// It has its seats, or needs none.
    Admitted,
    /// Its user has a claim, or gets one in this batch.
    Earlier,
    /// One of its stocks has nothing left.
    SoldOut,
    /// Nobody knows.
    Failed(StoreError),
}

/// The claims of a batch that want the same stocks.
struct SeatGroup {
    stocks: Vec<Id>,
    /// By their places in the batch, in order.
    claims: Vec<usize>,
}

/// Seats of a group that were taken.
struct TakenSeats {
    hold: ObjectId,
    stock: Id,
    claims: Vec<usize>,
    /// Of claims that in the end could not be had.
    surplus: i64,
}

/// What a batch has taken.
#[derive(Default)]
pub(super) struct BatchSeats {
    taken: Vec<TakenSeats>,
}

/// Takes seats for those claims of a batch that need some. `earlier` has the claims that their users have already.
pub(super) async fn take_seats(
    mongo: &Mongo,
    batch: &[NewClaim],
    earlier: &Result<EarlierClaims, StoreError>,
) -> (Vec<Admission>, BatchSeats) {
    let mut admissions = vec![Admission::Admitted; batch.len()];
    let mut seats = BatchSeats::default();
    let groups = group_by_stocks(batch);
    let left = if groups.is_empty() { Ok(HashMap::new()) } else { find_left(mongo, &groups).await };
    for group in groups {
        match earlier.as_ref().map_err(Clone::clone).and_then(|earlier| Ok((earlier, left.clone()?))) {
            Ok((earlier, left)) => {
                seats.admit(mongo, batch, &group, earlier, &left, &mut admissions).await;
            }
            Err(error) => {
                group.claims.iter().for_each(|place| admissions[*place] = Admission::Failed(error.clone()));
            }
        }
    }
    (admissions, seats)
}

fn group_by_stocks(batch: &[NewClaim]) -> Vec<SeatGroup> {
    let mut groups: BTreeMap<&[Id], Vec<usize>> = BTreeMap::new();
    for (place, new) in batch.iter().enumerate().filter(|(_, new)| !new.request.seats.is_empty()) {
        groups.entry(&new.request.seats).or_default().push(place);
    }
    groups.into_iter().map(|(stocks, claims)| SeatGroup { stocks: stocks.to_vec(), claims }).collect()
}

async fn find_left(mongo: &Mongo, groups: &[SeatGroup]) -> Result<HashMap<Id, i64>, StoreError> {
    let stocks: HashSet<_> =
        groups.iter().flat_map(|group| &group.stocks).map(|stock| to_oid(*stock)).collect();
    let stocks: Vec<_> = stocks.into_iter().collect();
    let counters: Collection<RawDocumentBuf> = mongo.collection(STOCK);
    let find = counters.find(doc! { "_id": { "$in": stocks } }).projection(doc! { "holds": 0 });
    let found = mongo.all(find.max_time(mongo.limit())).await?;
    let readable = found.iter().filter_map(|document| read_counter(document).into_readable(STOCK));
    Ok(readable.map(|counter| (counter.id, counter.remaining)).collect())
}

impl BatchSeats {
    /// Says of each claim of a group whether it may be stored.
    async fn admit(
        &mut self,
        mongo: &Mongo,
        batch: &[NewClaim],
        group: &SeatGroup,
        earlier: &EarlierClaims,
        left: &HashMap<Id, i64>,
        admissions: &mut [Admission],
    ) {
        let pair = |place: usize| (batch[place].request.user_id, batch[place].request.event_id);
        let mut seen: HashSet<(UserId, EventId)> = HashSet::new();
        let (mut candidates, mut others) = (Vec::new(), Vec::new());
        for place in &group.claims {
            let is_candidate = !earlier.contains_key(&pair(*place)) && seen.insert(pair(*place));
            if is_candidate { candidates.push(*place) } else { others.push(*place) }
        }
        let refusal = match self.take_for(mongo, batch, &group.stocks, &candidates, left).await {
            Ok(admitted) => {
                candidates.drain(..admitted);
                Admission::SoldOut
            }
            Err(error) => Admission::Failed(error),
        };
        let refused: HashSet<_> = candidates.iter().map(|place| pair(*place)).collect();
        for place in candidates {
            admissions[place] = refusal.clone();
        }
        // A second claim of one user fares as the first does.
        for place in others {
            let is_refused = refused.contains(&pair(place));
            admissions[place] = if is_refused { refusal.clone() } else { Admission::Earlier };
        }
    }

    /// How many of the candidates, from the first on, have a seat in each of these stocks now.
    async fn take_for(
        &mut self,
        mongo: &Mongo,
        batch: &[NewClaim],
        stocks: &[Id],
        candidates: &[usize],
        left: &HashMap<Id, i64>,
    ) -> Result<usize, StoreError> {
        let there = |stock: &Id| usize::try_from(left.get(stock).copied().unwrap_or(0)).unwrap_or(0);
        let most = stocks.iter().map(there).min().unwrap_or(0);
        let Some(first) = candidates.first() else { return Ok(0) };
        let hold = to_oid(batch[*first].request.id.0);
        let at = to_date(batch[*first].request.created_at);
        let (begin, mut admitted) = (self.taken.len(), candidates.len().min(most));
        for stock in stocks {
            let taken = SeatTaking { mongo, stock: *stock, hold, at }.take(admitted).await;
            let count = match &taken {
                Ok(count) => *count,
                Err(_) => 0,
            };
            self.give_back_beyond(begin, count);
            admitted = count;
            // Where it failed nobody knows what was taken: the hold remains, and the stock will be counted.
            taken?;
            if count == 0 {
                break;
            }
            let claims = candidates[..count].to_vec();
            self.taken.push(TakenSeats { hold, stock: *stock, claims, surplus: 0 });
        }
        Ok(admitted)
    }

    /// Of what a group has taken before, only so much is needed.
    fn give_back_beyond(&mut self, begin: usize, needed: usize) {
        for taken in &mut self.taken[begin..] {
            taken.surplus += i64::try_from(taken.claims.len().saturating_sub(needed)).unwrap_or(0);
            taken.claims.truncate(needed);
        }
    }

    /// Ends the holds and gives back the seats of those claims that were not stored. Where `is_stored` cannot say, the hold
    /// remains, and the stock will be counted.
    pub(super) async fn settle(self, mongo: &Mongo, is_stored: impl Fn(usize) -> Option<bool>) {
        let stock: Collection<Document> = mongo.collection(STOCK);
        for taken in self.taken {
            let stored: Option<Vec<bool>> = taken.claims.iter().map(|place| is_stored(*place)).collect();
            let Some(stored) = stored else { continue };
            let lost = stored.iter().filter(|is_stored| !**is_stored).count();
            let back = taken.surplus + i64::try_from(lost).unwrap_or(0);
            // With the hold in the filter, an attempt that the driver repeats changes nothing.
            let held = doc! { "_id": to_oid(taken.stock), "holds.id": taken.hold };
            let settle = doc! {
                "$inc": { "remaining": back, "changes": 1_i64 },
                "$pull": { "holds": { "id": taken.hold } },
            };
            if let Err(error) = mongo.run(stock.update_one(held, settle)).await {
                tracing::warn!(stock = %taken.stock, %error, "a hold remains: the stock will be counted");
            }
        }
    }
}

/// The taking of seats in one stock.
struct SeatTaking<'m> {
    mongo: &'m Mongo,
    stock: Id,
    hold: ObjectId,
    at: DateTime,
}

impl SeatTaking<'_> {
    /// Takes so many seats, or what is left; how many.
    async fn take(&self, wanted: usize) -> Result<usize, StoreError> {
        let mut wanted = i64::try_from(wanted).unwrap_or(i64::MAX);
        for _ in 0..ATTEMPTS {
            if wanted <= 0 {
                return Ok(0);
            }
            if self.try_taking(wanted).await? {
                return Ok(usize::try_from(wanted).unwrap_or(0));
            }
            wanted = wanted.min(self.find_left().await?);
        }
        Err(StoreError::unavailable(STORE, "too many take seats at the same time"))
    }

    /// With the hold in the filter, an attempt that the driver repeats takes nothing a second time.
    async fn try_taking(&self, wanted: i64) -> Result<bool, StoreError> {
        let stock: Collection<Document> = self.mongo.collection(STOCK);
        let enough = doc! {
            "_id": to_oid(self.stock),
            "remaining": { "$gte": wanted },
            "holds.id": { "$ne": self.hold },
        };
        let take = doc! {
            "$inc": { "remaining": -wanted, "changes": 1_i64 },
            "$push": { "holds": { "id": self.hold, "at": self.at } },
        };
        Ok(self.mongo.run(stock.update_one(enough, take)).await?.matched_count == 1)
    }

    async fn find_left(&self) -> Result<i64, StoreError> {
        let counters: Collection<RawDocumentBuf> = self.mongo.collection(STOCK);
        let find = counters.find_one(doc! { "_id": to_oid(self.stock) }).projection(doc! { "holds": 0 });
        let found = self.mongo.run(find.max_time(self.mongo.limit())).await?;
        let counter = found.map(|document| read_counter(&document).value).transpose()?;
        Ok(counter.map_or(0, |counter| counter.remaining))
    }
}
