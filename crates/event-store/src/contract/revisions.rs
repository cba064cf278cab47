use domain::{Event, EventId};
use serde_json::json;

use super::{full_event, new_event, new_ids, nth_user, stamp_now};
use crate::{ChangeOutcome, EventChange, EventRevision, RevisionKey, RewardChange, Stores};

pub(crate) async fn an_event_has_its_revision_from_the_beginning(db: Stores) {
    let ids = new_ids();
    let events = [full_event(&ids), Event { condition: json!({}), ..full_event(&ids) }];
    for event in &events {
        db.events.create(new_event(event.clone())).await.unwrap();
    }
    let keys = events.each_ref().map(|event| RevisionKey { event: event.id, revision: 1 });
    let absent =
        [RevisionKey { revision: 2, ..keys[0] }, RevisionKey { event: EventId(ids.mint().id), revision: 1 }];
    let found = db.revisions.find_many(&[&keys[..], &absent].concat()).await.unwrap();
    assert_eq!(found.len(), 2);
    for (key, event) in keys.iter().zip(&events) {
        let expected = EventRevision::from_event(event, event.created_by);
        assert_eq!(found[key].as_ref().unwrap(), &expected);
        assert_eq!(db.revisions.find(*key).await.unwrap(), Some(expected));
    }
    assert_eq!(db.revisions.find(absent[0]).await.unwrap(), None);
    assert!(db.revisions.find_many(&[]).await.unwrap().is_empty());
}

pub(crate) async fn revisions_are_listed_newest_first(db: Stores) {
    let ids = new_ids();
    let mut event = full_event(&ids);
    db.events.create(new_event(event.clone())).await.unwrap();
    db.events.create(new_event(full_event(&ids))).await.unwrap();
    let mut expected = vec![EventRevision::from_event(&event, event.created_by)];
    for number in 2..12 {
        event = Event { revision: number, name: format!("Name {number}"), ..event };
        let change = EventChange {
            event: event.clone(),
            changed_by: nth_user(3),
            stamp: stamp_now(),
            rewards: RewardChange::Same,
        };
        assert_eq!(db.events.change(change).await.unwrap(), ChangeOutcome::Changed);
        expected.insert(0, EventRevision::from_event(&event, nth_user(3)));
    }
    assert_eq!(db.revisions.list(event.id, i64::MAX, 100).await.unwrap(), expected);
    assert_eq!(db.revisions.list(event.id, 10, 3).await.unwrap(), expected[2..5]);
    assert_eq!(db.revisions.list(event.id, 1, 3).await.unwrap(), []);
    assert_eq!(db.revisions.list(EventId(ids.mint().id), i64::MAX, 3).await.unwrap(), []);
}
