//! Bulk jobs from making to their results.

use std::collections::BTreeMap;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::super::{BulkFailure, Pace};
use super::{World, code, world};
use crate::wire::Response;

impl World {
    fn wire(&self, method: Method, path: &str, kind: &str, body: &str) -> Response {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("authorization", bearer.as_str()), ("content-type", kind)];
        self.send(method, &format!("/services/data/v66.0{path}"), &headers, body)
    }

    fn text(&self, path: &str) -> String {
        let answer = self.wire(Method::GET, path, "text/csv", "");
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.headers()["content-type"], "text/csv; charset=UTF-8");
        String::from_utf8(answer.body().to_vec()).unwrap()
    }

    fn open(&self, object: &str, operation: &str) -> String {
        let body = json!({ "object": object, "operation": operation, "contentType": "CSV", "lineEnding": "LF", "columnDelimiter": "COMMA" });
        let (status, job) = self.rest(Method::POST, "/jobs/ingest", &body);
        assert_eq!((status, &job["state"]), (200, &json!("Open")), "{job}");
        assert_eq!(
            job["contentUrl"],
            format!(
                "services/data/v66.0/jobs/ingest/{}/batches",
                job["id"].as_str().unwrap()
            )
        );
        job["id"].as_str().unwrap().to_owned()
    }

    fn put(&self, job: &str, data: &str) -> u16 {
        let path = format!("/jobs/ingest/{job}/batches");
        self.wire(Method::PUT, &path, "text/csv", data).status().as_u16()
    }

    fn state(&self, job: &str, state: &str) -> (u16, Value) {
        self.rest(
            Method::PATCH,
            &format!("/jobs/ingest/{job}"),
            &json!({ "state": state }),
        )
    }

    /// An update that was sent and closed.
    fn sent(&self, object: &str, data: &str) -> String {
        let job = self.open(object, "update");
        assert_eq!(self.put(&job, data), 201);
        assert_eq!(self.state(&job, "UploadComplete").0, 200);
        job
    }

    fn job(&self, id: &str) -> Value {
        self.get(&format!("/jobs/ingest/{id}")).1
    }

    fn results(&self, job: &str, name: &str) -> Vec<BTreeMap<String, String>> {
        read(&self.text(&format!("/jobs/ingest/{job}/{name}")))
    }

    fn accounts(&self, count: usize) -> Vec<String> {
        let made = self.org.seed_records(
            "Account",
            count,
            |place| json!({ "Name": format!("A{place}"), "OwnerId": self.leaver }),
        );
        made.unwrap().ids().collect()
    }
}

/// A file by its header's names.
fn read(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut rows = Vec::new();
    let mut at = 0;
    while let Some(row) = super::super::bulk::csv::row(text.as_bytes(), at, b',') {
        at = row.next;
        rows.push(row.cells);
    }
    let header = rows.remove(0);
    rows.into_iter()
        .map(|cells| header.iter().cloned().zip(cells).collect())
        .collect()
}

fn owners(ids: &[String], owner: &str) -> String {
    ids.iter()
        .fold("Id,OwnerId\n".to_owned(), |text, id| text + id + "," + owner + "\n")
}

