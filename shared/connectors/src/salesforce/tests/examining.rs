use rollcall_model::ProbeResult::{self, Bad, Good, Unknown, Warning};

use super::*;
use crate::encode::percent;
use crate::scripted::urgent;

const NAMES: [&str; 5] = ["organization", "rights", "own", "other", "browser"];
const ALL: [&str; 8] = [
    "tenant",
    "scopes",
    "canary",
    "permissions",
    "own-credential",
    "quota",
    "second-master",
    "second-master",
];

/// What an org shows, to be changed by each case. Begins as it should be.
struct World {
    organization: (u16, Value),
    rights: (u16, Value),
    own: Value,
    other: Value,
    browser: Value,
    limits: (u16, Value),
    writers: (u16, Value),
    subjects: (u16, Value),
}

fn organization(id: &str, sandbox: bool) -> (u16, Value) {
    rows(&json!([{ "Id": id, "IsSandbox": sandbox, "InstanceName": "NA5", "OrganizationType": "Enterprise Edition" }]))
}

fn rights(missing: &[&str]) -> (u16, Value) {
    let mut row = json!({ "PermissionsApiEnabled": true, "PermissionsViewAllUsers": true, "PermissionsManageUsers": true,
        "PermissionsCustomizeApplication": true, "PermissionsViewSetup": true });
    for name in missing {
        row[*name] = json!(false);
    }
    rows(&json!([row]))
}

fn own(manager: Option<&str>, licence: &str) -> Value {
    json!([{ "Id": OWN, "Username": "rollcall@corp.example", "UserType": "Standard", "IsActive": true, "ManagerId": manager,
        "Profile": { "PermissionsModifyAllData": false, "PermissionsManageUsers": false, "UserLicense": { "Name": licence } } }])
}

fn limits(remaining: u64) -> (u16, Value) {
    (
        200,
        json!({ "DailyApiRequests": { "Max": 1000, "Remaining": remaining } }),
    )
}

fn subjects(held: &[(&str, &str)]) -> (u16, Value) {
    let found: Vec<Value> = held
        .iter()
        .map(|(id, value)| json!({ "Id": id, "FederationIdentifier": value }))
        .collect();
    rows(&json!(found))
}

impl World {
    fn good() -> Self {
        Self {
            organization: organization(ORG, false),
            rights: rights(&[]),
            own: own(None, "Salesforce Integration"),
            other: json!([{ "Id": SAM }]),
            browser: json!([]),
            limits: limits(200),
            writers: rows(&json!([])),
            subjects: subjects(&[(JORDAN, "jordan@corp.example"), (SAM, "sam@corp.example")]),
        }
    }

    async fn examine(self) -> Vec<Probe> {
        let get = |path: &str, (status, body): (u16, Value)| {
            step(&format!("GET {HOST}/services/data/v66.0/{path}"), status, &body)
        };
        let query = |soql: &str, answer| get(&format!("query?q={}", percent(soql)), answer);
        let script = Script::new([
            token(),
            named(
                &NAMES,
                vec![
                    self.organization,
                    self.rights,
                    rows(&self.own),
                    rows(&self.other),
                    rows(&self.browser),
                ],
            ),
            get("limits", self.limits),
            query(
                &format!(
                    "SELECT Id, LastModifiedById, LastModifiedBy.Username FROM User WHERE LastModifiedById != '{OWN}' AND \
                     LastModifiedBy.Profile.UserLicense.Name LIKE '%Integration%' LIMIT 1"
                ),
                self.writers,
            ),
            query(
                "SELECT Id, FederationIdentifier FROM User WHERE FederationIdentifier != null",
                self.subjects,
            ),
        ]);
        let (salesforce, _) = connect(settings(), &script);
        let probes = salesforce.examine(&urgent()).await;
        script.done();
        assert_eq!(probes.iter().map(|probe| probe.what.as_str()).collect::<Vec<_>>(), ALL);
        probes
    }
}

/// The probes that are not as in an org that is as it should be.
fn unusual(probes: &[Probe]) -> Vec<(&str, ProbeResult, &str)> {
    let usual = [Good, Good, Good, Good, Good, Good, Unknown, Good];
    probes
        .iter()
        .zip(usual)
        .filter(|(probe, usual)| probe.result != *usual)
        .map(|(probe, _)| (probe.what.as_str(), probe.result, probe.found.as_str()))
        .collect()
}

#[tokio::test]
async fn an_org_as_it_should_be_leaves_open_only_what_it_cannot_tell() {
    let probes = World::good().examine().await;
    assert_eq!(unusual(&probes), []);
    assert!(probes[0].found.contains(ORG) && probes[0].found.contains("a production org"));
    let provisioning = &probes[6];
    assert!(
        provisioning.next.as_ref().unwrap().contains("just-in-time"),
        "{provisioning:?}"
    );
    assert!(probes.iter().all(|probe| probe.result != Good || probe.next.is_none()));
}

