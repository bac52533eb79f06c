//! Who is forgotten is nowhere any more; everybody else is where they were, and every receipt still verifies.

use std::collections::BTreeSet;

use rollcall_engine::{EngineError, ForgetWish, forgotten};
use rollcall_evidence::{Forgotten, PublicKey, verify};
use rollcall_harness::{Fault, Strike, World, WorldSpec};
use rollcall_model::Run;
use rollcall_model::ledger::documents;
use rollcall_policy::configuration::ListSource;
use rollcall_scenarios::{HOUR, Stage};
use rollcall_simulators::world::LEAVER;

const CHIDI: &str = "chidi.okafor@corp.example";
const BY: &str = "priya.raman@corp.example";

fn wish(who: &str) -> ForgetWish {
    ForgetWish {
        who: who.to_owned(),
        by: BY.to_owned(),
        even_undo: true,
    }
}

/// Two people have left, and all is at rest.
async fn two_left(spec: WorldSpec) -> Stage {
    let mut stage = Stage::new(spec).await;
    stage.engine.start().await.expect("the configuration is kept");
    stage.leaves().await;
    stage.leaves_too(CHIDI).await;
    stage.settle().await;
    // The watch over the cuts has looked once, so that there is a timer that has been written on.
    stage.later(HOUR).await;
    stage
}

/// Every byte of the state: items with their keys, files with their names, messages. Configurations are the company's own.
async fn state(world: &World) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let (items, next) = world.table.scan(after.as_ref(), 500).await.expect("memory answers");
        for item in items {
            let place = format!("{} {}", item.key.pk, item.key.sk);
            all.push((place.clone(), format!("{place} {} {}", item.nonce, item.body)));
        }
        match next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    for name in world.files.list("", None, 10_000).await.expect("memory answers") {
        if name.starts_with("configurations/") {
            continue;
        }
        let body = world.files.get(&name).await.expect("it is listed");
        all.push((name.clone(), format!("{name} {}", String::from_utf8_lossy(&body))));
    }
    all
}

/// Where one of the names stands; looked for without regard to what stands beside it.
fn found(state: &[(String, String)], names: &[String]) -> BTreeSet<String> {
    let mut places = BTreeSet::new();
    for (place, text) in state {
        let text = text.to_lowercase();
        for name in names {
            if text.contains(&name.to_lowercase()) {
                places.insert(format!("{name} in {place}"));
            }
        }
    }
    places
}

fn amara(stage: &Stage) -> Vec<String> {
    let vendors = &stage.world.vendors;
    let names = [LEAVER, "Amara Okafor", "E1042", &vendors.leaver, &vendors.leaver_user];
    names.map(str::to_owned).to_vec()
}

fn chidi(stage: &Stage) -> Vec<String> {
    let vendors = &stage.world.vendors;
    let okta = vendors.okta.user_id(CHIDI).expect("the directory has them");
    let names = [CHIDI, "Chidi Okafor", "E1043", &okta, &vendors.colleague_user];
    names.map(str::to_owned).to_vec()
}

async fn run_of(stage: &Stage, login: &str) -> Run {
    let runs = stage.ledger().runs(None, 10).await.expect("memory answers");
    runs.into_iter()
        .find(|run| run.person.login == login)
        .expect("it is there")
}

fn keys(stage: &Stage) -> Vec<PublicKey> {
    vec![*stage.world.signer.public_key()]
}

/// All receipts are what they were, and verify; so does the statement.
async fn receipts_verify(stage: &Stage, before: &[(String, String)]) {
    let keys = keys(stage);
    let files = &stage.world.files;
    let mut statements = 0;
    for name in files.list("receipts/", None, 100).await.expect("memory answers") {
        let body = files.get(&name).await.expect("it is listed");
        if Forgotten::is(&body) {
            let stated = Forgotten::verify(&body, &keys)
                .expect("the statement verifies")
                .statement;
            assert_eq!((stated.by.as_str(), stated.runs.len()), (BY, 1));
            statements += 1;
            continue;
        }
        verify(&body, &keys).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let was = before
            .iter()
            .find(|(old, _)| *old == name)
            .expect("it was there before");
        assert_eq!(was.1, format!("{name} {}", String::from_utf8_lossy(&body)));
    }
    assert_eq!(statements, 1);
}

