//! Long lists: query jobs and ingest jobs.

use rollcall_simulators::salesforce::{BulkFailure, Pace};

use super::*;

/// An object with as many records as need jobs.
fn many(world: &World, count: usize) -> Vec<String> {
    world.seed(
        "Lead",
        count,
        |place| json!({ "LastName": format!("L{place}"), "Company": "Corp", "IsConverted": place % 50 == 49 }),
    )
}

#[tokio::test]
async fn five_thousand_records_go_by_jobs_and_each_has_its_place() {
    let world = World::new();
    let leads = many(&world, 5_000);
    for lead in &leads[..3] {
        world.org.refuse_by_rule(lead, "stays");
    }
    for lead in &leads[10..40] {
        world.org.lock_row(lead, 2);
    }
    world.org.approval_lock(&leads[45]);
    world.seed("Account", 3, |_| json!({ "Name": "A" }));
    let before = world.org.fingerprint();
    let desk = world.desk();
    let ended = world.run(&desk, HAND_OVER, World::to_sam()).await;
    ended.check(&desk);
    assert_eq!(ended.outcome, Outcome::Changed, "{:#?}", ended.done);
    assert_eq!(ended.figures("Lead", "OwnerId"), [5_000, 0, 4_896, 100, 4, 0]);
    assert_eq!(
        ended.tally("Lead", "OwnerId").refusals["FIELD_CUSTOM_VALIDATION_EXCEPTION"],
        3
    );
    changed_at_most(&world.org, 1);
    let calls = world.org.calls().len();
    assert!(calls < 100, "{calls} calls");
    assert_eq!(
        world.org.bulk_jobs().get("ingest JobComplete"),
        Some(&1),
        "{:?}",
        world.org.bulk_jobs()
    );
    assert!(ended.waits.iter().all(|(after, _)| *after <= Duration::from_mins(5)));

    world.org.clear_calls();
    let next = desk.next();
    let back = world
        .run(&next, TAKE_BACK, json!({ "evidence": ended.done.evidence }))
        .await;
    back.check(&next);
    assert_eq!(back.figures("Lead", "OwnerId"), [4_896, 0, 4_896, 0, 0, 0]);
    assert_eq!(world.org.fingerprint(), before);
    println!(
        "5,003 records: {calls} calls to hand over, {} to take back, files of {} bytes",
        world.org.calls().len(),
        next.files
            .lock()
            .unwrap()
            .values()
            .map(bytes::Bytes::len)
            .sum::<usize>()
    );
    let again = next.next();
    let nothing = world
        .run(&again, TAKE_BACK, json!({ "evidence": ended.done.evidence }))
        .await;
    assert_eq!(nothing.outcome, Outcome::AlreadySo);
    changed_at_most(&world.org, 2);
}

#[tokio::test]
async fn pages_come_one_after_the_other_and_old_ones_are_asked_for_anew() {
    for (page, pace) in [
        (2_100, Pace::AT_ONCE),
        (
            900,
            Pace {
                tick: Duration::from_mins(4),
                batches: 1,
            },
        ),
    ] {
        let world = World::new();
        many(&world, 4_500);
        world.org.set_bulk_page(page);
        world.org.set_bulk_pace(pace);
        let desk = world.desk();
        let clock = world.clock.clone();
        // Each page takes its time, so the list of the next is old.
        *desk.on_save.lock().unwrap() = Some(Box::new(move |what| {
            if what.contains("is through") && what.contains("page") {
                clock.pass(Duration::from_mins(6));
            }
        }));
        let ended = world.run(&desk, HAND_OVER, World::to_sam()).await;
        ended.check(&desk);
        assert_eq!(ended.outcome, Outcome::Changed, "{:#?}", ended.done);
        assert_eq!(ended.figures("Lead", "OwnerId"), [4_500, 0, 4_410, 90, 0, 0]);
        changed_at_most(&world.org, 1);
    }
}

