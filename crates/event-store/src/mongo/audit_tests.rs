//! What crashes leave of changes and their drafts, made by hand.

use domain::{AuditAction, Event, EventId};
use mongodb::bson::{DateTime, Document, doc};
use store_kit::{
    audit::mongo::{DELETED_AT, DRAFTS},
    mongo::{Mongo, to_oid},
};
use test_servers::{Mongo as Server, MongoMode};

use super::{revisions::RevisionDocument, tests::open_below, to_draft};
use crate::{
    ChangeOutcome, ClaimOutcome, DeleteOutcome, EventChange, EventRevision, RewardChange, Stores,
    audit::{event_changed, event_deleted},
    contract::{audit::whole_log, claims::new_claim, full_event, new_event, new_ids, nth_user, stamp_now},
};

async fn created_event(stores: &Stores) -> Event {
    let event = full_event(&new_ids());
    stores.events.create(new_event(event.clone())).await.unwrap();
    event
}

fn rename(event: &Event, name: &str) -> EventChange {
    let event = Event { name: name.into(), revision: event.revision + 1, ..event.clone() };
    EventChange { event, changed_by: nth_user(9), stamp: stamp_now(), rewards: RewardChange::Same }
}

/// The event's document as it is, if it is there.
async fn raw_event(mongo: &Mongo, id: EventId) -> Option<Document> {
    mongo.collection::<Document>("events").find_one(doc! { "_id": to_oid(id.0) }).await.unwrap()
}

