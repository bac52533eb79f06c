use rollcall_model::connector::{GroupRead, Member};
use rollcall_model::{AccountClass, FailureClass, SourceState};

use super::*;
use crate::scripted::urgent;

const FIELDS: &str = "id,username,email,firstname,lastname,title,department,company,comment,phone,preferred_locale_code,status,\
                      state,group_id,role_ids,directory_id,trusted_idp_id,external_id,manager_user_id,manager_ad_id,\
                      samaccountname,userprincipalname,distinguished_name,member_of,created_at,updated_at,activated_at,\
                      last_login,invitation_sent_at,password_changed_at,locked_until,invalid_login_attempts,custom_attributes";

fn page(cursor: Option<&str>, rows: &Value, next: Option<&str>, total: Option<&str>) -> Step {
    let cursor = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
    let mut page = get(&format!("/api/2/users?limit=100&fields={FIELDS}{cursor}"), rows);
    if let Some(next) = next {
        page = page.with("after-cursor", next);
    }
    if let Some(total) = total {
        page = page.with("total-count", total);
    }
    page
}

fn seen() -> Step {
    get(
        "/api/2/users?limit=100&user_ids=90000002",
        &json!([{ "id": 90_000_002 }]),
    )
}

fn row(id: u64) -> Value {
    user_body(&id.to_string(), 1)
}

