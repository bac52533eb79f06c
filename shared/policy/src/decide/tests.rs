use std::collections::BTreeMap;

use rollcall_model::connector::{AccountSearch, Completeness, State};
use rollcall_model::event::EventKind;
use rollcall_model::ids::{Digest, SignalKey};
use rollcall_model::person::{Account, AccountClass};
use rollcall_model::plan::{PlanItem, StagePlan, TellMoment, Verdict};
use rollcall_model::{SourceState, Timestamp};
use serde_json::{Value, json};

use super::*;
use crate::configuration::{Configuration, Mode};
use crate::load_files;
use crate::tests::{amara, catalogue};

mod company;
mod dismantling;
mod guarding;
mod planning;
mod standing;
mod undoing;

const ROOT: &str = "version: 1
connections: {okta-main: okta, sf-us: salesforce, sf-emea: salesforce, slack: slack}
source: okta-main
sets: {crm: [sf-us, sf-emea]}
match:
  - {sure: true, okta: employeeNumber, salesforce: EmployeeNumber}
  - {sure: true, okta: login, salesforce: FederationIdentifier}
  - {sure: false, okta: email, salesforce: Email}
lists:
  protected: {group: okta-main/RC-Protected}
  hold: {people: [\"Amara@example.com\"]}
  quiet: {people: []}
";

const TENANTS: &str = "tenants:
  okta-main: {url: https://corp.okta.example, id: 00oPROD, secret: env:OKTA}
  sf-us: {url: https://us.example.com, id: 00D000000000001AAA, secret: env:SF, consumer_key: k, username: u@example.com}
  sf-emea: {url: https://em.example.com, id: 00D000000000002AAA, secret: env:SF, consumer_key: k, username: u@example.com}
  slack: {id: T01, secret: env:SLACK}
";

const LEAVER: &str = "on: [{from: okta-main, event: [user.deactivated, user.deleted]}, {planned: leave}]
cut:
  - {id: crm, use: [salesforce/freeze, salesforce/end-sessions], in: crm}
  - {id: extra, use: salesforce/revoke-tokens, in: sf-us, if: \"account.class == 'admin'\"}
dismantle:
  after: 2h
  unless: person.active || person.in('quiet')
  steps:
    - {use: salesforce/hand-over, in: sf-us, with: {to: \"user:${person.manager.email}\"}}
tell:
  cut: {post: \"#security\", dm: \"${person.manager}\", text: \"{{ person.display }} is out: {{ run.cut }}\"}
  held: {dm: \"ops@example.com\", text: \"{{ run.why }}\"}
";

fn configured(mode: &str, playbook: &str) -> Configuration {
    let files = BTreeMap::from([
        ("rollcall.yaml".to_owned(), ROOT.to_owned()),
        ("env/prod.yaml".to_owned(), format!("{TENANTS}mode: {mode}\n")),
        ("playbooks/leaver.yaml".to_owned(), playbook.to_owned()),
    ]);
    load_files(&files, "prod", &catalogue()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn configuration() -> Configuration {
    configured("{default: enforce}", LEAVER)
}

fn event(kind: &str) -> Event {
    Event {
        key: SignalKey::new("okta-main:1"),
        source: "okta-main".into(),
        kind: EventKind::from(kind),
        vendor_type: "user.lifecycle.deactivate".to_owned(),
        account: Some(AccountRef::new("okta-main", "00uAMARA")),
        app: None,
        actor: None,
        ours: false,
        succeeded: true,
        occurred_at: Timestamp::UNIX_EPOCH,
        received_at: Timestamp::UNIX_EPOCH,
    }
}

/// A run of the leaver for somebody, with everything that the calls need.
struct Run {
    configuration: Configuration,
    person: Person,
    plan: RunPlan,
    hash: Digest,
    event: EventFacts,
    memberships: Memberships,
    converting: Option<bool>,
}

impl Run {
    fn of(configuration: Configuration, person: Person) -> Self {
        let matched = PlaybookMatch {
            playbook: "leaver".to_owned(),
            goal: Goal::Leave,
            cut_only: false,
            about: None,
        };
        let plan = run_plan(&configuration, &matched, &person, &person.account, &Wish::default()).unwrap();
        Self {
            hash: plan.hash().unwrap(),
            plan,
            event: EventFacts::from(&event("user.deactivated")),
            memberships: memberships(&configuration, &person, &ListReads::new()),
            configuration,
            person,
            converting: Some(false),
        }
    }

    fn new() -> Self {
        Self::of(configuration(), amara())
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            plan: &self.plan,
            plan_hash: &self.hash,
            person: &self.person,
            event: &self.event,
            memberships: &self.memberships,
            converting: self.converting,
        }
    }

    fn stage(&self, stage: usize, inputs: &StageInputs) -> StagePlan {
        stage_plan(&self.configuration, &catalogue(), &self.facts(), stage, inputs)
    }
}

fn account(connection: &str, id: &str, class: AccountClass, sure: bool) -> Account {
    Account {
        account: AccountRef::new(connection, id),
        class,
        username: format!("{id}@{connection}.example"),
        active: true,
        matched_by: vec![if sure { "FederationIdentifier" } else { "Email" }.to_owned()],
        sure,
        names: Vec::new(),
    }
}

fn proven(accounts: Vec<Account>) -> AccountSearch {
    AccountSearch {
        accounts,
        completeness: Completeness::Proven,
    }
}

fn known(value: Value) -> Observation {
    Observation::Known(State {
        value,
        evidence: json!({"count": 3}),
    })
}

fn lines(plan: &StagePlan) -> Vec<String> {
    plan.items
        .iter()
        .map(|PlanItem { change, verdict }| {
            let verdict = match verdict {
                Verdict::Run => "run",
                Verdict::AlreadySo => "so",
                Verdict::Skip(_) => "skip",
                Verdict::Refuse(_) => "refuse",
                Verdict::Unknown(_) => "unknown",
                Verdict::Ask(_) => "ask",
            };
            format!("{} {verdict}", change.key())
        })
        .collect()
}

fn reason(plan: &StagePlan, place: usize) -> String {
    match &plan.items[place].verdict {
        Verdict::Skip(why) | Verdict::Refuse(why) | Verdict::Unknown(why) | Verdict::Ask(why) => why.clone(),
        other => format!("{other:?}"),
    }
}
