//! Forgetting from the command line: afterwards no byte of the state names the person.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

use crate::support::{Stage, files};
use rollcall_simulators::world::LEAVER;

const CHIDI: &str = "chidi.okafor@corp.example";

/// Somebody is cut by a plan that was applied.
async fn cut(stage: &Stage, who: &str) {
    let plan = stage.rollcall(&["plan", who, "--json"]).await;
    assert_eq!(plan.code, 0, "{}", plan.all());
    let hash = plan.json()["hash"].as_str().unwrap().to_owned();
    let applied = stage.rollcall(&["apply", &hash]).await;
    assert_eq!(applied.code, 0, "{}", applied.all());
}

fn places(stage: &Stage, name: &str) -> Vec<String> {
    // Pinned configurations are the company's own.
    let all: Vec<(String, Vec<u8>)> = files(&stage.data())
        .into_iter()
        .filter(|path| !path.components().any(|part| part.as_os_str() == "configurations"))
        .filter_map(|path| match std::fs::read(&path) {
            Ok(body) => Some((path.display().to_string(), body)),
            // SQLite removes its log when the last process lets go of it.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => panic!("{}: {error}", path.display()),
        })
        .collect();
    assert!(all.iter().any(|(name, _)| name.ends_with("rollcall.db")));
    let name = name.to_lowercase();
    let holds = |body: &[u8]| String::from_utf8_lossy(body).to_lowercase().contains(&name);
    all.into_iter()
        .filter(|(place, body)| place.to_lowercase().contains(&name) || holds(body))
        .map(|(place, _)| place)
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_byte_of_the_state_names_who_was_forgotten() {
    let stage = Stage::set().await;
    stage.deactivate();
    cut(&stage, LEAVER).await;
    let chidi = stage.world.okta.user_id(CHIDI).unwrap();
    let administrator = &stage.world.administrator;
    let okta = &stage.world.okta;
    okta.admin_deactivate(&chidi, administrator, jiff::Timestamp::now())
        .unwrap();
    cut(&stage, CHIDI).await;
    let runs = stage.runs_when(|run| run.state.is_final()).await;
    let run = runs.iter().find(|run| run.person.login == LEAVER).unwrap().clone();
    let receipt = stage.data().join("files").join(run.receipt.as_deref().unwrap());
    let receipt = receipt.display().to_string();

    let theirs = [
        LEAVER,
        "Amara Okafor",
        "E1042",
        &stage.world.leaver,
        &stage.world.leaver_user,
    ];
    for name in theirs {
        assert!(!places(&stage, name).is_empty(), "{name} is there before");
    }
    let looked = stage.rollcall(&["forget", LEAVER]).await;
    assert!(
        looked.code == 1 && looked.all().contains("--even-undo"),
        "{}",
        looked.all()
    );
    let looked = stage.rollcall(&["forget", LEAVER, "--even-undo", "--json"]).await;
    assert_eq!(looked.code, 0, "{}", looked.all());
    assert_eq!(looked.json()["runs"][0], run.id.as_str());
    let done = stage
        .rollcall(&["forget", LEAVER, "--even-undo", "--yes", "--json"])
        .await;
    assert_eq!(done.code, 0, "{}", done.all());

    for name in theirs {
        assert_eq!(places(&stage, name), [""; 0], "{name}");
    }
    for name in [CHIDI, "Chidi Okafor", "E1043", &chidi, &stage.world.colleague_user] {
        assert!(!places(&stage, name).is_empty(), "{name} is still there");
    }
    let statement = done.json()["statement"].as_str().unwrap().to_owned();
    for file in [&receipt, &statement] {
        let verified = stage.on_data(&["receipt", "verify", file]).await;
        assert_eq!(verified.code, 0, "{}", verified.all());
    }
    let altered = std::fs::read_to_string(&statement)
        .unwrap()
        .replace(run.id.as_str(), "run_0");
    let forged = stage.folder.path().join("forged.json");
    std::fs::write(&forged, altered).unwrap();
    let refused = stage
        .on_data(&["receipt", "verify", &forged.display().to_string()])
        .await;
    assert!(
        refused.code == 1 && refused.all().contains("not as it was signed"),
        "{}",
        refused.all()
    );
    let id = done.json()["forgotten"]["id"].as_str().unwrap().to_owned();
    for what in [run.id.as_str(), &id] {
        let told = stage.on_data(&["explain", what]).await;
        assert!(
            told.code == 0 && told.all().contains("the person was forgotten"),
            "{}",
            told.all()
        );
    }
    let unknown = stage.on_data(&["explain", LEAVER]).await;
    assert!(unknown.code == 1, "{}", unknown.all());
    let again = stage.rollcall(&["forget", &id, "--yes"]).await;
    assert_eq!(again.code, 0, "{}", again.all());
}
