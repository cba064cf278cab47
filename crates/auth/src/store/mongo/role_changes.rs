//! Changes of roles, and the lock that keeps the last administrator.
//!
//! Only single documents are atomic here, yet whether somebody may stop being ADMIN depends on others. So whoever takes
//! ADMIN away from somebody who has it does that under a lock: the document `last-admin` of `role_changes`, which says
//! who holds it (`holder`, a token drawn for each attempt), whom they are about to change (`target`, at `version`) and
//! `until` when. Under it they look for another ADMIN, then write with the filter `{_id: target, rolesVersion: version}`
//! and raise `rolesVersion`, then delete the lock. Every other change adds an ADMIN or removes none, and needs no lock.
//! Every filter also names the roles that are replaced: so who has become ADMIN meanwhile loses that only under the lock,
//! and the draft for the audit log, which is written in the same update, says truly what the roles were before.
//!
//! **Why somebody stays ADMIN.** A lock that is past its `until` may be taken over, but only after its target's
//! `rolesVersion` was raised if it still is `version` (fencing). From then on the former holder's write finds nothing,
//! however late it arrives: a version never returns. So no demotion is written between the moment another one took the
//! lock and the moment that one's write can no longer happen; and the ADMIN that was seen under the lock still is one
//! when the write arrives, since only a demotion could have changed that. Clocks decide only when a lock is taken over:
//! a wrong clock costs repetitions, never the last administrator.
//!
//! **Crashes.** After taking the lock, or after looking: nothing was changed, and the lock runs out. After the write:
//! the change is done, and the lock runs out; fencing then finds another version and does nothing. After fencing,
//! before taking over: the next one fences again, in vain, and takes over. A write whose answer was lost may still
//! arrive, so its lock is left to run out, not released. Until a lock has run out, demotions are refused with 503;
//! nothing else waits for it.
//!
//! **Failover.** Writes wait for the majority, those that match nothing too, and the other ADMIN is read with read
//! concern majority: what a new primary has forgotten was never relied on.

use std::time::Duration;

use audit::ChangeStamp;
use domain::{Clock, RandomSource, Role, RoleSet, SystemClock, User, UserId};
use mongodb::{
    bson::{DateTime, Document, doc, oid::ObjectId},
    options::ReadConcern,
};
use serde::{Deserialize, Serialize};
use store_kit::{
    audit::mongo::{DRAFTS, draft_document},
    mongo::{to_date, to_oid},
};
use tokio::time::{Instant, sleep};

use super::{
    MongoUserDb, STORE,
    users::{by_id, role_names, without_hash},
};
use crate::store::{RoleChange, StoreError, audit::roles_replaced};

/// The lock's `_id`.
const LOCK: &str = "last-admin";
/// How long a lock lasts: longer than any verb may take.
const LIFETIME_SECONDS: i64 = 3;
/// How long to try for the lock. Less than a verb may take, so that whoever gets it has time to use it.
const PATIENCE: Duration = Duration::from_secs(1);
/// The bounds of the pause before the next try for the lock, in milliseconds.
const PAUSE_MILLIS: std::ops::RangeInclusive<u64> = 2..=9;

/// The lock as it is stored.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct LockDocument {
    #[serde(rename = "_id")]
    id: String,
    holder: ObjectId,
    target: ObjectId,
    version: Option<i64>,
    until: DateTime,
}

impl LockDocument {
    fn new(target: UserId, version: Option<i64>, random: &RandomSource) -> Self {
        let until = to_date(SystemClock.now().plus_seconds(LIFETIME_SECONDS));
        Self {
            id: LOCK.to_owned(),
            holder: ObjectId::from_bytes(random.bytes()),
            target: to_oid(target.0),
            version,
            until,
        }
    }

    /// Past its time, or further from it than any lock can be: then one of the clocks is wrong.
    fn has_run_out(&self) -> bool {
        let now = SystemClock.now();
        let latest = to_date(now.plus_seconds(2 * LIFETIME_SECONDS));
        !(to_date(now) < self.until && self.until <= latest)
    }

    fn held_by(holder: ObjectId) -> Document {
        doc! { "_id": LOCK, "holder": holder }
    }
}

/// A change of a user's roles, decided on what was read: it is written only if the roles still are those.
struct ReplacedRoles {
    /// The user as they shall be.
    changed: User,
    /// The roles that are replaced, as they are stored.
    before: Vec<String>,
    version: Option<i64>,
    /// What the audit log says of it, with just these roles.
    draft: Document,
}

impl ReplacedRoles {
    /// A user whose roles are as they were read, and of whom nobody has taken ADMIN since.
    fn target(&self) -> Document {
        let mut target = at_version(to_oid(self.changed.id.0), self.version);
        target.insert("roles", &self.before);
        target
    }

    fn update(&self) -> Document {
        doc! { "$set": roles_of(&self.changed), "$push": { DRAFTS: &self.draft } }
    }
}

/// What became of an attempt to take ADMIN away.
enum DemotionOutcome {
    Done,
    LastAdmin,
    /// The user's roles were changed meanwhile, or somebody took over the lock.
    Overtaken,
}

