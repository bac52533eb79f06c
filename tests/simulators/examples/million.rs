//! Seeds a million business records into one simulated org, works with them, and prints what each step takes.
//!
//! `cargo run -p rollcall-simulators --example million [RECORDS]`. Memory is that of the whole process, so Linux only.

use std::io::{self, Write as _};
use std::time::Instant;

use bytes::Bytes;
use http::Method;
use jiff::Timestamp;
use rollcall_simulators::salesforce::{Org, Pace, UserSeed};
use rollcall_simulators::{Reply, Request, Simulator as _};
use serde_json::{Value, json};

const OBJECTS: [&str; 8] = [
    "Account",
    "Contact",
    "Opportunity",
    "Case",
    "Lead",
    "Task",
    "Project__c",
    "Visit__c",
];

type Failure = Box<dyn std::error::Error>;

struct Bench {
    org: Org,
    token: String,
    now: Timestamp,
    last: Instant,
}

impl Bench {
    fn call(&self, method: Method, path: &str, kind: &str, body: String) -> Result<Bytes, Failure> {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("/services/data/v66.0{path}"))
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", kind)
            .body(Bytes::from(body))?;
        let request: Request = request;
        match self.org.answer(&request, self.now) {
            Reply::Answer(answer) if answer.status().as_u16() < 300 => Ok(answer.into_body()),
            other => Err(format!("{path}: {other:?}").into()),
        }
    }

    fn json(&self, method: Method, path: &str, body: &Value) -> Result<Value, Failure> {
        let text = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        Ok(serde_json::from_slice(&self.call(
            method,
            path,
            "application/json",
            text,
        )?)?)
    }

    fn query(&self, soql: &str) -> Result<Value, Failure> {
        let encoded: String = url::form_urlencoded::byte_serialize(soql.as_bytes()).collect();
        self.json(Method::GET, &format!("/query?q={encoded}"), &Value::Null)
    }

    fn say(&mut self, what: &str) -> io::Result<()> {
        let memory = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let resident = memory.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let took = self.last.elapsed().as_millis();
        writeln!(io::stdout(), "{what:<44} {took:>7} ms {}", resident.unwrap_or_default())?;
        self.last = Instant::now();
        Ok(())
    }
}

/// What an answer holds at a place, as text.
fn text(answer: &Value, place: &str) -> String {
    match answer.pointer(place) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

fn main() -> Result<(), Failure> {
    let records: usize = std::env::args().nth(1).map_or(Ok(1_000_000), |text| text.parse())?;
    let now: Timestamp = "2026-03-02T09:00:00Z".parse()?;
    let org = Org::new("00D5f000000aaaa", false, now);
    let integration = org.add_user(UserSeed::new("rollcall@corp.example").integration());
    let manager = org.add_user(UserSeed::new("sam.okafor@corp.example"));
    let leaver = org.add_user(UserSeed::new("jordan.rivera@corp.example"));
    org.set_bulk_pace(Pace::AT_ONCE);
    let token = org.log_in(&integration);
    let mut bench = Bench {
        org,
        token,
        now,
        last: Instant::now(),
    };
    bench.say("an org")?;
    let each = records / OBJECTS.len();
    for object in OBJECTS {
        bench.org.seed_records(object, each, |place| {
            let owner = leaver.as_str();
            match object {
                "Contact" | "Lead" => json!({ "LastName": format!("Person {place}"), "OwnerId": owner }),
                "Case" | "Task" => json!({ "Subject": format!("Subject {place}"), "OwnerId": owner }),
                _ => json!({ "Name": format!("Name {place}"), "OwnerId": owner }),
            }
        })?;
    }
    bench.say(&format!("{records} records seeded over {} objects", OBJECTS.len()))?;
    let count = bench.query(&format!("SELECT COUNT() FROM Contact WHERE OwnerId = '{leaver}'"))?;
    bench.say(&format!("COUNT() of one object: {}", text(&count, "/totalSize")))?;
    let mut after = "000000000000000".to_owned();
    for _ in 0..10 {
        let soql = format!(
            "SELECT Id, OwnerId FROM Contact WHERE OwnerId = '{leaver}' AND Id > '{after}' ORDER BY Id LIMIT 2000"
        );
        let page = bench.query(&soql)?;
        after = text(&page, "/records/1999/Id");
    }
    bench.say("ten pages of 2,000 by id")?;
    let before = bench.org.fingerprint();
    bench.say("fingerprint")?;
    let query = json!({ "operation": "query", "query": format!("SELECT Id FROM Account WHERE OwnerId = '{leaver}'") });
    let job = bench.json(Method::POST, "/jobs/query", &query)?;
    let id = text(&job, "/id");
    bench.org.set_bulk_page(usize::MAX);
    let ids = bench.call(
        Method::GET,
        &format!("/jobs/query/{id}/results"),
        "application/json",
        String::new(),
    )?;
    bench.say("one object by a bulk query")?;
    let mut data = "Id,OwnerId\n".to_owned();
    for line in std::str::from_utf8(&ids)?.lines().skip(1) {
        data.extend([line, ",", &manager, "\n"]);
    }
    let ingest = json!({ "object": "Account", "operation": "update" });
    let job = bench.json(Method::POST, "/jobs/ingest", &ingest)?;
    let path = format!("/jobs/ingest/{}", text(&job, "/id"));
    bench.call(Method::PUT, &format!("{path}/batches"), "text/csv", data)?;
    bench.json(Method::PATCH, &path, &json!({ "state": "UploadComplete" }))?;
    bench.say("the same handed over by a bulk update")?;
    let done = bench.call(
        Method::GET,
        &format!("{path}/successfulResults"),
        "application/json",
        String::new(),
    )?;
    bench.say(&format!("its results: {} bytes", done.len()))?;
    let changes = bench.org.owner_changes();
    writeln!(
        io::stdout(),
        "{changes:?}, changed {}",
        before != bench.org.fingerprint()
    )?;
    Ok(())
}
