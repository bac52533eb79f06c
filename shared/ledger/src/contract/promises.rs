//! One test of each promise.

/// Makes a test of each of the ledger's promises. `$bench` is an expression, awaited anew for each, that makes a
/// [`Bench`](crate::contract::Bench); `with $check` hands each promise to a function instead, which makes benches as it likes.
#[macro_export]
macro_rules! ledger_promises {
    (with $check:path) => {
        $crate::ledger_promises! { @list with $check; }
    };
    ($bench:expr) => {
        $crate::ledger_promises! { @list on $bench; }
    };
    (@list $how:ident $what:expr;) => {
        $crate::promise_tests! { $how $what;
            accepting: an_event_is_accepted_once, an_event_is_accepted_once_by_many_at_a_time, an_event_is_set_aside_once,
                every_event_has_its_own_place, an_event_without_account_is_kept,
                an_account_is_due_until_it_is_drained, long_bodies_come_back, any_text_names_an_account;
            claiming: a_claim_is_exclusive_and_all_or_nothing, one_of_many_claims_wins,
                a_claim_takes_as_many_accounts_as_a_write, the_same_holder_renews, an_ended_lease_is_taken_over_and_fenced,
                a_released_lock_is_free_and_its_fence_grows, an_event_that_slips_in_keeps_the_account,
                rows_left_keep_the_account, a_failed_draining_is_counted_and_due,
                an_account_without_events_is_let_go, a_release_is_recognised_when_repeated;
            opening: one_run_is_open_for_a_person_and_goal, one_of_many_openings_wins,
                opening_deals_with_its_rows, an_opening_is_recognised_when_repeated,
                a_lost_lock_opens_nothing, an_inbox_that_moved_opens_nothing, a_run_too_wide_is_refused, runs_are_listed_newest_first,
                runs_about_one_connection_stand_beside_the_run_about_all,
                an_exception_is_in_force_with_the_opening;
            joining: joined_events_become_triggers, a_finished_run_is_not_joined,
                rows_drained_for_nothing_say_why;
            finishing: a_claimed_run_is_lost_to_others, an_earlier_holder_writes_nothing,
                the_same_holder_claims_a_run_again, a_parked_run_is_due_then,
                a_dead_workers_run_is_due_after_its_lease, a_held_run_is_not_due,
                finishing_frees_the_goal, finishing_notices_a_late_join,
                settling_is_recognised_when_repeated;
            journalling: entries_are_linked_over_claims, an_append_is_recognised_by_its_nonce,
                an_append_needs_the_accounts_lock, sequences_are_written_side_by_side,
                a_journal_is_read_from_where_it_was_read_to;
            deciding: a_limit_holds_under_many, a_member_takes_one_place, a_review_is_decided_once,
                a_decision_binds_to_the_plan_and_ends, a_review_is_opened_again_only_as_it_was_seen,
                a_decision_wakes_its_run, a_decision_on_a_run_that_has_ended_is_not_due_for_ever,
                documents_stand_by_themselves, reviews_are_listed_newest_first_and_the_open_ones_alone;
            timing: a_timer_is_due_from_its_moment_on, a_timer_is_set_once, a_timer_is_written_on_by_one,
                a_timer_is_removed_under_its_version, timers_are_listed_by_kind;
            forgetting: a_person_has_one_key_and_each_run_a_salt_of_its_own,
                who_is_forgotten_leaves_only_what_a_receipt_shows,
                the_same_id_in_another_connection_is_somebody_else_s, what_has_not_ended_stands_in_the_way;
            keeping: an_event_is_kept_as_long_as_was_said, what_was_kept_long_enough_goes, what_is_not_over_stays;
            mentioning: a_document_is_theirs_by_its_kind, a_timer_of_theirs_goes_once_it_is_over,
                a_review_keeps_nothing_of_them, an_event_goes_with_what_was_made_of_it,
                a_journal_of_others_loses_their_name, an_open_run_of_others_that_names_them_bars,
                a_claim_that_has_ended_goes;
            working: work_is_done_once_although_workers_die;
        }
    };
}

/// Makes a test of each promise of queues. `$bench` makes a [`QueueBench`](crate::contract::queueing::QueueBench) over empty
/// queues.
#[macro_export]
macro_rules! queue_promises {
    ($bench:expr) => {
        $crate::promise_tests! { on $bench;
            queueing: what_is_sent_arrives_until_acknowledged, an_unacknowledged_message_comes_back,
                a_message_given_back_is_there_again, a_delayed_message_waits,
                a_message_handed_out_too_often_is_dead, a_message_too_large_is_refused;
        }
    };
}

/// Makes a test of each promise of files. `$bench` makes an `Arc<dyn Files>`.
#[macro_export]
macro_rules! file_promises {
    ($bench:expr) => {
        $crate::promise_tests! { on $bench;
            filing: bodies_come_back, what_was_never_stored_is_missing, names_cannot_leave_the_store,
                what_is_removed_is_missing_and_not_listed;
        }
    };
}

/// Makes a test of each promise of tables. `$bench` makes a [`TableBench`](crate::contract::tables::TableBench).
#[macro_export]
macro_rules! table_promises {
    ($bench:expr) => {
        $crate::promise_tests! { on $bench;
            tables: versions_grow_and_fence, all_parts_are_written_or_none,
                a_repeated_write_is_recognisable, one_of_many_writes_happens,
                a_partition_is_read_by_prefix_in_order, items_are_due_earliest_first,
                an_expired_item_is_gone, a_scan_meets_every_item_once;
        }
    };
}

/// Makes a test of each promise named.
#[doc(hidden)]
#[macro_export]
macro_rules! promise_tests {
    (on $bench:expr; $($group:ident: $($promise:ident),+;)+) => {
        $($(
            #[tokio::test]
            async fn $promise() {
                let bench = $bench.await;
                $crate::contract::$group::$promise(&bench).await;
            }
        )+)+
    };
    (with $check:expr; $($group:ident: $($promise:ident),+;)+) => {
        $($(
            #[tokio::test]
            async fn $promise() {
                $check($crate::contract::$group::$promise).await;
            }
        )+)+
    };
}
