//! Lists: paging, what they omit, search and its lag.

use super::*;

/// All ids of a list, following its links.
fn walk(world: &World, first: &str) -> (Vec<String>, usize) {
    let (mut ids, mut pages, mut next) = (Vec::new(), 0, Some(first.to_owned()));
    while let Some(path) = next {
        let got = world.get(&path);
        assert_eq!(got.status, 200, "{}", got.json);
        ids.extend(
            got.json
                .as_array()
                .unwrap()
                .iter()
                .map(|user| user["id"].as_str().unwrap().to_owned()),
        );
        pages += 1;
        next = got.link("next");
        assert!(pages < 50);
    }
    (ids, pages)
}

#[test]
fn pages_hold_everyone_once_and_nobody_deactivated() {
    let world = World::new();
    let mut all = vec![world.admin.clone()];
    all.extend((0..9).map(|number| world.user(&format!("user{number}@example.com"))));
    let gone = world.with_status("gone@example.com", Status::Deprovisioned);
    for joined in [false, true] {
        world.okta.set_joined_links(joined);
        assert_eq!(
            walk(&world, "/api/v1/users?limit=3"),
            (all.clone(), 4),
            "joined: {joined}"
        );
    }
    assert_eq!(
        walk(&world, "/api/v1/users?limit=5").1,
        2,
        "a full last page has no next link"
    );
    assert_eq!(
        walk(&world, "/api/v1/users?filter=status+eq+%22DEPROVISIONED%22").0,
        std::slice::from_ref(&gone)
    );
    assert_eq!(
        walk(&world, "/api/v1/users?search=status+eq+%22deprovisioned%22").0,
        [gone],
        "search folds case"
    );
    assert!(
        walk(&world, "/api/v1/users?filter=status+eq+%22deprovisioned%22")
            .0
            .is_empty(),
        "filter does not"
    );
}

#[test]
fn a_page_stays_right_when_people_vanish_between_pages() {
    let world = World::new();
    let ids: Vec<String> = (0..4)
        .map(|number| world.user(&format!("user{number}@example.com")))
        .collect();
    let first = world.get("/api/v1/users?limit=2");
    for _ in 0..2 {
        world.okta.admin_delete(&ids[0], &world.admin, world.now).unwrap();
    }
    let (rest, _) = walk(&world, &first.link("next").unwrap());
    assert_eq!(rest, ids[1..]);
}

#[test]
fn bad_queries_are_refused() {
    let world = World::new();
    let table = [
        ("after=elsewhere", "E0000029"),
        ("limit=0", "E0000001"),
        ("limit=many", "E0000001"),
        ("search=status+ne+%22ACTIVE%22", "E0000031"),
        ("search=profile.shoeSize+eq+%2244%22", "E0000031"),
        ("search=profile.title+co+%22ea%22", "E0000031"),
        ("search=nonsense", "E0000031"),
        ("filter=profile.title+eq+%22X%22", "E0000031"),
        (
            "filter=status+eq+%22ACTIVE%22&search=status+eq+%22ACTIVE%22",
            "E0000033",
        ),
    ];
    for (query, code) in table {
        let got = world.get(&format!("/api/v1/users?{query}"));
        assert_eq!((got.status, got.code()), (400, code), "{query}");
    }
}

#[test]
fn search_trails_behind_and_reads_by_id_do_not() {
    let mut world = World::new();
    world.okta.set_search_lag(std::time::Duration::from_secs(10));
    let id = world.user("bob@example.com");
    let path = "/api/v1/users?search=status+eq+%22SUSPENDED%22";
    world.call("POST", &format!("/api/v1/users/{id}/lifecycle/suspend"));
    assert!(walk(&world, path).0.is_empty());
    assert_eq!(world.get(&format!("/api/v1/users/{id}")).json["status"], "SUSPENDED");
    let fresh = json!({ "profile": { "login": "new@example.com", "email": "new@example.com", "firstName": "N", "lastName": "W" } });
    assert_eq!(world.call_with("POST", "/api/v1/users", fresh).status, 200);
    let newest = "/api/v1/users?search=profile.login+eq+%22new@example.com%22";
    assert!(walk(&world, newest).0.is_empty());
    world.pass(10);
    assert_eq!(walk(&world, path).0, [id]);
    assert_eq!(walk(&world, newest).0.len(), 1);
}

#[test]
fn fields_reduce_the_answer() {
    let world = World::new();
    let got = world.get("/api/v1/users?fields=id,profile:(login),status&limit=1").json;
    assert_eq!(
        got,
        json!([{ "id": world.admin, "status": "ACTIVE", "profile": { "login": "ada@example.com" } }])
    );
}

#[test]
fn members_include_the_deactivated() {
    let world = World::new();
    let group = world.okta.add_group("Engineering", GroupKind::Okta);
    let gone = world.with_status("gone@example.com", Status::Deprovisioned);
    world.okta.add_member(&group, &gone).unwrap();
    assert_eq!(walk(&world, &format!("/api/v1/groups/{group}/users?limit=1")).0, [gone]);
}
