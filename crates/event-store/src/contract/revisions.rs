use domain::{Event, EventId};
use serde_json::json;

use super::{full_event, new_ids};
use crate::{EventRevision, RevisionKey, Stores};

pub(crate) async fn an_event_has_its_revision_from_the_beginning(db: Stores) {
    let ids = new_ids();
    let events = [full_event(&ids), Event { condition: json!({}), ..full_event(&ids) }];
    for event in &events {
        db.events.create(event.clone()).await.unwrap();
    }
    let keys = events.each_ref().map(|event| RevisionKey { event: event.id, revision: 1 });
    let absent =
        [RevisionKey { revision: 2, ..keys[0] }, RevisionKey { event: EventId(ids.mint().id), revision: 1 }];
    let found = db.revisions.find_many(&[&keys[..], &absent].concat()).await.unwrap();
    assert_eq!(found.len(), 2);
    for (key, event) in keys.iter().zip(&events) {
        let expected = EventRevision::from_event(event);
        assert_eq!(found[key].as_ref().unwrap(), &expected);
        assert_eq!(db.revisions.find(*key).await.unwrap(), Some(expected));
    }
    assert_eq!(db.revisions.find(absent[0]).await.unwrap(), None);
    assert!(db.revisions.find_many(&[]).await.unwrap().is_empty());
}
