use std::{collections::HashSet, sync::Arc};

use domain::{Event, EventId, EventStatus, Phase, fold_text};
use service_kit::page::PageRequest;

use super::{claims::new_claim, full_event, new_event, new_ids, nth_user, parse_time, stamp_now};
use crate::{
    ChangeOutcome, DeleteOutcome, EventChange, EventFilter, EventStore, RevisionKey, RewardChange, Stores,
};

pub(crate) async fn an_event_is_found_as_it_was_stored(db: Arc<dyn EventStore>) {
    let ids = new_ids();
    let full = full_event(&ids);
    let bare =
        Event { description: None, period_end: None, condition: serde_json::json!({}), ..full_event(&ids) };
    for event in [&full, &bare] {
        db.create(new_event(event.clone())).await.unwrap();
    }
    let unknown = EventId(ids.mint().id);
    let found = db.find_many(&[bare.id, unknown, full.id, full.id]).await.unwrap();
    assert_eq!(found.len(), 2);
    let [one, other] = [full.id, bare.id].map(|id| found[&id].as_ref().unwrap());
    assert_eq!((one, other), (&full, &bare));
    assert!(db.find_many(&[]).await.unwrap().is_empty());
}

pub(crate) async fn event_filters_combine(db: Arc<dyn EventStore>) {
    let ids = new_ids();
    let now = parse_time("2026-05-10T00:00:00Z");
    let periods = [
        ("2026-05-10T00:00:00.001Z", None, Phase::Upcoming),
        ("2026-05-10T00:00:00Z", None, Phase::Ongoing),
        ("2026-05-01T00:00:00Z", Some("2026-05-10T00:00:00.001Z"), Phase::Ongoing),
        ("2026-05-01T00:00:00Z", Some("2026-05-10T00:00:00Z"), Phase::Ended),
    ];
    let mut all = Vec::new();
    for (start, end, _) in periods {
        for status in [EventStatus::Active, EventStatus::Inactive] {
            for name in ["Spring SALE 100%", "봄맞이 Ärger", "ΟΔΥΣΣΕΥΣ"] {
                let (period_start, period_end) = (parse_time(start), end.map(parse_time));
                let event = Event { name: name.into(), period_start, period_end, status, ..full_event(&ids) };
                db.create(new_event(event.clone())).await.unwrap();
                all.insert(0, event);
            }
        }
    }
    let page = PageRequest { limit: 100, before: None };
    for status in [None, Some(EventStatus::Active), Some(EventStatus::Inactive)] {
        for phase in [None, Some(Phase::Upcoming), Some(Phase::Ongoing), Some(Phase::Ended)] {
            for name in [
                None,
                Some("sale 100%"),
                Some("ÄRGER"),
                Some(".*"),
                Some("%"),
                Some("맞"),
                Some("οδυς"),
                Some("A\u{308}RGER"),
            ] {
                let filter = EventFilter {
                    status,
                    phase: phase.map(|phase| (phase, now)),
                    name: name.map(str::to_owned),
                };
                let expected: Vec<_> = all
                    .iter()
                    .filter(|event| status.is_none_or(|status| event.status == status))
                    .filter(|event| phase.is_none_or(|phase| event.phase(now) == phase))
                    .filter(|event| name.is_none_or(|name| fold_text(&event.name).contains(&fold_text(name))))
                    .cloned()
                    .collect();
                assert_eq!(db.list(&filter, page).await.unwrap().items, expected, "{filter:?}");
            }
        }
    }
}

/// Pages of these sizes, over and over, while events keep being created: what was there at the start is seen exactly
/// once, newest first.
pub(crate) async fn paging_sees_every_event_once_while_others_appear(
    db: Arc<dyn EventStore>,
    count: usize,
    sizes: &[usize],
    status: Option<EventStatus>,
) {
    let ids = new_ids();
    let mut expected = Vec::new();
    for n in 0..count {
        let active = if n % 3 == 0 { EventStatus::Inactive } else { EventStatus::Active };
        let event = Event { status: active, ..full_event(&ids) };
        if status.is_none_or(|status| status == active) {
            expected.insert(0, event.id);
        }
        db.create(new_event(event)).await.unwrap();
    }
    let filter = EventFilter { status, ..EventFilter::default() };
    let (mut seen, mut before) = (Vec::new(), None);
    for limit in sizes.iter().cycle() {
        let page = db.list(&filter, PageRequest { limit: *limit, before }).await.unwrap();
        assert!(page.items.len() <= *limit);
        seen.extend(page.items.iter().map(|event| event.id));
        db.create(new_event(full_event(&ids))).await.unwrap();
        match page.next_cursor {
            Some(cursor) => before = Some(cursor.parse().unwrap()),
            None => break,
        }
    }
    assert_eq!(seen.iter().collect::<HashSet<_>>().len(), seen.len());
    assert_eq!(seen, expected);
}

