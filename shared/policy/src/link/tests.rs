use std::collections::BTreeMap;

use proptest::prelude::*;
use rollcall_model::person::SourceState;
use serde_json::Value;

use super::*;
use crate::load_files;
use crate::tests::{amara, catalogue};

const ROOT: &str = "version: 1
connections: {okta-main: okta, sf-us: salesforce}
source: okta-main
match:
  - {sure: true, okta: employeeNumber, salesforce: EmployeeNumber}
  - {sure: true, okta: login, salesforce: FederationIdentifier}
  - {sure: false, okta: email, salesforce: Email}
";

const TENANTS: &str = "tenants:
  okta-main: {url: https://corp.okta.example, id: 00oPROD, secret: env:OKTA}
  sf-us: {url: https://us.example.com, id: 00D000000000001AAA, secret: env:SF, consumer_key: k, username: u@example.com}
mode: {default: observe}
";

fn configuration() -> Configuration {
    let files = BTreeMap::from([
        ("rollcall.yaml".to_owned(), ROOT.to_owned()),
        ("env/prod.yaml".to_owned(), TENANTS.to_owned()),
        (
            "playbooks/leaver.yaml".to_owned(),
            "on: [{planned: leave}]\ncut:\n  - {use: salesforce/freeze, in: sf-us}\n".to_owned(),
        ),
    ]);
    load_files(&files, "prod", &catalogue()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn key(id: &str) -> PersonKey {
    PersonKey::new(format!("okta-main:{id}"))
}

fn person(id: &str, number: &str, login: &str, email: &str) -> Person {
    Person {
        key: key(id),
        account: AccountRef::new("okta-main", id),
        login: login.to_owned(),
        email: Some(email.to_owned()),
        state: SourceState::Active,
        attributes: BTreeMap::from([("employeeNumber".to_owned(), Value::from(number))]),
        ..amara()
    }
}

fn sf(id: &str) -> AccountRef {
    AccountRef::new("sf-us", id)
}

fn account(id: &str, number: &str, federation: &str, email: &str) -> ListedAccount {
    ListedAccount {
        account: sf(id),
        class: AccountClass::Human,
        username: format!("{id}@us.example"),
        active: true,
        names: Vec::new(),
        values: [
            ("EmployeeNumber", number),
            ("FederationIdentifier", federation),
            ("Email", email),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect(),
        person: None,
    }
}

/// A company, joined when it is asked.
#[derive(Debug, Default)]
struct Company {
    people: Vec<Person>,
    accounts: Vec<ListedAccount>,
    assignments: Option<Vec<Assignment>>,
    stored: Stored,
    service: BTreeSet<String>,
}

impl Company {
    fn join(&self) -> Joined {
        self.join_under(&configuration())
    }

    fn join_under(&self, configuration: &Configuration) -> Joined {
        let people: People = self.people.iter().map(|one| (one.key.clone(), one.clone())).collect();
        join(
            configuration,
            &JoinInputs {
                connection: &"sf-us".into(),
                people: &people,
                accounts: &self.accounts,
                assignments: self.assignments.as_deref(),
                stored: &self.stored,
                service: &self.service,
            },
        )
    }
}

/// Each link as `account person`, with `+` in front of a new one.
fn links(joined: &Joined) -> Vec<String> {
    joined
        .links
        .iter()
        .map(|link| {
            let new = if link.new { "+" } else { "" };
            let who = link.person.as_str().trim_start_matches("okta-main:");
            format!("{new}{} {who}", link.account.id)
        })
        .collect()
}

/// Ada (a) and Bo (b), each with an account that was linked before.
fn linked() -> Company {
    Company {
        people: vec![
            person("a", "1", "ada@corp.example", "ada@corp.example"),
            person("b", "2", "bo@corp.example", "bo@corp.example"),
        ],
        accounts: vec![
            account("A", "1", "ada@corp.example", "ada@corp.example"),
            account("B", "2", "bo@corp.example", "bo@corp.example"),
        ],
        stored: Stored {
            owners: HashMap::from([(sf("A"), key("a")), (sf("B"), key("b"))]),
            denied: HashSet::new(),
        },
        ..Company::default()
    }
}

#[test]
fn one_sure_claim_links_and_an_unsure_one_never_does() {
    let mut company = linked();
    company.stored = Stored::default();
    company.accounts.push(account("C", "", "", "BO@corp.example"));
    company.accounts.push(account("D", "", "", "nobody@corp.example"));
    let joined = company.join();
    assert_eq!(links(&joined), ["+A a", "+B b"]);
    assert_eq!(joined.links[0].by, ["EmployeeNumber", "FederationIdentifier", "Email"]);
    assert_eq!(joined.unsure.len(), 1);
    assert_eq!(joined.unsure[0].account, sf("C"));
    assert_eq!(joined.unsure[0].claims[0].by, ["Email"]);
    assert_eq!(joined.unclaimed, 1);
}

#[test]
fn two_sure_claims_are_ambiguous() {
    let mut company = linked();
    company.stored = Stored::default();
    company.accounts = vec![account("A", "1", "bo@corp.example", "")];
    let joined = company.join();
    assert_eq!(links(&joined), [""; 0]);
    let claims: Vec<&str> = joined.ambiguous[0]
        .claims
        .iter()
        .map(|claim| claim.login.as_str())
        .collect();
    assert_eq!(claims, ["ada@corp.example", "bo@corp.example"]);
    // Until somebody says whose it is not.
    company.stored.denied.insert((key("b"), sf("A")));
    assert_eq!(links(&company.join()), ["+A a"]);
}

#[test]
fn changed_email() {
    let mut company = linked();
    company.people[0].email = Some("ada.king@corp.example".to_owned());
    let joined = company.join();
    assert_eq!(links(&joined), ["A a", "B b"]);
    assert_eq!((joined.conflicts.len(), joined.unsure.len()), (0, 0));
}

#[test]
fn changed_login() {
    let mut company = linked();
    company.people[0].login = "ada.king@corp.example".to_owned();
    company.people[0].attributes.clear();
    company.people[0].email = None;
    let joined = company.join();
    // Nothing at all agrees any more, and the link stands.
    assert_eq!(links(&joined), ["A a", "B b"]);
    assert!(joined.links[0].by.is_empty());
    assert_eq!(joined.conflicts, []);
}

#[test]
fn recycled_address() {
    let mut company = linked();
    // Ada left; a new Ada gets her address and her sign-in name.
    company.people[0] = person("a", "1", "ada.old@corp.example", "ada.old@corp.example");
    company.people[0].state = SourceState::Deactivated;
    company
        .people
        .push(person("c", "3", "ada@corp.example", "ada@corp.example"));
    let joined = company.join();
    assert_eq!(links(&joined), ["A a", "B b"]);
    assert_eq!(joined.conflicts.len(), 1);
    let conflict = &joined.conflicts[0];
    assert_eq!((&conflict.account, &conflict.owner), (&sf("A"), &key("a")));
    assert_eq!(conflict.claims[0].person, key("c"));
    assert_eq!(conflict.claims[0].by, ["FederationIdentifier", "Email"]);
    // The same when the source has forgotten the first Ada altogether.
    company.people.remove(0);
    let joined = company.join();
    assert_eq!(links(&joined), ["A a", "B b"]);
    assert_eq!(joined.conflicts[0].owner, key("a"));
}

#[test]
fn swapped_addresses() {
    let mut company = linked();
    company.people[0].email = Some("bo@corp.example".to_owned());
    company.people[1].email = Some("ada@corp.example".to_owned());
    company.people[0].login = "bo@corp.example".to_owned();
    company.people[1].login = "ada@corp.example".to_owned();
    let joined = company.join();
    assert_eq!(links(&joined), ["A a", "B b"]);
    let owners: Vec<&PersonKey> = joined.conflicts.iter().map(|conflict| &conflict.owner).collect();
    assert_eq!(owners, [&key("a"), &key("b")]);
}

#[test]
fn an_address_that_two_people_share_is_no_conflict() {
    let mut company = linked();
    company.people[1].email = Some("ada@corp.example".to_owned());
    assert_eq!(company.join().conflicts, []);
}

#[test]
fn a_person_may_have_several_accounts_of_any_class() {
    let mut company = linked();
    company.stored = Stored::default();
    let mut admin = account("A2", "1", "", "");
    admin.class = AccountClass::Admin;
    let mut portal = account("A3", "1", "", "");
    portal.class = AccountClass::Portal;
    company.accounts.extend([admin, portal]);
    let joined = company.join();
    assert_eq!(links(&joined), ["+A a", "+A2 a", "+A3 a", "+B b"]);
    assert_eq!(joined.links[1].class, AccountClass::Admin);
    assert_eq!(joined.links[2].class, AccountClass::Portal);
}

#[test]
fn service_accounts_are_never_linked_and_named_when_their_person_left() {
    let mut company = linked();
    company.stored = Stored::default();
    company.accounts[0].class = AccountClass::Service;
    company.service = BTreeSet::from(["b@us.example".to_owned()]);
    let joined = company.join();
    assert_eq!(links(&joined), [""; 0]);
    assert_eq!((joined.services, joined.service.len()), (2, 0));
    company.people[1].state = SourceState::Deactivated;
    let joined = company.join();
    assert_eq!(joined.service.len(), 1);
    assert_eq!(
        (&joined.service[0].account, &joined.service[0].person),
        (&sf("B"), &key("b"))
    );
}

#[test]
fn an_assignment_names_the_account_and_its_username_only_suggests_one() {
    let mut company = linked();
    company.stored = Stored::default();
    let (long, other) = ("005000000000001AAA", "005000000000002AAA");
    company.accounts = vec![account(long, "", "", ""), account(other, "", "", "")];
    company.assignments = Some(vec![
        Assignment {
            account: AccountRef::new("okta-main", "a"),
            external_id: Some("005000000000001".to_owned()),
            username: None,
        },
        Assignment {
            account: AccountRef::new("okta-main", "b"),
            external_id: None,
            username: Some(format!("{other}@us.example")),
        },
    ]);
    let joined = company.join();
    assert_eq!(links(&joined), [format!("+{long} a")]);
    assert_eq!(joined.links[0].by, [BY_ASSIGNMENT]);
    assert_eq!(joined.unsure[0].claims[0].by, [BY_ASSIGNED_NAME]);
    let coverage = joined.coverage.unwrap();
    assert_eq!((coverage.people, coverage.linked, coverage.percent), (2, 1, 50));
}

#[test]
fn ids_are_told_apart_by_case() {
    let mut company = linked();
    company.stored = Stored::default();
    company.accounts = vec![account("005000000000abcAAA", "", "", "")];
    company.assignments = Some(vec![Assignment {
        account: AccountRef::new("okta-main", "a"),
        external_id: Some("005000000000ABC".to_owned()),
        username: None,
    }]);
    assert_eq!(links(&company.join()), [""; 0]);
}

#[test]
fn coverage_counts_the_active_who_are_linked_or_proven_to_have_none() {
    let mut company = linked();
    // c: nothing there. d: nothing to be recognised by. e: perhaps. f: has left.
    company
        .people
        .push(person("c", "3", "c@corp.example", "c@corp.example"));
    let mut unrecognisable = person("d", "", "", "d@corp.example");
    unrecognisable.attributes.clear();
    company.people.push(unrecognisable);
    company
        .people
        .push(person("e", "5", "e@corp.example", "e@corp.example"));
    company.accounts.push(account("E", "", "", "e@corp.example"));
    let mut left = person("f", "6", "f@corp.example", "f@corp.example");
    left.state = SourceState::Deactivated;
    company.people.push(left);
    let coverage = company.join().coverage.unwrap();
    assert_eq!(
        (coverage.people, coverage.linked, coverage.without, coverage.percent),
        (5, 2, 1, 60)
    );
    // Who is given the application and has no account is not known: something hides it.
    company.assignments = Some(
        ["a", "c"]
            .map(|id| Assignment {
                account: AccountRef::new("okta-main", id),
                external_id: None,
                username: None,
            })
            .to_vec(),
    );
    let coverage = company.join().coverage.unwrap();
    assert_eq!((coverage.people, coverage.linked, coverage.without), (2, 1, 0));
    // Nobody to count is no coverage, least of all a full one.
    company.assignments = Some(Vec::new());
    assert_eq!(company.join().coverage, None);
}

#[test]
fn a_linked_account_that_the_list_does_not_show_stays_linked() {
    let mut company = linked();
    company.accounts.remove(0);
    let joined = company.join();
    assert_eq!(joined.unseen, [sf("A")]);
    assert_eq!(joined.coverage.unwrap().linked, 2);
}

fn small() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), (0_u8..4).prop_map(|number| number.to_string())]
}

prop_compose! {
    fn any_company()(
        people in prop::collection::vec((small(), small(), small(), any::<bool>()), 0..6),
        accounts in prop::collection::vec((small(), small(), small(), 0_u8..4), 0..8),
        owners in prop::collection::btree_map(0_usize..8, 0_usize..7, 0..6),
        denied in prop::collection::vec((0_usize..6, 0_usize..8), 0..6),
        assignments in prop::option::of(prop::collection::vec((0_usize..6, 0_usize..8), 0..6)),
        service in prop::collection::btree_set(0_usize..8, 0..2),
    ) -> Company {
        let id = |place: &usize| format!("x{place}");
        Company {
            people: people
                .iter()
                .enumerate()
                .map(|(place, (number, login, email, left))| {
                    let mut one = person(&place.to_string(), number, login, email);
                    if *left {
                        one.state = SourceState::Deactivated;
                    }
                    one
                })
                .collect(),
            accounts: accounts
                .iter()
                .enumerate()
                .map(|(place, (number, federation, email, class))| {
                    let mut one = account(&id(&place), number, federation, email);
                    one.class = [AccountClass::Human, AccountClass::Admin, AccountClass::Portal, AccountClass::Service]
                        [usize::from(*class)];
                    one
                })
                .collect(),
            assignments: assignments.map(|all| {
                all.iter()
                    .map(|(who, which)| Assignment {
                        account: AccountRef::new("okta-main", who.to_string()),
                        external_id: Some(id(which)),
                        username: None,
                    })
                    .collect()
            }),
            stored: Stored {
                owners: owners.iter().map(|(which, who)| (sf(&id(which)), key(&who.to_string()))).collect(),
                denied: denied.iter().map(|(who, which)| (key(&who.to_string()), sf(&id(which)))).collect(),
            },
            service: service.iter().map(|which| format!("{}@us.example", id(which))).collect(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn links_keep_their_promises_whatever_the_company(company in any_company()) {
        let configuration = configuration();
        let joined = company.join_under(&configuration);
        let mut owner: HashMap<&AccountRef, &PersonKey> = HashMap::new();
        for link in &joined.links {
            // No account is linked to two people, nor twice.
            prop_assert!(owner.insert(&link.account, &link.person).is_none());
            // No link that somebody denied.
            prop_assert!(!company.stored.denied.contains(&(link.person.clone(), link.account.clone())));
            let listed = company.accounts.iter().find(|one| one.account == link.account).unwrap();
            if link.new {
                // Only something sure links, and only somebody who is in the source; never an account of a program.
                prop_assert!(link.by.iter().any(|by| by != "Email"), "{link:?}");
                prop_assert!(company.people.iter().any(|one| one.key == link.person));
                prop_assert!(!is_service(listed, &company.service));
                let stands = company.stored.owners.get(&link.account);
                let denied = stands
                    .is_none_or(|stood| company.stored.denied.contains(&(stood.clone(), link.account.clone())));
                prop_assert!(denied, "{link:?} moved");
            }
        }
        // A stored link never moves, unless somebody decided against it.
        for (account, stood) in &company.stored.owners {
            let denied = company.stored.denied.contains(&(stood.clone(), account.clone()));
            let listed = company.accounts.iter().any(|one| one.account == *account);
            if listed && !denied {
                prop_assert_eq!(owner.get(account), Some(&stood));
            }
            prop_assert!(listed || joined.unseen.contains(account));
        }
        // Whoever has two sure claims on it, an account in doubt is not linked.
        for doubt in joined.ambiguous.iter().chain(&joined.unsure) {
            prop_assert!(!owner.contains_key(&doubt.account));
        }
        for doubt in &joined.ambiguous {
            prop_assert!(doubt.claims.len() > 1);
        }
        if let Some(coverage) = joined.coverage {
            prop_assert!(coverage.linked + coverage.without <= coverage.people && coverage.percent <= 100);
        }
        // Done once, the same again links nothing new and moves nothing.
        let mut again = Company { people: company.people, accounts: company.accounts, assignments: company.assignments,
            stored: company.stored.clone(), service: company.service };
        for link in &joined.links {
            again.stored.owners.insert(link.account.clone(), link.person.clone());
        }
        let second = again.join_under(&configuration);
        prop_assert!(second.links.iter().all(|link| !link.new));
        prop_assert_eq!(
            second.links.iter().map(|link| (&link.account, &link.person)).collect::<Vec<_>>(),
            joined.links.iter().map(|link| (&link.account, &link.person)).collect::<Vec<_>>()
        );
    }
}