#[tokio::test]
async fn who_is_forgotten_is_nowhere_and_others_are_where_they_were() {
    let stage = two_left(WorldSpec::default()).await;
    let before = state(&stage.world).await;
    let run = run_of(&stage, LEAVER).await;
    for name in amara(&stage) {
        assert!(
            !found(&before, std::slice::from_ref(&name)).is_empty(),
            "{name} is there before"
        );
    }
    let others = found(&before, &chidi(&stage));
    assert!(others.len() > 10, "{others:#?}");

    let looked = stage
        .engine
        .look_at_forgetting(&wish(LEAVER))
        .await
        .expect("it can be told");
    assert_eq!(looked.obstacles, BTreeSet::new());
    assert_eq!(looked.runs, [run.id.to_string()]);
    assert_eq!(state(&stage.world).await, before, "looking changes nothing");

    let (statement, name) = stage.engine.forget(&wish(LEAVER)).await.expect("it can be done");
    let after = state(&stage.world).await;
    assert_eq!(found(&after, &amara(&stage)), BTreeSet::new());
    assert_eq!(found(&after, &chidi(&stage)), others, "others are where they were");
    receipts_verify(&stage, &before).await;
    assert!(name.contains(&statement.id) && statement.destroyed == looked.found);

    let kept = stage
        .ledger()
        .run(&run.id)
        .await
        .expect("memory answers")
        .expect("it stays");
    assert_eq!(kept.forgotten(), Some(statement.id.as_str()));
    let told = forgotten(stage.ledger(), &statement.id).await.expect("memory answers");
    assert_eq!(told.as_ref(), Some(&statement));
    let receipt = stage.world.files.get(run.receipt.as_deref().expect("it has one")).await;
    let receipt: serde_json::Value = serde_json::from_slice(&receipt.expect("it stays")).expect("it is JSON");
    let pseudonym = statement.runs[0].person.as_ref().expect("there was a key");
    assert_eq!(
        receipt["header"]["person"],
        pseudonym.as_str(),
        "the statement names whom the receipt names"
    );

    // The same again comes to the same end, and by the name nobody is found any more.
    let again = stage
        .engine
        .forget(&wish(&statement.id))
        .await
        .expect("it is done already");
    assert_eq!(again, (statement, name));
    let unknown = stage.engine.forget(&wish(LEAVER)).await;
    assert!(matches!(unknown, Err(EngineError::Refused(why)) if why.contains("nothing is known")));
    assert_eq!(state(&stage.world).await, after);
}

#[tokio::test]
async fn forgetting_ends_alike_wherever_it_was_cut_off() {
    let plain = two_left(WorldSpec::default()).await;
    let first = plain.world.injector.count() + 1;
    plain.engine.forget(&wish(LEAVER)).await.expect("it can be done");
    let last = plain.world.injector.count();
    let others = found(&state(&plain.world).await, &chidi(&plain));
    assert!(last > first + 30, "{first} to {last}");
    for (number, point) in (first..=last).enumerate() {
        // Each point once; what goes wrong there goes round.
        let fault = [Fault::CrashBefore, Fault::CrashAfter, Fault::Fails][number % 3];
        let spec = WorldSpec {
            strikes: vec![Strike { point, fault }],
            ..WorldSpec::default()
        };
        let mut stage = two_left(spec).await;
        let before = state(&stage.world).await;
        let theirs = wish(LEAVER);
        let done = tokio::select! {
            biased;
            () = stage.engine.life.ended() => false,
            done = stage.engine.forget(&theirs) => done.is_ok(),
        };
        assert!(!stage.world.injector.struck().is_empty(), "{point} is reached");
        if !done {
            stage.replace_worker().await;
            let begun = stage.documents(documents::FORGETTING).await;
            let over = stage.documents(documents::FORGOTTEN).await;
            let who = match (begun.first(), over.first()) {
                (Some((id, _)), _) | (None, Some((id, _))) => id.clone(),
                (None, None) => LEAVER.to_owned(),
            };
            let again = stage.engine.forget(&wish(&who)).await;
            again.unwrap_or_else(|why| panic!("{fault:?} at {point}: {}", why.chain()));
        }
        let after = state(&stage.world).await;
        let left = found(&after, &amara(&stage));
        assert_eq!(left, BTreeSet::new(), "{fault:?} at {point}");
        assert_eq!(found(&after, &chidi(&stage)), others, "{fault:?} at {point}");
        receipts_verify(&stage, &before).await;
    }
}