fn rename(event: &Event, name: &str) -> EventChange {
    let event = Event { name: name.into(), revision: event.revision + 1, ..event.clone() };
    EventChange { event, changed_by: nth_user(8), stamp: stamp_now(), rewards: RewardChange::Same }
}

async fn find_one(db: &Stores, id: EventId) -> Option<Event> {
    db.events.find_many(&[id]).await.unwrap().remove(&id).map(Result::unwrap)
}

pub(crate) async fn a_change_replaces_the_revision_it_was_made_from(db: Stores) {
    let ids = new_ids();
    let event = full_event(&ids);
    db.events.create(new_event(event.clone())).await.unwrap();
    let bare =
        Event { description: None, period_end: None, condition: serde_json::json!({}), ..event.clone() };
    let change = rename(&bare, "Later");
    assert_eq!(db.events.change(change.clone()).await.unwrap(), ChangeOutcome::Changed);
    assert_eq!(find_one(&db, event.id).await, Some(change.event.clone()));
    assert_eq!(db.events.change(rename(&event, "Too late")).await.unwrap(), ChangeOutcome::Outdated);
    assert_eq!(find_one(&db, event.id).await, Some(change.event.clone()));
    let unknown = rename(&full_event(&ids), "Nobody");
    assert_eq!(db.events.change(unknown.clone()).await.unwrap(), ChangeOutcome::UnknownEvent);
    let orphan = RevisionKey { event: unknown.event.id, revision: 2 };
    assert_eq!(db.revisions.find(orphan).await.unwrap(), None);
    // What was found by its old name is found by its new one alone.
    let by_name = async |name: &str| {
        let filter = EventFilter { name: Some(name.into()), ..EventFilter::default() };
        db.events.list(&filter, PageRequest::default()).await.unwrap().items.len()
    };
    assert_eq!((by_name("ärger").await, by_name("LATER").await), (0, 1));
}

pub(crate) async fn of_many_who_change_one_revision_one_does(db: Stores) {
    let ids = new_ids();
    let event = full_event(&ids);
    db.events.create(new_event(event.clone())).await.unwrap();
    let mut present = event;
    for round in 0..5 {
        let racers = (0..20).map(|number| {
            let (db, change) = (db.clone(), rename(&present, &format!("Round {round}, {number}")));
            tokio::spawn(async move { (change.event.clone(), db.events.change(change).await.unwrap()) })
        });
        let mut winners = Vec::new();
        for racer in racers.collect::<Vec<_>>() {
            let (event, outcome) = racer.await.unwrap();
            match outcome {
                ChangeOutcome::Changed => winners.push(event),
                outcome => assert_eq!(outcome, ChangeOutcome::Outdated),
            }
        }
        assert_eq!(winners.len(), 1);
        present = find_one(&db, winners[0].id).await.unwrap();
        assert_eq!(present, winners[0]);
    }
    assert_eq!(db.revisions.list(present.id, i64::MAX, 100).await.unwrap().len(), 6);
}

pub(crate) async fn an_event_that_nobody_has_claimed_can_be_deleted(db: Stores) {
    let ids = new_ids();
    let [kept, gone, claimed] = [(); 3].map(|()| full_event(&ids));
    for event in [&kept, &gone, &claimed] {
        db.events.create(new_event(event.clone())).await.unwrap();
    }
    db.claims.claim_once(new_claim(ids.mint(), nth_user(1), claimed.id)).await.unwrap();
    assert_eq!(db.events.delete(gone.id, Some(2), stamp_now()).await.unwrap(), DeleteOutcome::Outdated);
    assert_eq!(find_one(&db, gone.id).await.as_ref(), Some(&gone));
    assert_eq!(db.events.delete(gone.id, Some(1), stamp_now()).await.unwrap(), DeleteOutcome::Deleted);
    assert_eq!(db.events.delete(gone.id, None, stamp_now()).await.unwrap(), DeleteOutcome::UnknownEvent);
    assert_eq!(db.events.delete(claimed.id, None, stamp_now()).await.unwrap(), DeleteOutcome::HasClaims);
    assert_eq!(db.events.change(rename(&gone, "Ghost")).await.unwrap(), ChangeOutcome::UnknownEvent);
    assert_eq!(find_one(&db, gone.id).await, None);
    assert_eq!(find_one(&db, claimed.id).await, Some(claimed.clone()));
    let listed = db.events.list(&EventFilter::default(), PageRequest::default()).await.unwrap();
    assert_eq!(listed.items, [claimed, kept]);
}
