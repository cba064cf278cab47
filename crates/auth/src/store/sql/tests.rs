use std::sync::Arc;

use domain::Role;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use super::*;
use crate::store::{
    ApiKeyTransfer, UserTransfer,
    contract::{api_keys, audit, refresh_tokens, transfer, users},
};

mod postgres;
mod sqlite;

/// Hands the names of all suites to a macro, so that no database is left out of one.
macro_rules! every_suite {
    ($run:ident) => {
        $run! {
            users: a_user_is_found_as_they_were_stored,
            users: an_address_from_an_earlier_version_is_read_as_it_is,
            users: of_two_who_change_a_password_hash_one_succeeds,
            users: of_a_hundred_registrations_of_one_address_one_is_stored,
            users: roles_change_and_the_last_administrator_stays,
            users: of_administrators_who_demote_each_other_one_remains,
            users: of_promotions_and_demotions_that_race_an_administrator_remains,
            users: filters_combine,
            users: roles_are_told_for_many_users_at_once_and_in_order,
            api_keys: keys_are_found_by_their_hashes_one_answer_for_each_in_order,
            api_keys: keys_are_listed_newest_first_page_by_page,
            api_keys: of_many_who_delete_a_key_one_has_and_it_is_gone_at_once,
            api_keys: the_latest_use_stays_whoever_notes_it_last,
            api_keys: a_use_that_is_noted_while_its_key_is_deleted_brings_nothing_back,
            api_keys: of_keys_made_at_once_each_is_stored,
            api_keys: keys_are_moved_whole_and_count_where_they_have_come_to,
            audit: every_change_has_an_entry_and_what_changes_nothing_has_none,
            audit: of_changes_that_race_each_has_one_entry,
            audit: entries_are_filtered_and_paged_newest_first,
            refresh_tokens: a_rotation_replaces_the_hash_and_keeps_the_rest,
            refresh_tokens: a_token_that_was_rotated_away_deletes_the_row,
            refresh_tokens: a_rotation_can_be_repeated_within_the_grace_until_the_successor_is_used,
            refresh_tokens: without_a_grace_no_rotation_can_be_repeated,
            refresh_tokens: a_row_gives_its_place_back_only_while_it_holds_it,
            refresh_tokens: an_earlier_logins_token_is_unknown_and_changes_nothing,
            refresh_tokens: an_expired_token_is_told_apart,
            refresh_tokens: deleting_can_be_tied_to_a_family,
            refresh_tokens: of_many_rotations_with_one_token_one_rotates_and_the_others_repeat,
            refresh_tokens: of_many_logins_at_once_one_row_is_left,
            transfer: what_is_imported_comes_out_the_same_wherever_one_begins,
            transfer: many_can_be_imported_at_once,
            transfer: importing_again_changes_nothing_and_fills_gaps,
            transfer: whose_address_another_has_is_left_out_and_the_others_are_stored,
            transfer: who_was_imported_is_found_as_if_they_had_registered,
        }
    };
}
use every_suite;

/// Pages through as many databases as there are cases; `open` hands out empty ones, with what must be kept as long.
fn check_paging<K>(cases: u32, open: impl AsyncFn() -> (SqlUserDb, K)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let drawn = (
        0_usize..40,
        prop::collection::vec(1_usize..8, 1..5),
        prop::option::of(prop::sample::select(vec![Role::User, Role::Admin])),
    );
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let paged = TestRunner::new(config).run(&drawn, |(count, sizes, role)| {
        runtime.block_on(async {
            let (db, _kept) = open().await;
            users::paging_sees_everybody_once_while_others_register(Arc::new(db), count, &sizes, role).await;
        });
        Ok(())
    });
    paged.unwrap();
}