async fn actions(stores: &Stores) -> Vec<AuditAction> {
    whole_log(&*stores.audit).await.iter().map(|entry| entry.draft.action).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_that_a_crash_left_has_its_entry_when_it_comes_into_force() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    let (stores, mongo) = open_below(&server).await;
    let event = created_event(&stores).await;
    let left = rename(&event, "Left");
    let mut document =
        RevisionDocument::try_from(EventRevision::from_event(&left.event, left.changed_by)).unwrap();
    document.draft = Some(to_draft(&event_changed(&left, &event)).unwrap());
    mongo.collection("event_revisions").insert_one(document).await.unwrap();
    assert_eq!(actions(&stores).await, [AuditAction::EventCreated]);
    let mine = rename(&event, "Mine");
    assert_eq!(stores.events.change(mine).await.unwrap(), ChangeOutcome::Outdated);
    let entries = whole_log(&*stores.audit).await;
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[1].draft.id, left.stamp.id);
    assert_eq!(entries[1].draft.after.as_ref().unwrap()["name"], "Left");
    // Deleted before it comes into force, it never was.
    let event = created_event(&stores).await;
    let left = rename(&event, "Left");
    let mut document =
        RevisionDocument::try_from(EventRevision::from_event(&left.event, left.changed_by)).unwrap();
    document.draft = Some(to_draft(&event_changed(&left, &event)).unwrap());
    mongo.collection("event_revisions").insert_one(document).await.unwrap();
    assert_eq!(stores.events.delete(event.id, None, stamp_now()).await.unwrap(), DeleteOutcome::Deleted);
    assert_eq!(actions(&stores).await[2..], [AuditAction::EventCreated, AuditAction::EventDeleted]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_a_crash_left_hidden_is_not_removed_and_one_that_is_shown_again_has_no_entry() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    let (stores, mongo) = open_below(&server).await;
    let [unclaimed, claimed] = [created_event(&stores).await, created_event(&stores).await];
    let claim = new_claim(new_ids().mint(), nth_user(1), claimed.id);
    assert_eq!(stores.claims.claim_once(claim).await.unwrap(), ClaimOutcome::Stored);
    // Hidden while the drafts of their creation still wait.
    let hide = doc! { "$set": { DELETED_AT: DateTime::from_millis(0), "hiddenBy": to_oid(stamp_now().id) } };
    mongo.collection::<Document>("events").update_many(doc! {}, hide).await.unwrap();
    let created = [AuditAction::EventCreated; 2];
    assert_eq!(actions(&stores).await, created);
    for event in [&unclaimed, &claimed] {
        assert!(raw_event(&mongo, event.id).await.is_some());
        assert!(stores.events.find_many(&[event.id]).await.unwrap().is_empty());
    }
    let delete = async |event: &Event| stores.events.delete(event.id, None, stamp_now()).await.unwrap();
    assert_eq!(delete(&claimed).await, DeleteOutcome::HasClaims);
    let shown = raw_event(&mongo, claimed.id).await.unwrap();
    assert!(!shown.contains_key(DELETED_AT) && !shown.contains_key("hiddenBy"), "{shown}");
    assert!(shown.get_array(DRAFTS).unwrap().is_empty(), "{shown}");
    assert_eq!(actions(&stores).await, created);
    assert_eq!(delete(&unclaimed).await, DeleteOutcome::Deleted);
    // It stays for its draft, invisible and not to be deleted again.
    assert!(raw_event(&mongo, unclaimed.id).await.is_some());
    assert!(stores.events.find_many(&[unclaimed.id]).await.unwrap().is_empty());
    assert_eq!(delete(&unclaimed).await, DeleteOutcome::UnknownEvent);
    assert_eq!(actions(&stores).await[2..], [AuditAction::EventDeleted]);
    assert!(raw_event(&mongo, unclaimed.id).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_a_crash_cut_off_behind_its_mark_is_one_and_leaves_nothing() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    let (stores, mongo) = open_below(&server).await;
    let event = created_event(&stores).await;
    let stamp = stamp_now();
    let draft = to_draft(&event_deleted(stamp.clone(), event.id, Some(&event))).unwrap();
    let mark = doc! {
        "$set": { DELETED_AT: DateTime::from_millis(stamp.at.as_millis()) },
        "$push": { DRAFTS: draft },
    };
    let events = mongo.collection::<Document>("events");
    events.update_one(doc! { "_id": to_oid(event.id.0) }, mark).await.unwrap();
    let change = rename(&event, "Ghost");
    assert_eq!(stores.events.change(change).await.unwrap(), ChangeOutcome::UnknownEvent);
    assert_eq!(actions(&stores).await, [AuditAction::EventCreated, AuditAction::EventDeleted]);
    assert!(raw_event(&mongo, event.id).await.is_none());
    let revisions = mongo.collection::<Document>("event_revisions");
    assert_eq!(revisions.count_documents(doc! {}).await.unwrap(), 1);
    let again = stores.events.delete(event.id, None, stamp_now()).await.unwrap();
    assert_eq!(again, DeleteOutcome::UnknownEvent);
    assert_eq!(revisions.count_documents(doc! {}).await.unwrap(), 0);
    assert_eq!(actions(&stores).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn drafts_wait_through_later_changes_and_one_that_is_chained_already_is_only_taken_out() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    let (stores, mongo) = open_below(&server).await;
    let event = created_event(&stores).await;
    let first = rename(&event, "First");
    let second = rename(&first.event, "Second");
    for change in [&first, &second] {
        assert_eq!(stores.events.change(change.clone()).await.unwrap(), ChangeOutcome::Changed);
    }
    let waiting = raw_event(&mongo, event.id).await.unwrap().get_array(DRAFTS).unwrap().clone();
    assert_eq!(waiting.len(), 3);
    let entries = whole_log(&*stores.audit).await;
    let ids: Vec<_> = entries[1..].iter().map(|entry| entry.draft.id).collect();
    assert_eq!(ids, [first.stamp.id, second.stamp.id]);
    // As if the process had ended before it took them out.
    let back = doc! { "$set": { DRAFTS: waiting } };
    let events = mongo.collection::<Document>("events");
    events.update_one(doc! { "_id": to_oid(event.id.0) }, back).await.unwrap();
    assert_eq!(whole_log(&*stores.audit).await, entries);
    assert!(raw_event(&mongo, event.id).await.unwrap().get_array(DRAFTS).unwrap().is_empty());
}
