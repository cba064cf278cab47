use domain::{
    ApiKeyId, AuditAction, AuditActor, AuditActorKind, AuditObject, AuditObjectKind, ObjectId, UserId,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{AuditDraft, AuditHash};

fn any_id() -> impl Strategy<Value = ObjectId> {
    any::<[u8; 12]>().prop_map(ObjectId::from_bytes)
}

fn any_value() -> impl Strategy<Value = Option<Value>> {
    let text = "\\PC{0,8}";
    prop_oneof![
        Just(None),
        text.prop_map(|name| Some(json!({ "name": name }))),
        (
            any::<f64>().prop_filter("finite", |float| float.is_finite()),
            -9_007_199_254_740_991_i64..9_007_199_254_740_992
        )
            .prop_map(|(float, whole)| Some(json!({ "float": float, "whole": whole, "list": [null, true] }))),
    ]
}

fn any_draft() -> impl Strategy<Value = AuditDraft> {
    let actor = (any_id(), 0_usize..4).prop_map(|(id, kind)| {
        let kind = AuditActorKind::ALL[kind];
        AuditActor::from_parts(kind, Some(id)).or(AuditActor::from_parts(kind, None)).unwrap()
    });
    let what = (
        prop::sample::select(AuditAction::ALL.to_vec()),
        prop::sample::select(AuditObjectKind::ALL.to_vec()),
        any_id(),
    );
    let values = (any_value(), any_value(), prop::option::of("[a-z0-9]{1,8}"));
    (any_id(), 0_i64..4_000_000_000_000, actor, what, values).prop_map(
        |(id, at, actor, (action, kind, object), (before, after, request_id))| AuditDraft {
            id,
            at: Timestamp::from_millis(at),
            actor,
            action,
            object: AuditObject { kind, id: object },
            before,
            after,
            request_id,
        },
    )
}

fn chain_of(drafts: Vec<AuditDraft>) -> Vec<AuditEntry> {
    let mut head = AuditHead::EMPTY;
    let entry = |draft| {
        let entry = AuditEntry::following(head, draft).unwrap();
        head = entry.head();
        entry
    };
    drafts.into_iter().map(entry).collect()
}

fn any_chain(length: std::ops::Range<usize>) -> impl Strategy<Value = Vec<AuditEntry>> {
    prop::collection::vec(any_draft(), length).prop_map(chain_of)
}

fn verify(entries: &[AuditEntry], known: Option<AuditHead>) -> Result<AuditHead, ChainFault> {
    let mut verifier = ChainVerifier::new(known);
    entries.iter().try_for_each(|entry| verifier.check(entry))?;
    verifier.finish()
}

/// Every way to change one field of an entry so that it says something else.
fn tamper(entry: &mut AuditEntry, field: usize, by: u8) {
    let other_id = |id: ObjectId| {
        let mut bytes = id.bytes();
        bytes[usize::from(by) % 12] ^= 1 << (by % 8);
        ObjectId::from_bytes(bytes)
    };
    let other_hash = |hash: AuditHash| {
        let mut digits = hash.to_string().into_bytes();
        let digit = &mut digits[usize::from(by) % 64];
        *digit = if *digit == b'0' { b'1' } else { b'0' };
        String::from_utf8(digits).unwrap().parse().unwrap()
    };
    let next = |place: usize, count: usize| (place + 1 + usize::from(by) % (count - 1)) % count;
    let draft = &mut entry.draft;
    match field {
        0 => draft.id = other_id(draft.id),
        1 => draft.at = Timestamp::from_millis(draft.at.as_millis() + 1 + i64::from(by)),
        2 => {
            draft.actor = match draft.actor {
                AuditActor::User(id) if by.is_multiple_of(2) => AuditActor::Key(ApiKeyId(id.0)),
                AuditActor::User(id) => AuditActor::User(UserId(other_id(id.0))),
                AuditActor::Key(id) => AuditActor::Key(ApiKeyId(other_id(id.0))),
                AuditActor::Command => AuditActor::Worker,
                AuditActor::Worker => AuditActor::Command,
            }
        }
        3 => {
            let place = AuditAction::ALL.iter().position(|action| *action == draft.action).unwrap();
            draft.action = AuditAction::ALL[next(place, AuditAction::ALL.len())];
        }
        4 => {
            let kinds = AuditObjectKind::ALL;
            let place = kinds.iter().position(|kind| *kind == draft.object.kind).unwrap();
            draft.object.kind = kinds[next(place, kinds.len())];
        }
        5 => draft.object.id = other_id(draft.object.id),
        6 => draft.before = draft.before.is_none().then(|| json!({ "by": by })),
        7 => draft.after = Some(json!({ "was": draft.after })),
        8 => draft.request_id = Some(format!("{}x", draft.request_id.as_deref().unwrap_or_default())),
        9 => entry.previous_hash = other_hash(entry.previous_hash),
        _ => entry.hash = other_hash(entry.hash),
    }
}

proptest! {
    #[test]
    fn a_whole_chain_is_verified_up_to_its_head_and_against_every_head_it_had(entries in any_chain(0..12)) {
        let head = entries.last().map_or(AuditHead::EMPTY, AuditEntry::head);
        prop_assert_eq!(verify(&entries, None), Ok(head));
        for known in entries.iter().map(AuditEntry::head).chain([AuditHead::EMPTY]) {
            prop_assert_eq!(verify(&entries, Some(known)), Ok(head));
        }
    }

    #[test]
    fn whatever_is_changed_in_whichever_entry_is_found_there(
        entries in any_chain(1..10), place in any::<prop::sample::Index>(), field in 0_usize..11, by: u8,
    ) {
        let (mut changed, place) = (entries.clone(), place.index(entries.len()));
        tamper(&mut changed[place], field, by);
        prop_assert_ne!(&changed, &entries);
        let found = verify(&changed, None);
        let sequence = entries[place].sequence;
        prop_assert!(matches!(found, Err(ChainFault::Changed { sequence: at, .. }) if at == sequence), "{:?}", found);
    }

    #[test]
    fn an_entry_that_was_changed_and_hashed_anew_is_found_where_the_next_one_follows_or_by_the_head(
        entries in any_chain(1..10), place in any::<prop::sample::Index>(), field in 0_usize..9, by: u8,
    ) {
        let (mut changed, place) = (entries.clone(), place.index(entries.len()));
        tamper(&mut changed[place], field, by);
        let before = if place == 0 { AuditHead::EMPTY } else { entries[place - 1].head() };
        changed[place] = AuditEntry::following(before, changed[place].draft.clone()).unwrap();
        let head = entries.last().unwrap().head();
        let sequence = entries[place].sequence;
        let expected = if place + 1 < entries.len() {
            ChainFault::Unlinked { sequence: sequence + 1 }
        } else {
            ChainFault::Replaced { sequence }
        };
        prop_assert_eq!(verify(&changed, Some(head)), Err(expected));
        // Whoever hashes everything after it anew too meets the head.
        let drafts = changed.into_iter().map(|entry| entry.draft).collect();
        prop_assert_eq!(verify(&chain_of(drafts), Some(head)), Err(ChainFault::Replaced { sequence: head.sequence }));
    }

    #[test]
    fn a_missing_entry_is_named(entries in any_chain(1..10), place in any::<prop::sample::Index>()) {
        let (mut left, place) = (entries.clone(), place.index(entries.len()));
        left.remove(place);
        let (head, sequence) = (entries.last().unwrap().head(), entries[place].sequence);
        let expected = if place == left.len() {
            ChainFault::Truncated { last: sequence - 1, known: sequence }
        } else {
            ChainFault::Missing { sequence }
        };
        prop_assert_eq!(verify(&left, Some(head)), Err(expected));
    }

    #[test]
    fn a_tail_that_was_cut_off_is_found_by_the_head(entries in any_chain(1..10), left in any::<prop::sample::Index>()) {
        let left = left.index(entries.len());
        let (head, last) = (entries.last().unwrap().head(), i64::try_from(left).unwrap());
        let expected = ChainFault::Truncated { last, known: head.sequence };
        prop_assert_eq!(verify(&entries[..left], Some(head)), Err(expected));
        // Without the head, what is left is a whole chain.
        prop_assert!(verify(&entries[..left], None).is_ok());
    }

    #[test]
    fn swapped_and_repeated_entries_are_found_where_they_begin(
        entries in any_chain(2..10), one in any::<prop::sample::Index>(), other in any::<prop::sample::Index>(),
    ) {
        let (one, other) = (one.index(entries.len()), other.index(entries.len()));
        prop_assume!(one < other);
        let mut swapped = entries.clone();
        swapped.swap(one, other);
        prop_assert_eq!(verify(&swapped, None), Err(ChainFault::Missing { sequence: entries[one].sequence }));
        let mut repeated = entries.clone();
        repeated.insert(other, entries[one].clone());
        let expected = ChainFault::Misplaced { expected: entries[other].sequence, sequence: entries[one].sequence };
        prop_assert_eq!(verify(&repeated, None), Err(expected));
    }

    #[test]
    fn an_entry_given_another_sequence_is_found(entries in any_chain(1..10), place in any::<prop::sample::Index>(), by in 1_i64..5) {
        let (mut changed, place) = (entries.clone(), place.index(entries.len()));
        let sequence = entries[place].sequence;
        changed[place].sequence += by;
        prop_assert_eq!(verify(&changed, None), Err(ChainFault::Missing { sequence }));
        // Also if the later ones follow suit.
        changed.remove(place);
        for entry in &mut changed[place..] {
            entry.sequence -= 1;
        }
        let found = verify(&changed, None);
        if place < changed.len() {
            let is_there = matches!(found, Err(ChainFault::Changed { sequence: at, .. }) if at == sequence);
            prop_assert!(is_there, "{:?}", found);
        }
    }

    #[test]
    fn an_entry_comes_back_from_json_and_from_its_kept_values_exactly_as_it_was(entries in any_chain(1..5)) {
        for entry in &entries {
            let text = serde_json::to_string(entry).unwrap();
            prop_assert_eq!(&serde_json::from_str::<AuditEntry>(&text).unwrap(), entry);
            for value in [&entry.draft.before, &entry.draft.after].into_iter().flatten() {
                let read = crate::read_canonical(&crate::canonical_text(value).unwrap()).unwrap();
                let draft = AuditDraft { before: Some(read), ..entry.draft.clone() };
                let original = AuditDraft { before: Some(value.clone()), ..entry.draft.clone() };
                let hashed = |draft| AuditEntry::following(AuditHead::EMPTY, draft).unwrap().hash;
                prop_assert_eq!(hashed(draft), hashed(original));
            }
        }
    }

    #[test]
    fn places_are_in_the_order_of_times_and_then_of_sequences(entries in any_chain(2..6)) {
        let mut by_place = entries.clone();
        by_place.sort_by_key(AuditEntry::place);
        prop_assert!(by_place.is_sorted_by_key(|entry| (entry.draft.at, entry.sequence)));
        prop_assert!(entries.is_sorted_by_key(AuditEntry::key));
        for entry in &entries {
            prop_assert_eq!(AuditEntry::sequence_of(entry.key()), entry.sequence);
            let at = entry.draft.at;
            let next = Timestamp::from_millis(at.as_millis() + 1);
            prop_assert!(AuditEntry::places_between(Some(at), Some(next)).contains(&entry.place()));
            prop_assert!(AuditEntry::places_between(None, None).contains(&entry.place()));
            prop_assert!(!AuditEntry::places_between(Some(next), None).contains(&entry.place()));
            prop_assert!(!AuditEntry::places_between(None, Some(at)).contains(&entry.place()));
        }
    }
}

#[test]
fn what_is_hashed_is_written_down_so_that_others_can_hash_it_too() {
    let draft = AuditDraft {
        id: ObjectId::from_bytes([1; 12]),
        at: "2026-05-01T09:00:00Z".parse().unwrap(),
        actor: AuditActor::User(UserId(ObjectId::from_bytes([2; 12]))),
        action: AuditAction::UserRolesReplaced,
        object: UserId(ObjectId::from_bytes([3; 12])).into(),
        before: Some(json!({ "roles": ["USER"] })),
        after: Some(json!({ "roles": ["USER", "ADMIN"] })),
        request_id: None,
    };
    let entry = AuditEntry::following(AuditHead::EMPTY, draft).unwrap();
    let mut content = serde_json::to_value(&entry).unwrap();
    content.as_object_mut().unwrap().remove("hash");
    assert_eq!(
        crate::canonical_text(&content).unwrap(),
        "{\"action\":\"user.roles.replaced\",\"actor\":{\"id\":\"020202020202020202020202\",\"kind\":\"user\"},\
         \"after\":{\"roles\":[\"USER\",\"ADMIN\"]},\"at\":\"2026-05-01T09:00:00.000Z\",\
         \"before\":{\"roles\":[\"USER\"]},\"id\":\"010101010101010101010101\",\
         \"object\":{\"id\":\"030303030303030303030303\",\"kind\":\"user\"},\
         \"previousHash\":\"0000000000000000000000000000000000000000000000000000000000000000\",\
         \"requestId\":null,\"sequence\":1}"
    );
    // As sha256sum gives it for that text. A log that was written once must verify for good: this never
    // changes.
    assert_eq!(entry.hash.to_string(), "2a29e32d9405affcad9be85ad0b69bd188e597f4d773ceb4884ac6c2c146f8d3");
}

#[test]
fn a_value_that_is_not_in_its_canonical_form_was_written_by_somebody_else() {
    for text in
        ["{\"a\": 1}", "{\"b\":1,\"a\":2}", "{\"a\":1,\"a\":1}", "9007199254740993", "1.0", "nonsense", ""]
    {
        assert_eq!(crate::read_canonical(text), None, "{text}");
    }
    assert_eq!(crate::read_canonical("{\"a\":1}"), Some(json!({ "a": 1 })));
}
