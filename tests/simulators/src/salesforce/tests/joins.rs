//! Semi-joins, anti-joins and hidden fields.

use super::super::{Permission, UserSeed};
use super::*;

#[test]
fn joins_by_id_see_what_the_caller_sees() {
    let world = world();
    let gone = world.org.add_user(UserSeed {
        is_active: false,
        ..UserSeed::new("gone@corp.example").admin()
    });
    let cold = world.org.add_user(UserSeed {
        is_frozen: true,
        ..UserSeed::new("cold@corp.example").admin()
    });
    let admins = "SELECT Id FROM User WHERE IsActive = true AND Profile.PermissionsModifyAllData = true";
    let within = |id: &str| world.login_id(id);
    assert_eq!(
        world.ids(&format!(
            "SELECT Id FROM UserLogin WHERE IsFrozen = false AND UserId IN ({admins})"
        )),
        [within(&world.admin)]
    );
    assert_eq!(
        world.ids(&format!(
            "{admins} AND Id NOT IN (SELECT UserId FROM UserLogin WHERE IsFrozen = true)"
        )),
        [world.admin.as_str()]
    );
    assert_eq!(
        world.ids(&format!(
            "SELECT Id FROM UserLogin WHERE IsFrozen = true AND UserId IN ({admins})"
        )),
        [within(&cold)]
    );
    assert!(!world.ids(admins).contains(&gone));
    // Profiles that the caller cannot see make nobody an administrator.
    world.org.deny(Permission::ViewSetup);
    assert_eq!(
        world.ids(&format!("SELECT Id FROM UserLogin WHERE UserId IN ({admins})")),
        [] as [&str; 0]
    );
}

#[test]
fn a_hidden_field_is_unknown_to_queries_and_reads() {
    let world = world();
    world.org.hide_field("User", "EmployeeNumber");
    let soql = "/query?q=SELECT+Id,EmployeeNumber+FROM+User";
    assert_eq!(code(&world.get(soql).1), "INVALID_FIELD");
    let read = world.get(&format!("/sobjects/User/{}", world.leaver)).1;
    assert!(read.get("EmployeeNumber").is_none() && read.get("Email").is_some());
}
