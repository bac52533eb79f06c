//! Handing over records, and taking them back.

#[path = "handover/back.rs"]
mod back;
#[path = "handover/crashes.rs"]
mod crashes;
#[path = "handover/desk.rs"]
mod desk;
#[path = "handover/endless.rs"]
mod endless;
#[path = "handover/jobs.rs"]
mod jobs;
#[path = "handover/whole.rs"]
mod whole;
#[path = "handover/whom.rs"]
mod whom;

use rollcall_connectors::salesforce::{API_VERSION, Salesforce, SalesforceFlow, SalesforceSettings};
use rollcall_model::{Advance, Connector as _, HandOver, Outcome, Tally};
use rollcall_runtime::RandomIds;
use rollcall_simulators::salesforce::{AppKey, ConnectedApp, Org, UserSeed};
use serde_json::json;

use super::*;
use desk::{Cut, Line, TestDesk};

const ORG: &str = "00D000000000001AAA";
const HOST: &str = "https://us.my.salesforce.example";
const HAND_OVER: &str = "salesforce/hand-over-records";
const TAKE_BACK: &str = "salesforce/take-back-records";

struct World {
    org: Arc<Org>,
    clock: Arc<Moment>,
    /// Who leaves.
    jordan: String,
    /// Whose manager is Robin, whose manager is Kim.
    robin: String,
    kim: String,
    /// Who takes over.
    sam: String,
}

impl World {
    fn new() -> Self {
        let clock = Moment::new();
        let org = Arc::new(Org::new(ORG, false, clock.now()));
        org.set_base_url(HOST);
        org.add_user(UserSeed::new("rollcall@corp.example").integration());
        let kim = org.add_user(UserSeed::new("kim@corp.example"));
        let under = |name: &str, manager: &str, number: &str| {
            let mut seed = UserSeed::new(name);
            seed.manager_id = Some(manager.to_owned());
            seed.employee_number = Some(number.to_owned());
            org.add_user(seed)
        };
        let robin = under("robin@corp.example", &kim, "2");
        let jordan = under("jordan@corp.example", &robin, "3");
        let sam = under("sam@corp.example", &robin, "4");
        org.add_app(ConnectedApp {
            consumer_key: "ck".to_owned(),
            name: "Rollcall".to_owned(),
            public_key: None::<AppKey>,
            client_secret: Some("cs".to_owned()),
            run_as: Some("rollcall@corp.example".to_owned()),
            pre_authorised: vec!["rollcall@corp.example".to_owned()],
        });
        Self {
            org,
            clock,
            jordan,
            robin,
            kim,
            sam,
        }
    }

    fn wire(&self) -> Wire {
        Wire {
            simulator: self.org.clone(),
            clock: self.clock.clone(),
        }
    }

    fn connect(&self, desk: &TestDesk) -> Salesforce {
        self.connect_over(Arc::new(Line {
            wire: self.wire(),
            fuse: desk.fuse.clone(),
        }))
    }

    fn connect_over(&self, transport: Arc<dyn Transport>) -> Salesforce {
        let settings = SalesforceSettings {
            connection: "sf-us".into(),
            login_url: HOST.to_owned(),
            my_domain_url: HOST.to_owned(),
            org_id: ORG.to_owned(),
            sandbox: false,
            api_version: API_VERSION.to_owned(),
            flow: SalesforceFlow::ClientCredentials {
                consumer_key: "ck".to_owned(),
                secret: Secret::new("cs"),
            },
            allowed_hosts: vec!["us.my.salesforce.example".to_owned()],
            bulk_above: rollcall_connectors::salesforce::BULK_ABOVE,
        };
        Salesforce::new(settings, transport, self.clock.clone(), Arc::new(RandomIds))
    }

    fn desk(&self) -> TestDesk {
        TestDesk::new(&self.clock)
    }

    /// Records of the leaver.
    fn seed(&self, object: &str, count: usize, make: impl Fn(usize) -> Value) -> Vec<String> {
        let seeded = self.org.seed_records(object, count, |place| {
            let mut fields = make(place);
            if fields.get("OwnerId").is_none() && object != "Invoice__c" {
                fields["OwnerId"] = json!(self.jordan);
            }
            fields
        });
        seeded.unwrap().ids().collect()
    }