#[test]
fn an_ingest_job_goes_through_its_states_with_the_clock() {
    let mut world = world();
    let ids = world.accounts(7);
    world.org.lock_row(&ids[3], 1);
    world
        .org
        .refuse_by_rule(&ids[4], "Accounts in \"Legal Hold\", or archived, may not change owner");
    assert_eq!(world.delete("Account", &ids[5]).0, 204);
    let mut rows = ids.clone();
    rows[6] = "0015f00000ACC07AAH".to_owned();
    let job = world.open("Account", "update");
    assert_eq!(world.put(&job, &owners(&rows, &world.admin)), 201);
    let (path, second) = (format!("/jobs/ingest/{job}/batches"), owners(&rows, &world.admin));
    let again = world.wire(Method::PUT, &path, "text/csv", &second);
    assert_eq!(again.status(), 400, "one upload a job");
    assert_eq!(
        world.wire(Method::PUT, &path, "application/json", &second).status(),
        415
    );
    world.now += Duration::from_mins(10);
    assert_eq!(
        world.job(&job)["state"],
        "Open",
        "nothing happens before the job is closed"
    );
    assert_eq!(world.delete_job(&job), 400);
    assert_eq!(world.state(&job, "UploadComplete").1["state"], "UploadComplete");
    assert_eq!(world.job(&job)["state"], "UploadComplete");
    world.now += Duration::from_secs(1);
    assert_eq!(world.job(&job)["state"], "InProgress");
    assert_eq!(world.org.owned_by(&world.admin), BTreeMap::new());
    let early = world.wire(
        Method::GET,
        &format!("/jobs/ingest/{job}/failedResults"),
        "text/csv",
        "",
    );
    assert_eq!(early.status(), 400);
    assert_eq!(world.delete_job(&job), 400);
    world.now += Duration::from_secs(1);
    let done = world.job(&job);
    assert_eq!(
        (
            &done["state"],
            &done["numberRecordsProcessed"],
            &done["numberRecordsFailed"]
        ),
        (&json!("JobComplete"), &json!(7), &json!(4))
    );
    let good = world.results(&job, "successfulResults");
    assert_eq!(good.len(), 3);
    assert!(
        good.iter()
            .all(|row| row["sf__Id"] == row["Id"] && row["sf__Created"] == "false")
    );
    let bad: BTreeMap<String, (String, String)> = world
        .results(&job, "failedResults")
        .into_iter()
        .map(|row| (row["Id"].clone(), (row["sf__Id"].clone(), row["sf__Error"].clone())))
        .collect();
    let locked = format!(
        "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record or 1 records: {}:--",
        ids[3]
    );
    assert_eq!(bad[&ids[3]], (ids[3].clone(), locked));
    let refused =
        "FIELD_CUSTOM_VALIDATION_EXCEPTION:Accounts in \"Legal Hold\", or archived, may not change owner:OwnerId --";
    assert_eq!(bad[&ids[4]].1, refused);
    assert_eq!(bad[&ids[5]].1, "ENTITY_IS_DELETED:entity is deleted:--");
    assert_eq!(
        bad[&rows[6]],
        (
            String::new(),
            "INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--".to_owned()
        )
    );
    assert_eq!(
        world.text(&format!("/jobs/ingest/{job}/unprocessedrecords/")),
        "Id,OwnerId\n"
    );
    assert_eq!(world.org.owned_by(&world.admin)["Account"], 3);
    assert_eq!(world.org.owner_changes()["Account.OwnerId"].most, 1);
    assert_eq!(world.org.counters().get("change-owner"), 3);
    let (_, list) = world.get("/jobs/ingest?jobType=V2Ingest");
    assert_eq!((&list["done"], &list["records"][0]["id"]), (&json!(true), &json!(job)));
    assert_eq!(world.get("/jobs/ingest?jobType=Classic").1["records"], json!([]));
    assert_eq!(world.delete_job(&job), 204);
    assert_eq!(world.get(&format!("/jobs/ingest/{job}")).0, 404);
}

impl World {
    fn delete_job(&self, job: &str) -> u16 {
        self.rest(Method::DELETE, &format!("/jobs/ingest/{job}"), &Value::Null)
            .0
    }
}