#[tokio::test]
async fn a_hold_a_list_that_cannot_be_read_and_what_could_be_taken_back_stand_in_the_way() {
    let mut stage = two_left(WorldSpec::default()).await;
    let before = state(&stage.world).await;
    let hold = |source: ListSource| {
        move |configuration: &mut rollcall_policy::Configuration| {
            configuration.lists.insert("hold".to_owned(), source);
        }
    };
    let object = ListSource::Object {
        name: "lists/hold.csv".to_owned(),
    };
    for (source, part) in [
        (
            ListSource::People(vec![LEAVER.to_owned()]),
            "under legal hold (the list",
        ),
        (object, "cannot be told"),
    ] {
        stage.reconfigure(hold(source)).await;
        let refused = stage.engine.forget(&wish(LEAVER)).await;
        assert!(matches!(refused, Err(EngineError::Refused(why)) if why.contains(part)));
    }
    stage
        .reconfigure(hold(ListSource::People(vec![CHIDI.to_owned()])))
        .await;
    let careful = ForgetWish {
        even_undo: false,
        ..wish(LEAVER)
    };
    let refused = stage.engine.forget(&careful).await;
    assert!(matches!(refused, Err(EngineError::Refused(why)) if why.contains("--even-undo")));
    assert_eq!(state(&stage.world).await, before, "nothing was destroyed");
    stage
        .engine
        .forget(&wish(LEAVER))
        .await
        .expect("nothing stands in the way");
}

#[tokio::test]
async fn who_is_still_being_worked_on_is_not_forgotten() {
    let stage = Stage::plain().await;
    stage.leaves().await;
    let delivery = stage.world.receive().await.expect("the hook's message is there");
    drop(delivery);
    // The message is taken and not handled; the person is known by an earlier link.
    let account = format!("okta-main/{}", stage.world.vendors.leaver);
    let person = stage
        .engine
        .read_person(&account)
        .await
        .expect("the directory has them");
    let link = serde_json::json!({"person": person});
    stage
        .ledger()
        .put_document(documents::LINK, &account, &link)
        .await
        .expect("memory takes it");
    let refused = stage.engine.forget(&wish(&account)).await;
    assert!(matches!(refused, Err(EngineError::Refused(why)) if why.contains("wait in the queues")));
}

#[tokio::test]
async fn two_runs_of_one_person_show_two_pseudonyms_under_one_key() {
    let mut stage = Stage::plain().await;
    stage.leaves().await;
    stage.settle().await;
    stage.returns_unheard();
    stage.leaves().await;
    stage.settle().await;
    let runs = stage.ledger().runs(None, 10).await.expect("memory answers");
    assert_eq!(runs.len(), 2);
    assert_eq!(stage.documents(documents::KEY).await.len(), 1);
    let mut seen = BTreeSet::new();
    for run in &runs {
        let body = stage.world.files.get(run.receipt.as_deref().expect("it has one")).await;
        let receipt: serde_json::Value = serde_json::from_slice(&body.expect("it is there")).expect("it is JSON");
        seen.insert(receipt["header"]["person"].to_string());
    }
    assert_eq!(
        seen.len(),
        2,
        "nobody can tell by two receipts that they are about one person"
    );
    let all = state(&stage.world).await;
    let with_salt = all
        .iter()
        .filter(|(place, text)| place.ends_with(" RUN") && text.contains("\"salt\""));
    assert_eq!(with_salt.count(), 0, "no run carries its salt");
}