impl MongoUserDb {
    /// Tries until it is decided; the caller bounds it.
    pub(super) async fn change_roles(
        &self,
        id: UserId,
        roles: RoleSet,
        stamp: ChangeStamp,
    ) -> Result<RoleChange, StoreError> {
        let give_up = Instant::now() + PATIENCE;
        let mut overtaken = false;
        loop {
            let Some(document) = self.find_document(by_id(id)).await? else {
                return Ok(RoleChange::NotFound);
            };
            let (version, before) = (document.roles_version, document.roles.clone());
            let user = User::try_from(document)?;
            if overtaken && self.is_recorded("users", to_oid(id.0), to_oid(stamp.id)).await? {
                // Overtaken by our own write, in an attempt the driver repeated.
                return Ok(RoleChange::Updated(User { roles, updated_at: stamp.at, ..user }));
            }
            let demotes = user.roles.contains(Role::Admin) && !roles.contains(Role::Admin);
            let draft = draft_document(STORE, &roles_replaced(stamp.clone(), id, user.roles, roles))?;
            let changed = User { roles, updated_at: stamp.at, ..user };
            let change = ReplacedRoles { changed, before, version, draft };
            if demotes {
                match self.demote(&change, give_up).await? {
                    DemotionOutcome::Done => return Ok(RoleChange::Updated(change.changed)),
                    DemotionOutcome::LastAdmin => return Ok(RoleChange::LastAdmin),
                    DemotionOutcome::Overtaken => {}
                }
            } else if self.replace_roles(&change).await? {
                return Ok(RoleChange::Updated(change.changed));
            }
            overtaken = true;
        }
    }

    /// Whether the roles were replaced without taking ADMIN from anybody: who has become ADMIN meanwhile has
    /// other roles than those that were read, and is left alone.
    async fn replace_roles(&self, change: &ReplacedRoles) -> Result<bool, StoreError> {
        let updated = self.mongo.run(self.users.update_one(change.target(), change.update())).await?;
        Ok(updated.matched_count == 1)
    }

    async fn demote(&self, change: &ReplacedRoles, give_up: Instant) -> Result<DemotionOutcome, StoreError> {
        let lock = LockDocument::new(change.changed.id, change.version, &self.random);
        self.take(&lock, give_up).await?;
        // On an error from here on the lock stays: the write may yet arrive, and must be fenced off by the next holder.
        let demoted = if !self.has_other_admin(change.changed.id).await? {
            DemotionOutcome::LastAdmin
        } else if self.replace_roles_of(change).await? {
            DemotionOutcome::Done
        } else {
            DemotionOutcome::Overtaken
        };
        self.release(&lock).await;
        Ok(demoted)
    }

    /// Whether ADMIN was taken away, the user being as they were read.
    async fn replace_roles_of(&self, change: &ReplacedRoles) -> Result<bool, StoreError> {
        let mut update = change.update();
        update.insert("$inc", doc! { "rolesVersion": 1_i64 });
        let updated = self.mongo.run(self.users.update_one(change.target(), update)).await?;
        Ok(updated.matched_count == 1)
    }

    /// Of any two administrators one is another. Walks `{roles: 1, _id: -1}`.
    async fn has_other_admin(&self, id: UserId) -> Result<bool, StoreError> {
        let two = self.users.find(admins_only()).limit(2).projection(without_hash());
        let two = self.mongo.all(two.read_concern(ReadConcern::majority())).await?;
        Ok(two.iter().any(|admin| admin.id != to_oid(id.0)))
    }

    async fn take(&self, lock: &LockDocument, give_up: Instant) -> Result<(), StoreError> {
        loop {
            if self.mongo.unless_taken(self.role_changes.insert_one(lock)).await?.is_some() {
                return Ok(());
            }
            let there = self.mongo.run(self.role_changes.find_one(doc! { "_id": LOCK })).await?;
            match there {
                // Ours, taken by an attempt the driver repeated.
                Some(there) if there.holder == lock.holder => return Ok(()),
                Some(there) if there.has_run_out() && self.take_over(&there, lock).await? => return Ok(()),
                _ => {}
            }
            if Instant::now() >= give_up {
                return Err(StoreError::unavailable(STORE, "another change of administrators is under way"));
            }
            sleep(Duration::from_millis(self.random.number_within(PAUSE_MILLIS))).await;
        }
    }

    /// Whether the lock is ours, after fencing off what its holder may still write.
    async fn take_over(&self, late: &LockDocument, lock: &LockDocument) -> Result<bool, StoreError> {
        let fence = doc! { "$inc": { "rolesVersion": 1_i64 } };
        self.mongo.run(self.users.update_one(at_version(late.target, late.version), fence)).await?;
        let ours = doc! { "$set": {
            "holder": lock.holder,
            "target": lock.target,
            "version": lock.version,
            "until": lock.until,
        } };
        let taken = self.role_changes.update_one(LockDocument::held_by(late.holder), ours);
        Ok(self.mongo.run(taken).await?.matched_count == 1)
    }

    /// What was done is done, so a failure here is only worth a line: the lock runs out.
    async fn release(&self, lock: &LockDocument) {
        let released = self.mongo.run(self.role_changes.delete_one(LockDocument::held_by(lock.holder))).await;
        if let Err(error) = released {
            tracing::warn!(%error, "the lock on administrators was not released and will run out");
        }
    }
}

/// A user whose roles nobody has taken ADMIN from since. Users who never lost it have no version.
fn at_version(id: ObjectId, version: Option<i64>) -> Document {
    doc! { "_id": id, "rolesVersion": version }
}

fn roles_of(user: &User) -> Document {
    doc! { "roles": role_names(user.roles), "updatedAt": to_date(user.updated_at) }
}

pub(super) fn admins_only() -> Document {
    doc! { "roles": Role::Admin.name() }
}

#[cfg(test)]
mod tests;