    fn owner(&self, object: &str, id: &str) -> String {
        self.org.record(object, id).unwrap()["OwnerId"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// The change as the engine plans it.
    fn change(&self, action: &str, with: Value) -> Change {
        let account = AccountRef::new("sf-us", &self.jordan);
        let state = State {
            value: json!({ "handed-over": action == TAKE_BACK }),
            evidence: Value::Null,
        };
        planned(action, Some(account), &state, with)
    }

    /// Plans the change as the engine does and drives it to its end; processes that end on the way are followed by new ones.
    async fn run(&self, desk: &TestDesk, action: &str, with: Value) -> Ended {
        let mut salesforce = self.connect(desk);
        let change = self.change(action, with);
        let mut waits = Vec::new();
        for _ in 0..5_000 {
            let saved = desk.saved.lock().unwrap().clone();
            match salesforce.advance(&change, "marker", saved.as_ref(), desk).await {
                Ok(Advance::More) => {}
                Ok(Advance::Later { after, why }) => {
                    waits.push((after, why));
                    self.clock.pass(after);
                }
                Ok(Advance::Done { applied, outcome }) => {
                    let done: HandOver = serde_json::from_value(applied.reference).unwrap();
                    return Ended { done, outcome, waits };
                }
                Err(failure) => {
                    assert!(failure.is_retryable(), "{failure:?}");
                    desk.fuse.mend();
                    salesforce = self.connect(desk);
                    self.clock.pass(Duration::from_secs(1));
                }
            }
        }
        panic!("it does not end: {:?}", desk.said.lock().unwrap());
    }

    /// To the successor, as policy fills it in.
    fn to_sam() -> Value {
        json!({
            "to": ["successor", "manager", "managers-chain"],
            "people": { "successor": { "keys": [{ "field": "EmployeeNumber", "value": "4", "sure": true }] } },
        })
    }
}

struct Ended {
    done: HandOver,
    outcome: Outcome,
    waits: Vec<(Duration, String)>,
}

impl Ended {
    fn tally(&self, object: &str, field: &str) -> &Tally {
        let found = self
            .done
            .tallies
            .iter()
            .find(|tally| tally.object == object && tally.field == field);
        found.unwrap_or_else(|| panic!("no {object}.{field} in {:#?}", self.done.tallies))
    }

    /// `(counted, arrived, moved, kept, refused, gone)`.
    fn figures(&self, object: &str, field: &str) -> [u64; 6] {
        let tally = self.tally(object, field);
        [
            tally.counted,
            tally.arrived,
            tally.moved,
            tally.kept,
            tally.refused,
            tally.gone,
        ]
    }

    /// Each record in exactly one place, in the numbers and in the evidence.
    fn check(&self, desk: &TestDesk) {
        let lines = desk.lines(&self.done.evidence);
        for tally in &self.done.tallies {
            assert!(tally.balances(), "{tally:#?}");
            let of: Vec<&Vec<String>> = lines
                .iter()
                .filter(|line| line[0] == tally.object && line[2] == tally.field)
                .collect();
            let with = |result: &str| u64::try_from(of.iter().filter(|line| line[5] == result).count()).unwrap();
            assert_eq!(
                (with("moved"), with("kept"), with("refused"), with("gone")),
                (tally.moved, tally.kept, tally.refused, tally.gone),
                "{} {}",
                tally.object,
                tally.field
            );
            let mut records: Vec<&str> = of.iter().map(|line| line[1].as_str()).collect();
            let all = records.len();
            records.sort_unstable();
            records.dedup();
            assert_eq!(records.len(), all, "a record of {} has two lines", tally.object);
            assert_eq!(tally.to.values().sum::<u64>(), tally.moved);
            assert_eq!(tally.refusals.values().sum::<u64>(), tally.refused);
        }
    }
}

/// No record changed more often than this.
fn changed_at_most(org: &Org, times: usize) {
    for (field, changes) in org.owner_changes() {
        assert!(changes.most <= times, "{field}: {changes:?}");
    }
}
