//! Who is in an org: the list of all, and all users of one person.

use std::collections::BTreeMap;

use super::*;

#[tokio::test]
async fn everybody_is_listed_once_whatever_the_pages() {
    let world = World::new();
    let mut gone = UserSeed::new("gone@corp.example");
    gone.is_active = false;
    gone.employee_number = Some("00099".to_owned());
    let gone = world.org.add_user(gone);
    let mut customer = UserSeed::new("customer@client.example");
    customer.user_type = "PowerCustomerSuccess";
    let customer = world.org.add_user(customer);
    for number in 0..20 {
        world
            .org
            .add_user(UserSeed::new(&format!("user{number:02}@corp.example")));
    }
    world.org.set_page_size(6);
    world.org.set_short_pages(true);
    let salesforce = world.connect(None);
    let fields = ["Title".to_owned(), "EmployeeNumber".to_owned()];
    let (mut all, mut cursor, mut pages) = (BTreeMap::new(), None, 0);
    loop {
        let page = salesforce
            .list_accounts(&world.clock.call(), &fields, cursor.as_deref())
            .await
            .unwrap();
        assert_eq!(page.unproven, None);
        for one in page.items {
            assert!(all.insert(one.account.id.clone(), one).is_none());
        }
        pages += 1;
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(all.len(), 25);
    // A token, and one call for each page.
    assert_eq!(world.org.calls().len(), pages + 1);
    let own = world.org.user_id("rollcall@corp.example").unwrap();
    let sam = world.org.user_id("sam@corp.example").unwrap();
    for (id, class, active, names) in [
        (
            &world.jordan,
            AccountClass::Human,
            true,
            &["jordan@corp.example", "00042"][..],
        ),
        (&gone, AccountClass::Human, false, &["gone@corp.example", "00099"]),
        (&customer, AccountClass::Portal, true, &["customer@client.example"]),
        (&own, AccountClass::Service, true, &["rollcall@corp.example"]),
        (&sam, AccountClass::Admin, true, &["sam@corp.example"]),
    ] {
        let one = &all[id];
        assert_eq!((one.class, one.active), (class, active), "{one:?}");
        assert_eq!(one.names, names);
    }
    assert_eq!(
        all[&world.jordan].values,
        [("EmployeeNumber".to_owned(), "00042".to_owned())].into()
    );
}

#[tokio::test]
async fn a_list_that_hides_rows_says_so_and_one_that_ended_begins_again() {
    let world = World::new();
    world.org.set_page_size(2);
    let salesforce = world.connect(None);
    let call = || world.clock.call();
    world.org.hide_field("User", "EmployeeNumber");
    let page = salesforce.list_accounts(&call(), &[], None).await.unwrap();
    assert_eq!((page.items.len(), page.unproven), (2, None));
    world.clock.pass(Duration::from_hours(49));
    let ended = salesforce
        .list_accounts(&call(), &[], page.next.as_deref())
        .await
        .unwrap_err();
    assert_eq!(ended.class, FailureClass::GiveUp);
    world.org.deny(Permission::ViewAllUsers);
    let blind = salesforce.list_accounts(&call(), &[], None).await.unwrap();
    assert_eq!(blind.items.len(), 1);
    assert!(blind.unproven.unwrap().contains("View All Users"));
    let asked = salesforce
        .list_accounts(&call(), &["EmployeeNumber".to_owned()], None)
        .await
        .unwrap_err();
    assert_eq!(asked.class, FailureClass::NeedsHuman);
}

#[tokio::test]
async fn all_accounts_of_a_person_are_found_and_a_recycled_address_is_no_proof() {
    let world = World::new();
    let with_address = |username: &str| UserSeed {
        email: Some("Jordan@corp.example".to_owned()),
        ..UserSeed::new(username)
    };
    let admin = world.org.add_user(with_address("jordan@corp.example.admin").admin());
    let before = world.org.add_user(UserSeed {
        is_active: false,
        employee_number: Some("00007".to_owned()),
        ..with_address("jordan.old@corp.example")
    });
    let portal = world.org.add_user(UserSeed {
        user_type: "CspLitePortal",
        ..with_address("jordan@client.example")
    });
    let robot = world
        .org
        .add_user(with_address("jordan-sync@corp.example").integration());
    let salesforce = world.connect(None);
    let query = AccountQuery {
        keys: vec![
            MatchKey {
                field: "FederationIdentifier".to_owned(),
                value: "jordan@corp.example".to_owned(),
                sure: true,
            },
            MatchKey {
                field: "Email".to_owned(),
                value: "jordan@corp.example".to_owned(),
                sure: false,
            },
        ],
        linked: Vec::new(),
    };
    let found = salesforce.find_accounts(&world.clock.call(), &query).await.unwrap();
    assert_eq!(found.completeness, Completeness::Proven);
    let found: BTreeMap<_, _> = found
        .accounts
        .iter()
        .map(|one| {
            (
                one.account.id.clone(),
                (one.class, one.active, one.sure, one.names.clone()),
            )
        })
        .collect();
    let mail = || "jordan@corp.example".to_owned();
    assert_eq!(
        found,
        [
            (
                world.jordan.clone(),
                (AccountClass::Human, true, true, vec![mail(), "00042".to_owned()])
            ),
            (admin, (AccountClass::Admin, true, false, vec![mail()])),
            (
                before,
                (AccountClass::Human, false, false, vec![mail(), "00007".to_owned()])
            ),
            (portal, (AccountClass::Portal, true, false, vec![mail()])),
            (robot, (AccountClass::Service, true, false, vec![mail()])),
        ]
        .into()
    );
}