#[tokio::test]
async fn each_fault_shows_in_its_own_probe() {
    let good = World::good;
    let busy = (503, json!([{ "errorCode": "SERVER_UNAVAILABLE", "message": "x" }]));
    for (world, what, result, words) in [
        (
            World {
                organization: organization("00D5f000000bbbbEAA", false),
                ..good()
            },
            "tenant",
            Bad,
            "configured 00D5f000000aaaa",
        ),
        (
            World {
                organization: organization(ORG, true),
                ..good()
            },
            "tenant",
            Bad,
            "is a sandbox",
        ),
        (
            World {
                organization: absent(),
                ..good()
            },
            "tenant",
            Unknown,
            "did not show",
        ),
        (
            World {
                rights: rights(&["PermissionsManageUsers"]),
                ..good()
            },
            "permissions",
            Bad,
            "missing: Manage Users",
        ),
        (
            World {
                rights: rights(&["PermissionsViewAllUsers", "PermissionsCustomizeApplication"]),
                ..good()
            },
            "permissions",
            Bad,
            "missing: View All Users, Customize Application",
        ),
        (
            World {
                rights: rights(&["PermissionsViewSetup"]),
                ..good()
            },
            "permissions",
            Warning,
            "View Setup",
        ),
        (
            World {
                rights: absent(),
                ..good()
            },
            "permissions",
            Unknown,
            "does not state",
        ),
        (
            World {
                other: json!([]),
                ..good()
            },
            "canary",
            Bad,
            "nobody else's",
        ),
        (
            World {
                limits: limits(199),
                ..good()
            },
            "quota",
            Warning,
            "199 of 1000",
        ),
        (
            World {
                limits: (200, json!({})),
                ..good()
            },
            "quota",
            Unknown,
            "DailyApiRequests",
        ),
        (
            World {
                limits: busy.clone(),
                ..good()
            },
            "quota",
            Unknown,
            "503",
        ),
        (
            World {
                own: own(Some(SAM), "Salesforce Integration"),
                ..good()
            },
            "own-credential",
            Warning,
            "manager",
        ),
        (
            World {
                own: own(None, "Salesforce"),
                ..good()
            },
            "own-credential",
            Warning,
            "its licence is Salesforce",
        ),
        (
            World {
                browser: json!([{ "Id": "0Ak5f00000SES01CAH" }]),
                ..good()
            },
            "own-credential",
            Warning,
            "browser",
        ),
        (
            World {
                writers: rows(
                    &json!([{ "Id": SAM, "LastModifiedById": SAM, "LastModifiedBy": { "Username": "sync@corp.example" } }]),
                ),
                ..good()
            },
            "second-master",
            Warning,
            "sync@corp.example",
        ),
        (
            World {
                subjects: subjects(&[(JORDAN, "Jordan@corp.example"), (SAM, "jordan@corp.example")]),
                ..good()
            },
            "second-master",
            Warning,
            "1 federation identifiers are held by several users: 0055f00000AAAA1AAP and 0055f00000BBBB1AAP",
        ),
        (
            World {
                subjects: busy,
                ..good()
            },
            "second-master",
            Unknown,
            "503",
        ),
    ] {
        let probes = world.examine().await;
        let unusual = unusual(&probes);
        assert!(
            matches!(unusual.as_slice(), [(named, came, found)] if (*named, *came) == (what, result) && found.contains(words)),
            "{what} {words}: {unusual:?}"
        );
    }
    let mut inactive = good();
    inactive.own[0]["IsActive"] = json!(false);
    let probes = inactive.examine().await;
    assert_eq!(
        unusual(&probes),
        [("own-credential", Bad, "rollcall@corp.example is inactive")]
    );
    let blind = World {
        own: json!([]),
        ..good()
    }
    .examine()
    .await;
    assert_eq!(
        unusual(&blind)
            .iter()
            .map(|(what, result, _)| (*what, *result))
            .collect::<Vec<_>>(),
        [("canary", Bad), ("own-credential", Unknown)]
    );
}

#[tokio::test]
async fn without_a_token_every_probe_says_so() {
    let stranger = Script::new([granted(TOKEN, "00D5f000000bbbbEAA", HOST)]);
    let (salesforce, _) = connect(settings(), &stranger);
    let probes = salesforce.examine(&urgent()).await;
    stranger.done();
    assert!(
        probes[0].result == Bad && probes[0].found.contains("belongs to org"),
        "{probes:?}"
    );
    assert_eq!(probes.len(), 7);
    assert!(probes[1..].iter().all(|probe| probe.result == Unknown));

    let busy = Script::new([step(LOGIN, 503, &json!({}))]);
    let (salesforce, _) = connect(settings(), &busy);
    assert_eq!(salesforce.examine(&urgent()).await[0].result, Unknown);
}

#[tokio::test]
async fn a_narrow_and_a_wide_scope_are_told() {
    for (scope, result) in [
        ("api id", Good),
        ("id", Bad),
        ("full refresh_token", Warning),
        ("api web", Warning),
    ] {
        let answer = json!({ "access_token": TOKEN, "scope": scope, "instance_url": HOST, "token_type": "Bearer",
            "id": format!("https://login.salesforce.com/id/{ORG}/{OWN}") });
        let barred = json!([{ "errorCode": "API_DISABLED_FOR_ORG", "message": "x" }]);
        let get = |path: &str| step(&format!("GET {HOST}/services/data/v66.0/{path}"), 403, &barred);
        let writers = format!(
            "SELECT Id, LastModifiedById, LastModifiedBy.Username FROM User WHERE LastModifiedById != '{OWN}' AND \
             LastModifiedBy.Profile.UserLicense.Name LIKE '%Integration%' LIMIT 1"
        );
        let subjects = "SELECT Id, FederationIdentifier FROM User WHERE FederationIdentifier != null";
        let script = Script::new([
            step(LOGIN, 200, &answer),
            step(&format!("POST {HOST}/services/data/v66.0/composite"), 403, &barred),
            get("limits"),
            get(&format!("query?q={}", percent(&writers))),
            get(&format!("query?q={}", percent(subjects))),
        ]);
        let (salesforce, _) = connect(settings(), &script);
        let probes = salesforce.examine(&urgent()).await;
        script.done();
        assert_eq!(
            (probes[1].what.as_str(), probes[1].result),
            ("scopes", result),
            "{scope}"
        );
        // Without API Enabled the token is good and everything else is refused.
        assert_eq!(probes[3].result, Bad);
        assert!(probes[3].found.contains("API Enabled"), "{probes:?}");
    }
}