#[test]
fn the_columns_of_failures_come_in_either_order() {
    let world = world();
    world.org.set_bulk_pace(Pace::AT_ONCE);
    let ids = world.accounts(1);
    world.org.refuse_by_rule(&ids[0], "stays");
    let head = |text: String| text.lines().next().unwrap().to_owned();
    let failures = || {
        let job = world.sent("Account", &owners(&ids, &world.admin));
        head(world.text(&format!("/jobs/ingest/{job}/failedResults")))
    };
    let (first, second) = (failures(), failures());
    assert_ne!(first, second);
    world.org.set_manual_columns(Some(true));
    assert_eq!(failures(), r#""sf__Error","sf__Id","Id","OwnerId""#);
    world.org.set_manual_columns(Some(false));
    assert_eq!(failures(), r#""sf__Id","sf__Error","Id","OwnerId""#);
    world.org.set_failed_rows_blank(true);
    let job = world.sent("Account", &owners(&ids, &world.admin));
    assert_eq!(world.results(&job, "failedResults")[0]["sf__Id"], "");
}

#[test]
fn a_file_that_does_not_fit_fails_the_job_and_stays_unprocessed() {
    let world = world();
    world.org.set_bulk_pace(Pace::AT_ONCE);
    let ids = world.accounts(2);
    let good = owners(&ids, &world.admin);
    for (data, message) in [
        (
            good.replace('\n', "\r\n"),
            "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is LF",
        ),
        (
            good.replace("OwnerId", "OwnerID__c"),
            "InvalidBatch : Field name not found : OwnerID__c",
        ),
    ] {
        let job = world.sent("Account", &data);
        let failed = world.job(&job);
        assert_eq!(
            (&failed["state"], &failed["errorMessage"]),
            (&json!("Failed"), &json!(message))
        );
        assert_eq!(failed["numberRecordsProcessed"], 0);
        assert_eq!(world.text(&format!("/jobs/ingest/{job}/unprocessedrecords")), data);
        assert!(
            world
                .text(&format!("/jobs/ingest/{job}/successfulResults"))
                .lines()
                .count()
                <= 1
        );
    }
    assert_eq!(world.org.owned_by(&world.leaver)["Account"], 2);
}

#[test]
fn cells_are_empty_null_or_of_their_type() {
    let world = world();
    world.org.set_bulk_pace(Pace::AT_ONCE);
    let project = world.org.seed_records("Project__c", 2, |_| {
        json!({ "Name": "P", "OwnerId": world.leaver, "Reviewer__c": world.leaver, "Backup_Owner__c": world.leaver })
    });
    let project = project.unwrap();
    let data = format!(
        "Id,Reviewer__c,Backup_Owner__c,Name\n{},#N/A,,\"a, \"\"b\"\"\nc\"\n,{},,\n{},wrong,,x\n",
        project.id(0),
        world.admin,
        project.id(1)
    );
    let job = world.sent("Project__c", &data);
    assert_eq!(world.job(&job)["numberRecordsFailed"], 2);
    let row = world.org.record("Project__c", &project.id(0)).unwrap();
    assert_eq!(
        (&row["Reviewer__c"], &row["Backup_Owner__c"]),
        (&Value::Null, &json!(world.leaver))
    );
    assert_eq!(row["Name"], "a, \"b\"\nc");
    let errors: Vec<String> = world
        .results(&job, "failedResults")
        .into_iter()
        .map(|row| row["sf__Error"].clone())
        .collect();
    assert_eq!(errors[0], "MISSING_ARGUMENT:Id not specified in an update call:--");
    assert_eq!(errors.len(), 2);
    assert_eq!(world.org.owner_changes()["Project__c.Reviewer__c"].changes, 1);
}

#[test]
fn records_are_made_and_deleted_too() {
    let world = world();
    world.org.set_bulk_pace(Pace::AT_ONCE);
    let job = world.open("Visit__c", "insert");
    world.put(&job, &format!("Done__c,OwnerId\ntrue,{}\nfalse,\n", world.leaver));
    world.state(&job, "UploadComplete");
    let made = world.results(&job, "successfulResults");
    assert_eq!((made.len(), made[0]["sf__Created"].as_str()), (2, "true"));
    assert_eq!(
        world.org.record("Visit__c", &made[0]["sf__Id"]).unwrap()["Done__c"],
        true
    );
    let job = world.open("Visit__c", "delete");
    world.put(&job, &format!("Id\n{}\n", made[0]["sf__Id"]));
    world.state(&job, "UploadComplete");
    assert_eq!(world.job(&job)["numberRecordsFailed"], 0);
    assert_eq!(world.query("SELECT COUNT() FROM Visit__c")["totalSize"], 1);
    for (body, expected) in [
        (json!({ "object": "Nope__c", "operation": "update" }), "INVALIDENTITY"),
        (
            json!({ "object": "Account", "operation": "hardDelete" }),
            "FEATURENOTENABLED",
        ),
        (
            json!({ "object": "Account", "operation": "destroy" }),
            "INVALIDOPERATION",
        ),
        (
            json!({ "object": "Account", "operation": "update", "lineEnding": "CR" }),
            "INVALID_FIELD",
        ),
    ] {
        let (status, refused) = world.rest(Method::POST, "/jobs/ingest", &body);
        assert_eq!((status, code(&refused)), (400, expected));
    }
}

#[test]
fn a_job_is_aborted_stuck_cleaned_or_fails_half_way() {
    let mut world = world();
    let step = Duration::from_secs(1);
    world.org.set_session_lifetime(Duration::from_hours(168));
    world.token = world.org.log_in(&world.integration);
    world.org.set_bulk_pace(Pace { tick: step, batches: 1 });
    let ids = world.accounts(20_100);
    let data = owners(&ids, &world.admin);

    let job = world.sent("Account", &data);
    world.now += 2 * step;
    assert_eq!(world.job(&job)["numberRecordsProcessed"], 10_000);
    assert_eq!(world.state(&job, "Aborted").1["state"], "Aborted");
    world.now += 5 * step;
    assert_eq!(world.job(&job)["numberRecordsProcessed"], 10_000);
    assert_eq!(world.results(&job, "unprocessedrecords").len(), 10_100);
    assert_eq!(world.results(&job, "successfulResults").len(), 10_000);
    assert_eq!(world.state(&job, "Aborted").0, 400);

    world.org.fail_bulk_job(BulkFailure {
        after_batches: 1,
        message: "InternalServerError : Retried more than twenty times".to_owned(),
    });
    let job = world.sent("Account", &data);
    world.now += 3 * step;
    let failed = world.job(&job);
    assert_eq!(
        (&failed["state"], &failed["numberRecordsProcessed"]),
        (&json!("Failed"), &json!(10_000))
    );
    assert_eq!(
        failed["errorMessage"],
        "InternalServerError : Retried more than twenty times"
    );
    assert_eq!(world.results(&job, "unprocessedrecords").len(), 10_100);

    world.org.stick_bulk_jobs(1);
    let stuck = world.sent("Account", &data);
    let open = world.open("Account", "update");
    world.now += Duration::from_hours(23);
    assert_eq!(world.job(&stuck)["state"], "UploadComplete");
    assert_eq!(world.state(&stuck, "Aborted").0, 200);
    assert_eq!(world.results(&stuck, "unprocessedrecords").len(), 20_100);
    world.now += Duration::from_secs(3700);
    assert_eq!(
        world.get(&format!("/jobs/ingest/{open}")).0,
        404,
        "open for more than a day"
    );

    world.org.set_bulk_rows_left(Some(10_250));
    let job = world.sent("Account", &data);
    world.now += 4 * step;
    let done = world.job(&job);
    assert_eq!(
        (&done["state"], &done["numberRecordsProcessed"]),
        (&json!("JobComplete"), &json!(10_250))
    );
    let rows = |name: &str| world.results(&job, name).len();
    assert_eq!(
        (
            rows("successfulResults"),
            rows("failedResults"),
            rows("unprocessedrecords")
        ),
        (10_250, 0, 0)
    );
    assert_eq!(world.org.owner_changes()["Account.OwnerId"].most, 1);
}

#[test]
fn a_running_job_keeps_others_from_its_parents() {
    let mut world = world();
    let step = Duration::from_secs(1);
    world.org.set_bulk_pace(Pace { tick: step, batches: 1 });
    let account = world.accounts(1).remove(0);
    let made = world.org.seed_records("Contact", 10_001, |place| {
        let parent = (place == 0).then_some(&account);
        json!({ "LastName": "C", "AccountId": parent, "OwnerId": world.leaver })
    });
    let contacts: Vec<String> = made.unwrap().ids().collect();
    let case = world
        .org
        .seed_records("Case", 1, |_| json!({ "AccountId": account, "OwnerId": world.leaver }))
        .unwrap()
        .id(0);
    let job = world.sent("Contact", &owners(&contacts, &world.admin));
    world.now += 2 * step;
    let give = json!({ "OwnerId": world.admin });
    let (status, body) = world.patch("Case", &case, &give);
    assert_eq!((status, code(&body)), (400, "UNABLE_TO_LOCK_ROW"));
    assert!(body[0]["message"].as_str().unwrap().ends_with(&account));
    world.now += step;
    assert_eq!(world.patch("Case", &case, &give).0, 204);
    assert_eq!(world.job(&job)["numberRecordsFailed"], 0);
}

#[test]
fn a_query_job_gives_pages_that_each_have_a_header() {
    let mut world = world();
    let ids = world.accounts(7);
    world.org.set_record("Account", &ids[6], json!({ "ParentId": ids[0] }));
    let create = |world: &World, query: &str| {
        let body = json!({ "operation": "query", "query": query, "contentType": "CSV", "columnDelimiter": "COMMA", "lineEnding": "LF" });
        world.rest(Method::POST, "/jobs/query", &body)
    };
    let source = format!(
        "SELECT Id, OwnerId, Parent.Name FROM Account WHERE OwnerId = '{}'",
        world.leaver
    );
    let (status, job) = create(&world, &source);
    assert_eq!(
        (status, &job["state"], &job["object"]),
        (200, &json!("UploadComplete"), &json!("Account"))
    );
    for (refused, expected) in [
        ("SELECT COUNT() FROM Account", "API_ERROR"),
        ("SELECT COUNT(Id) FROM Account", "API_ERROR"),
        ("SELECT Id FROM Account LIMIT 5 OFFSET 5", "API_ERROR"),
        ("SELECT Type FROM Account GROUP BY Type", "MALFORMED_QUERY"),
        (
            "SELECT TYPEOF What WHEN Account THEN Name END FROM Task",
            "MALFORMED_QUERY",
        ),
        ("SELECT Id FROM Nope__c", "INVALID_TYPE"),
    ] {
        let (status, body) = create(&world, refused);
        assert_eq!((status, code(&body)), (400, expected), "{refused}");
    }
    let id = job["id"].as_str().unwrap().to_owned();
    let results = format!("/jobs/query/{id}/results");
    assert_eq!(world.get(&results).0, 400);
    world.now += Duration::from_secs(2);
    let (_, done) = world.get(&format!("/jobs/query/{id}"));
    assert_eq!(
        (&done["state"], &done["numberRecordsProcessed"]),
        (&json!("JobComplete"), &json!(7))
    );
    let page = |more: &str| {
        let answer = world.wire(
            Method::GET,
            &format!("{results}?maxRecords=5{more}"),
            "application/json",
            "",
        );
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        let text = String::from_utf8(answer.body().to_vec()).unwrap();
        (text, header("sforce-locator"), header("sforce-numberofrecords"))
    };
    let (first, locator, count) = page("");
    assert_eq!((count.as_str(), first.lines().count()), ("5", 6));
    assert_eq!(first.lines().next(), Some(r#""Id","OwnerId","Parent.Name""#));
    let (second, end, count) = page(&format!("&locator={locator}"));
    assert_eq!((end.as_str(), count.as_str()), ("null", "2"));
    let rows: Vec<String> = [read(&first), read(&second)]
        .concat()
        .into_iter()
        .map(|row| row["Id"].clone())
        .collect();
    assert_eq!(rows, ids);
    assert_eq!(read(&second)[1]["Parent.Name"], "A0");
    let (status, body) = world.get(&format!("{results}?locator=null"));
    assert_eq!((status, code(&body)), (400, "INVALID_QUERY_LOCATOR"));
    assert_eq!(world.get("/limits").1["DailyBulkV2QueryJobs"]["Remaining"], 9_999);
    assert_eq!(
        world.rest(Method::DELETE, &format!("/jobs/query/{id}"), &Value::Null).0,
        204
    );
    let (_, empty) = create(&world, "SELECT Id FROM Visit__c");
    world.org.advance_to(world.now + Duration::from_secs(9));
    assert_eq!(
        world.text(&format!("/jobs/query/{}/results", empty["id"].as_str().unwrap())),
        "\"Id\"\n"
    );
}

#[test]
fn bulk_lets_no_assignment_rule_run_by_itself() {
    let world = world();
    world.org.set_bulk_pace(Pace::AT_ONCE);
    let queue = world.org.add_queue("Support", &["Case"]);
    world.org.set_assignment_rule("Case", Some(&queue));
    let made = world
        .org
        .seed_records("Case", 2, |_| json!({ "OwnerId": world.leaver }));
    let cases: Vec<String> = made.unwrap().ids().collect();
    let job = world.sent("Case", &owners(&cases, &world.admin));
    assert_eq!(world.job(&job)["numberRecordsFailed"], 0);
    assert_eq!(world.org.owned_by(&world.admin)["Case"], 2);
    assert_eq!(world.org.bulk_jobs(), [("ingest JobComplete".to_owned(), 1)].into());
}

#[test]
fn five_thousand_records_are_there_at_once() {
    let world = world();
    let started = std::time::Instant::now();
    for object in [
        "Account",
        "Contact",
        "Opportunity",
        "Case",
        "Lead",
        "Campaign",
        "Task",
        "Project__c",
        "Visit__c",
    ] {
        let made = world.org.seed_records(object, 560, |place| {
            let mut row = json!({ "OwnerId": world.leaver });
            let text = if matches!(object, "Contact" | "Lead") {
                "LastName"
            } else {
                "Status"
            };
            if !matches!(object, "Account" | "Opportunity" | "Project__c" | "Visit__c") {
                row[text] = json!(format!("{object} {place}"));
            }
            row
        });
        assert_eq!(made.unwrap().len(), 560);
    }
    let took = started.elapsed();
    assert_eq!(world.org.owned_by(&world.leaver).values().sum::<usize>(), 5040);
    assert!(took < Duration::from_secs(5), "{took:?}");
}