fn fields(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn ids(page: &Page<ListedAccount>) -> Vec<&str> {
    page.items.iter().map(|item| item.account.id.as_str()).collect()
}

#[tokio::test]
async fn a_listed_account_has_class_values_and_person() {
    let mut admin = row(90_001_002);
    admin["role_ids"] = json!([610_001]);
    let mut strange = row(90_001_003);
    strange["status"] = json!(77);
    let mut steps = vec![
        token(),
        seen(),
        page(None, &json!([row(90_001_001), admin, strange]), None, Some("3")),
    ];
    steps.extend(privileges(&json!([]), &json!([610_001])));
    steps.push(roles(&json!([])));
    let script = Script::new(steps);
    let (onelogin, _) = connect(settings(), &script);
    let asked = fields(&[
        "external_id",
        "login",
        "custom_attributes.cost_center",
        "samaccountname",
    ]);
    let page = onelogin.list_accounts(&urgent(), &asked, None).await.unwrap();
    script.done();
    assert_eq!((page.next, page.unproven), (None, None));
    let [one, two, three] = page.items.as_slice() else {
        panic!()
    };
    assert_eq!((one.class, two.class), (AccountClass::Human, AccountClass::Admin));
    let values: Vec<_> = one
        .values
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    assert_eq!(
        values,
        [
            "custom_attributes.cost_center=C-42",
            "external_id=HR-10021",
            "login=amara.okafor"
        ]
    );
    let person = one.person.as_ref().unwrap();
    assert_eq!(
        (person.state, person.key.as_str()),
        (SourceState::Active, "onelogin-main:90001001")
    );
    assert_eq!(person.attribute("department"), Some("Finance"));
    assert!(
        three.person.is_none() && three.active,
        "a status that is not known is nobody's and counts as usable"
    );
}

#[tokio::test]
async fn a_list_that_moved_while_it_was_read_is_read_once_more() {
    let steps = [
        token(),
        seen(),
        page(None, &json!([row(1), row(2)]), Some("p2"), Some("4")),
        // User 1 was deleted meanwhile: 3 moved to the first page and nobody shows it.
        page(Some("p2"), &json!([row(4)]), None, Some("3")),
        page(None, &json!([row(2), row(3)]), Some("p2"), Some("3")),
        page(Some("p2"), &json!([row(4)]), None, Some("3")),
    ];
    let script = Script::new(steps.into_iter().chain(no_rights()));
    let (onelogin, _) = connect(settings(), &script);
    let (mut all, mut cursor) = (std::collections::BTreeSet::new(), None);
    loop {
        let page = onelogin.list_accounts(&urgent(), &[], cursor.as_deref()).await.unwrap();
        all.extend(ids(&page).iter().map(|id| (*id).to_owned()));
        assert_eq!(page.unproven, None);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    script.done();
    assert_eq!(all.into_iter().collect::<Vec<_>>(), ["1", "2", "3", "4"]);
}

#[tokio::test]
async fn a_list_that_moves_each_time_proves_nothing() {
    let sweep = || {
        [
            page(None, &json!([row(1)]), Some("p2"), Some("2")),
            page(Some("p2"), &json!([row(2)]), None, Some("3")),
        ]
    };
    let steps = [token(), seen()]
        .into_iter()
        .chain(sweep())
        .chain(sweep())
        .chain(no_rights());
    let script = Script::new(steps);
    let (onelogin, _) = connect(settings(), &script);
    let mut cursor = None;
    for last in [false, false, false, true] {
        let page = onelogin.list_accounts(&urgent(), &[], cursor.as_deref()).await.unwrap();
        assert_eq!((page.unproven.is_some(), page.next.is_none()), (last, last));
        cursor = page.next;
    }
    script.done();
}

#[tokio::test]
async fn a_list_without_the_canary_says_that_rows_may_be_hidden() {
    let none = get("/api/2/users?limit=100&user_ids=90000002", &json!([]));
    let steps = [token(), none, page(None, &json!([row(1)]), None, Some("1"))];
    let script = Script::new(steps.into_iter().chain(no_rights()));
    let (onelogin, _) = connect(settings(), &script);
    let page = onelogin.list_accounts(&urgent(), &[], None).await.unwrap();
    assert!(page.unproven.unwrap().contains("canary"));
    script.done();
}

#[tokio::test]
async fn a_field_that_the_list_leaves_out_is_read_by_id_and_an_unknown_one_is_refused() {
    let reduced = json!([{ "id": 90_001_001, "username": "amara", "email": "a@example.com", "status": 1, "state": 1 }]);
    let steps = [
        token(),
        seen(),
        page(None, &reduced, None, Some("1")),
        user(&row(90_001_001)),
    ];
    let script = Script::new(steps.into_iter().chain(no_rights()));
    let (onelogin, _) = connect(settings(), &script);
    let asked = fields(&["custom_attributes.cost_center"]);
    let page = onelogin.list_accounts(&urgent(), &asked, None).await.unwrap();
    assert_eq!(page.items[0].values["custom_attributes.cost_center"], "C-42");
    script.done();
    for field in ["mail", "id&x", "custom_attributes."] {
        let failure = onelogin
            .list_accounts(&urgent(), &fields(&[field]), None)
            .await
            .unwrap_err();
        assert_eq!(failure.class, FailureClass::NeedsHuman, "{field}");
    }
    let foreign = onelogin.list_accounts(&urgent(), &[], Some("p2")).await.unwrap_err();
    assert_eq!(foreign.class, FailureClass::GiveUp);
}

fn named(rows: &Value) -> Step {
    get("/api/2/roles?limit=100&name=RC-Protected", rows)
}

fn any_role() -> Step {
    get("/api/2/roles?limit=1", &json!([{ "id": 1, "name": "x" }]))
}

async fn members(steps: impl IntoIterator<Item = Step>) -> GroupRead {
    let script = Script::new(steps);
    let (onelogin, _) = connect(settings(), &script);
    let read = onelogin.group_members(&urgent(), "RC-Protected").await.unwrap();
    script.done();
    read
}

fn member(id: &str, login: &str) -> Member {
    Member {
        id: id.to_owned(),
        login: login.to_owned(),
        email: Some(format!("{login}@example.com")),
    }
}

#[tokio::test]
async fn members_are_complete_by_the_roles_own_word() {
    let rows = json!([{ "id": 5, "name": "RC-Protected" }, { "id": 6, "name": "rc-protected" }]);
    let listed = json!([{ "id": 11, "username": "Ada", "email": "Ada@example.com", "name": "Ada" }]);
    let steps = || {
        vec![
            token(),
            any_role(),
            named(&rows),
            get(
                "/api/2/roles/5",
                &json!({ "id": 5, "name": "RC-Protected", "users": [11, 12] }),
            ),
            get("/api/2/roles/5/users?limit=100", &listed),
        ]
    };
    // The list of members missed one.
    let twelve = json!({ "id": 12, "username": "bo", "email": "bo@example.com" });
    let mut all = steps();
    all.push(user(&twelve));
    assert_eq!(
        members(all).await,
        GroupRead::Members(vec![member("11", "ada"), member("12", "bo")])
    );
    let mut hidden = steps();
    hidden.push(missing("12"));
    assert!(matches!(members(hidden).await, GroupRead::Unproven(why) if why.contains("does not see")));
}

#[tokio::test]
async fn a_group_stands_in_where_no_role_has_the_name() {
    let groups = |name: &str| get("/api/1/groups", &json!({ "data": [{ "id": 7, "name": name }] }));
    let in_group = |group: u64| {
        let rows = json!([{ "id": 11, "username": "ada", "email": "ada@example.com", "group_id": group }]);
        get("/api/2/users?limit=100&group_id=7", &rows)
    };
    let steps = |rest: Vec<Step>| [token(), any_role(), named(&json!([]))].into_iter().chain(rest);
    let found = members(steps(vec![groups("RC-Protected"), in_group(7)])).await;
    assert_eq!(found, GroupRead::Members(vec![member("11", "ada")]));
    let unheeded = members(steps(vec![groups("RC-Protected"), in_group(8)])).await;
    assert!(matches!(unheeded, GroupRead::Unproven(_)), "{unheeded:?}");
    assert_eq!(members(steps(vec![groups("Other")])).await, GroupRead::NoSuchGroup);
}

#[tokio::test]
async fn no_role_at_all_proves_nothing() {
    let steps = [
        token(),
        get("/api/2/roles?limit=1", &json!([])),
        named(&json!([])),
        get("/api/1/groups", &json!({ "data": [] })),
    ];
    assert!(matches!(members(steps).await, GroupRead::Unproven(_)));
    let (onelogin, _) = connect(settings(), &Script::new([]));
    let unnamed = onelogin.group_members(&urgent(), " ").await.unwrap();
    assert!(matches!(unnamed, GroupRead::Unproven(_)));
}