#[tokio::test]
async fn what_a_job_leaves_undone_is_done_by_the_next() {
    let prepare: [fn(&Org); 5] = [
        |org| org.stick_bulk_jobs(1),
        |org| {
            org.fail_bulk_job(BulkFailure {
                after_batches: 0,
                message: "InternalServerError : too many retries".to_owned(),
            });
        },
        |org| org.set_bulk_rows_left(Some(1_000)),
        |org| org.set_failed_rows_blank(true),
        |org| org.may_not_read(&org.user_id("sam@corp.example").unwrap(), "Lead"),
    ];
    for (place, prepare) in prepare.iter().enumerate() {
        let world = World::new();
        let leads = many(&world, 2_600);
        world.org.refuse_by_rule(&leads[5], "stays");
        prepare(&world.org);
        let desk = world.desk();
        let org = world.org.clone();
        // The day's allocation is there again after a while.
        *desk.on_save.lock().unwrap() = Some(Box::new(move |what| {
            if what.contains("to try again") {
                org.set_bulk_rows_left(None);
            }
        }));
        let ended = world.run(&desk, HAND_OVER, World::to_sam()).await;
        ended.check(&desk);
        assert_eq!(ended.outcome, Outcome::Changed, "{place}: {:#?}", ended.done);
        assert_eq!(ended.figures("Lead", "OwnerId"), [2_600, 0, 2_547, 52, 1, 0], "{place}");
        changed_at_most(&world.org, 1);
    }
}

#[tokio::test]
async fn rows_that_no_job_ever_takes_are_refused_and_named() {
    let world = World::new();
    many(&world, 2_500);
    world.org.set_bulk_rows_left(Some(0));
    let desk = world.desk();
    let ended = world.run(&desk, HAND_OVER, World::to_sam()).await;
    ended.check(&desk);
    assert_eq!(ended.figures("Lead", "OwnerId"), [2_500, 0, 0, 50, 2_450, 0]);
    assert_eq!(
        ended.tally("Lead", "OwnerId").refusals,
        [("UNPROCESSED".to_owned(), 2_450)].into()
    );
}

#[tokio::test]
async fn wherever_a_job_is_left_another_process_goes_on_with_it() {
    let company = || {
        let world = World::new();
        let leads = many(&world, 2_060);
        world.org.lock_row(&leads[3], 1);
        world.org.refuse_by_rule(&leads[4], "stays");
        world.org.set_bulk_pace(Pace::AT_ONCE);
        world
    };
    // What comes before and after a job is cut elsewhere, among fewer records.
    let world = company();
    let desk = world.desk();
    let window = Arc::new(Mutex::new(Vec::new()));
    let (fuse, marks) = (desk.fuse.clone(), window.clone());
    *desk.on_save.lock().unwrap() = Some(Box::new(move |what| {
        if what.contains("looked at") || what.contains("to try again") {
            marks.lock().unwrap().push(fuse.count());
        }
    }));
    world.run(&desk, HAND_OVER, World::to_sam()).await;
    let marks = window.lock().unwrap().clone();
    let things = marks[0]..marks[1] + 1;
    assert!(things.len() > 15, "{things:?}");
    for at in things.clone() {
        for cut in [Cut::Before, Cut::After] {
            let world = company();
            let desk = world.desk();
            desk.fuse.set(at, cut);
            let ended = world.run(&desk, HAND_OVER, World::to_sam()).await;
            ended.check(&desk);
            assert_eq!(ended.outcome, Outcome::Changed, "{at} {cut:?}");
            assert_eq!(
                ended.figures("Lead", "OwnerId"),
                [2_060, 0, 2_018, 41, 1, 0],
                "{at} {cut:?}"
            );
            changed_at_most(&world.org, 1);
            // What was left open was stopped, not forgotten.
            assert_eq!(world.org.bulk_jobs().get("ingest Open"), None, "{at} {cut:?}");
        }
    }
    println!(
        "{} calls, saves and stores around a job, each cut before and after",
        things.len()
    );
}
