#!/usr/bin/env python3
"""Drives the Okta simulator with Okta's official Python SDK (PyPI okta 3.4.6).

The simulator is wrong until the official client agrees with it. Start the simulators, and hand over the line of JSON they
print, as the only argument or in ROLLCALL_SIMULATORS:

    cargo run -p rollcall-simulators --bin simulators > world.json   # keep its standard input open
    python3 okta_check.py "$(head -1 world.json)"

Exits with 1 when anything disagrees; the last line is "N passed, M failed".
"""

import asyncio
import json
import os
import sys
import traceback
import urllib.request

os.environ["OKTA_TESTING_TESTINGDISABLEHTTPSCHECK"] = "true"

from okta.client import Client  # noqa: E402  (the environment must be set before)
from okta.models import (  # noqa: E402
    AddGroupRequest,
    AssignRoleToUserRequest,
    CreateUserRequest,
    OktaUserGroupProfile,
    StandardRoleAssignmentSchema,
    UpdateUserRequest,
    UserProfile,
)
from okta.pagination import PaginationHelper  # noqa: E402

CHECKS = []


def check(test):
    CHECKS.append(test)
    return test


def ssws(world, **more):
    return Client({"orgUrl": world["url"], "token": world["token"], "cache": {"enabled": False}, **more})


def service(world, client_id, dpop=False, scopes=None):
    return Client({
        "orgUrl": world["url"],
        "authorizationMode": "PrivateKey",
        "clientId": client_id,
        "scopes": scopes or world["scopes"],
        "privateKey": world["private_key_pem"],
        "kid": world["key_id"],
        "dpopEnabled": dpop,
        "cache": {"enabled": False},
    })


def good(answer):
    """The value of an answer that must not be an error."""
    error = answer[-1]
    assert error is None, f"unexpected error: {error}"
    return answer[0]


def refused(answer, status, code):
    error = answer[-1]
    assert error is not None, f"expected {status} {code}, but it was accepted"
    got = (getattr(error, "status", None), getattr(error, "error_code", None))
    assert got == (status, code), f"expected {status} {code}, got {got}: {error}"


def status_of(user):
    return getattr(user.status, "value", user.status)


def person(login, **profile):
    profile = UserProfile(login=login, email=login, firstName="Test", lastName="Person", **profile)
    return CreateUserRequest(profile=profile, credentials={"password": {"value": "correct horse battery staple 1"}})


async def created(client, login, **profile):
    return good(await client.create_user(person(login, **profile)))


@check
async def creates_and_reads_by_id_and_login(world):
    client = ssws(world)
    user = await created(client, "read.me@example.com", department="Sales")
    assert status_of(user) == "ACTIVE" and user.id.startswith("00u"), user
    by_login = good(await client.get_user("read.me@example.com"))
    assert by_login.id == user.id and by_login.profile.department == "Sales"
    by_short_name = good(await client.get_user("read.me"))
    assert by_short_name.id == user.id
    refused(await client.get_user("nobody@example.com"), 404, "E0000007")


@check
async def refuses_a_second_user_with_the_same_login(world):
    client = ssws(world)
    await created(client, "twice@example.com")
    refused(await client.create_user(person("twice@example.com")), 400, "E0000001")


@check
async def statuses_after_creation_follow_the_flags(world):
    client = ssws(world)
    staged = good(await client.create_user(person("staged@example.com"), activate=False))
    assert status_of(staged) == "STAGED", status_of(staged)
    bare = CreateUserRequest(profile=UserProfile(login="bare@example.com", email="bare@example.com",
                                                 firstName="No", lastName="Password"))
    assert status_of(good(await client.create_user(bare))) == "PROVISIONED"
    good(await client.activate_user(staged.id, send_email=False))
    assert status_of(good(await client.get_user(staged.id))) == "ACTIVE"


@check
async def updates_in_part_and_in_whole(world):
    client = ssws(world)
    user = await created(client, "mover@example.com", department="Sales", title="Agent")
    changed = good(await client.update_user(user.id, UpdateUserRequest(profile=UserProfile(department="Legal"))))
    assert changed.profile.department == "Legal" and changed.profile.title == "Agent"
    whole = UserProfile(login="mover@example.com", email="mover@example.com", firstName="Mo", lastName="Ver")
    replaced = good(await client.replace_user(user.id, UpdateUserRequest(profile=whole)))
    assert replaced.profile.department is None and replaced.profile.first_name == "Mo"


@check
async def lists_page_by_page(world):
    client = ssws(world)
    for number in range(5):
        await created(client, f"page{number}@example.com")
    seen, cursor, pages = [], None, 0
    while True:
        answer = await client.list_users(limit=3, after=cursor)
        users = good(answer)
        assert len(users) <= 3
        seen += [user.id for user in users]
        pages += 1
        cursor = PaginationHelper.extract_next_cursor(answer[1].headers)
        if cursor is None:
            break
        assert pages < 100, "the list never ends"
    assert pages > 1 and len(seen) == len(set(seen)), "no user twice"
    logins = {user.profile.login for user in good(await client.list_users(limit=200))}
    assert {f"page{number}@example.com" for number in range(5)} <= logins
    assert "gone.already@example.com" not in logins, "the plain list omits deactivated users"


@check
async def searches_and_filters(world):
    client = ssws(world)
    await created(client, "finder@example.com", department="Facilities")
    found = good(await client.list_users(search='profile.department eq "Facilities"'))
    assert [user.profile.login for user in found] == ["finder@example.com"]
    gone = good(await client.list_users(search='status eq "DEPROVISIONED" and profile.lastName eq "Already"'))
    assert [user.profile.login for user in gone] == ["gone.already@example.com"]
    filtered = good(await client.list_users(filter='profile.login eq "finder@example.com"'))
    assert len(filtered) == 1
    started = good(await client.list_users(q="Han"))
    assert [user.profile.first_name for user in started] == ["Hana"]
    refused(await client.list_users(search='status ne "ACTIVE"'), 400, "E0000031")
    refused(await client.list_users(search='status eq "ACTIVE"', filter='status eq "ACTIVE"'), 400, "E0000033")


@check
async def suspends_once(world):
    client = ssws(world)
    user = await created(client, "suspend@example.com")
    good(await client.suspend_user(user.id))
    assert status_of(good(await client.get_user(user.id))) == "SUSPENDED"
    refused(await client.suspend_user(user.id), 400, "E0000001")
    good(await client.unsuspend_user(user.id))
    assert status_of(good(await client.get_user(user.id))) == "ACTIVE"
    refused(await client.unsuspend_user(user.id), 400, "E0000001")


@check
async def refuses_what_the_status_does_not_allow(world):
    client = ssws(world)
    user = await created(client, "states@example.com")
    refused(await client.activate_user(user.id), 403, "E0000016")
    refused(await client.reactivate_user(user.id), 403, "E0000038")
    refused(await client.unlock_user(user.id), 403, "E0000032")


@check
async def clears_sessions_and_grants(world):
    client = ssws(world)
    user = await created(client, "sessions@example.com")
    good(await client.revoke_user_sessions(user.id, oauth_tokens=True))
    good(await client.revoke_user_grants(user.id))
    assert good(await client.list_user_grants(user.id)) == []
    refused(await client.revoke_user_sessions("sessions@example.com"), 404, "E0000007")


@check
async def clears_what_sessions_hold_by_id_only(world):
    client = ssws(world)
    user = await created(client, "holder@example.com")
    for _ in range(2):  # nothing left to clear is accepted
        good(await client.revoke_user_sessions(user.id, oauth_tokens=True, forget_devices=True))
    good(await client.suspend_user(user.id))
    refused(await client.suspend_user(user.id), 400, "E0000001")
    good(await client.revoke_user_sessions(user.id, oauth_tokens=True, forget_devices=True))
    refused(await client.revoke_user_sessions("holder@example.com", oauth_tokens=True), 404, "E0000007")
    events = good(await client.list_log_events(filter=f'target.id eq "{user.id}" and eventType eq "user.session.clear"'))
    assert len(events) == 3, [event.event_type for event in events]


@check
async def grants_are_listed_page_by_page_and_revoked(world):
    client = ssws(world)
    holder = world["holder_id"]
    first = good(await client.list_user_grants(holder, limit=2))
    assert len(first) == 2 and all(grant.user_id == holder for grant in first), first
    everything = good(await client.list_user_grants(holder))
    assert [grant.scope_id for grant in everything] == ["okta.users.read", "okta.groups.read", "okta.apps.read"]
    one = good(await client.get_user_grant(holder, everything[0].id))
    assert one.client_id == everything[0].client_id
    good(await client.revoke_user_grant(holder, everything[0].id))
    refused(await client.get_user_grant(holder, everything[0].id), 404, "E0000007")
    for _ in range(2):
        good(await client.revoke_user_grants(holder))
    assert good(await client.list_user_grants(holder)) == []


@check
async def api_tokens_are_read_and_revoked(world):
    client = ssws(world)
    held = [token for token in good(await client.list_api_tokens()) if token.user_id == world["holder_id"]]
    assert [token.name for token in held] == ["Nightly export"]
    token = good(await client.get_api_token(held[0].id))
    assert token.token_window == "P30D" and token.expires_at > token.last_updated, token
    good(await client.revoke_api_token(token.id))
    refused(await client.revoke_api_token(token.id), 404, "E0000007")
    own = [row for row in good(await client.list_api_tokens()) if row.user_id == world["admin_id"]]
    before = own[0].expires_at
    await asyncio.sleep(0.05)
    again = good(await client.get_api_token(own[0].id))
    assert again.expires_at > before, "a use renews the token"


@check
async def app_users_are_paged_and_read(world):
    client = ssws(world)
    app = world["app_id"]
    first = await client.list_application_users(app, limit=1)
    assert len(good(first)) == 1
    cursor = PaginationHelper.extract_next_cursor(first[1].headers)
    rest = good(await client.list_application_users(app, limit=500, after=cursor))
    both = {row.id: row for row in good(first) + rest}
    assert len(both) == 2 and world["holder_id"] in both, both
    one = good(await client.get_application_user(app, world["holder_id"]))
    assert one.external_id == "0055f00000HOLDER" and one.credentials.user_name == "holder@crm.example", one
    assert status_of(one) == "ACTIVE"
    good(await client.unassign_user_from_application(app, world["holder_id"]))
    refused(await client.get_application_user(app, world["holder_id"]), 404, "E0000007")
    refused(await client.unassign_user_from_application(app, world["holder_id"]), 404, "E0000007")
    events = good(await client.list_log_events(filter='eventType eq "application.user_membership.remove"'))
    kinds = [target.type for target in events[-1].target]
    assert kinds == ["AppUser", "AppInstance", "User"], kinds


@check
async def deactivation_takes_apps_and_tokens(world):
    client = ssws(world)
    mine = [row for row in good(await client.list_api_tokens()) if row.user_id == world["leaver_id"]]
    assert len(mine) == 1
    good(await client.get_application_user(world["app_id"], world["leaver_id"]))
    good(await client.deactivate_user(world["leaver_id"]))
    refused(await client.get_application_user(world["app_id"], world["leaver_id"]), 404, "E0000007")
    refused(await client.get_api_token(mine[0].id), 404, "E0000007")
    refused(await client.suspend_user(world["leaver_id"]), 400, "E0000001")
    events = good(await client.list_log_events(filter='eventType eq "application.user_membership.remove"'))
    assert events[-1].actor.type == "SystemPrincipal", events[-1].actor


@check
async def assignees_and_custom_roles_are_told(world):
    client = ssws(world)
    holders = {row.id for row in good(await client.list_users_with_role_assignments(limit=100)).value}
    assert {world["admin_id"], world["delegate_id"]} <= holders, holders
    assert world["holder_id"] not in holders
    roles = [row.actual_instance for row in good(await client.list_assigned_roles_for_user(world["delegate_id"]))]
    assert [(role.type, role.label, role.resource_set) for role in roles] == [
        ("CUSTOM", "Branch help desk", "iam0simulatedSet0001")
    ], roles
    members = good(await client.list_members_of_binding("iam0simulatedSet0001", "cr00simulatedRole001"))
    assert [member.id for member in members.members] == [roles[0].id]


@check
async def groups_are_searched_by_exact_name(world):
    client = ssws(world)
    search = 'type eq "BUILT_IN" or profile.name eq "Imported from directory"'
    found = good(await client.list_groups(search=search, limit=200))
    names = {row.profile.actual_instance.name for row in found}
    assert names == {"Everyone", "Imported from directory"}, names


@check
async def deactivates_then_deletes(world):
    client = ssws(world)
    user = await created(client, "leaver@example.com")
    good(await client.deactivate_user(user.id))
    assert status_of(good(await client.get_user(user.id))) == "DEPROVISIONED"
    refused(await client.deactivate_user(user.id), 404, "E0000007")
    plain = {row.id for row in good(await client.list_users(limit=200))}
    assert user.id not in plain
    good(await client.delete_user(user.id))
    refused(await client.get_user(user.id), 404, "E0000007")


@check
async def a_first_delete_only_deactivates(world):
    client = ssws(world)
    user = await created(client, "two.steps@example.com")
    good(await client.delete_user(user.id))
    assert status_of(good(await client.get_user(user.id))) == "DEPROVISIONED"


@check
async def groups_take_and_lose_members(world):
    client = ssws(world)
    user = await created(client, "member@example.com")
    profile = OktaUserGroupProfile(name="Checked group", description="made by the official client")
    group = good(await client.add_group(AddGroupRequest(profile=profile)))
    for _ in range(2):  # a repeated call is accepted
        good(await client.assign_user_to_group(group.id, user.id))
    assert [row.id for row in good(await client.list_group_users(group.id))] == [user.id]
    mine = {row.profile.actual_instance.name for row in good(await client.list_user_groups(user.id))}
    assert mine == {"Everyone", "Checked group"}, mine
    good(await client.deactivate_user(user.id))
    assert [row.id for row in good(await client.list_group_users(group.id))] == [user.id], "membership survives"
    for _ in range(2):
        good(await client.unassign_user_from_group(group.id, user.id))
    assert good(await client.list_group_users(group.id)) == []
    refused(await client.assign_user_to_group(world["directory_group_id"], user.id), 403, "E0000006")
    refused(await client.add_group(AddGroupRequest(profile=profile)), 400, "E0000001")


@check
async def a_rule_gives_a_group_and_remembers_who_is_taken_out(world):
    client = ssws(world)
    rules = {rule.id: rule for rule in good(await client.list_group_rules(limit=200))}
    rule = rules[world["group_rule_id"]]
    assert status_of(rule) == "ACTIVE"
    assert rule.actions.assign_user_to_groups.group_ids == [world["ruled_group_id"]], rule.actions
    user = await created(client, "ruled@example.com", department="Ruling")
    mine = {row.id: getattr(row.type, "value", row.type) for row in good(await client.list_user_groups(user.id))}
    assert mine[world["ruled_group_id"]] == "OKTA_GROUP" and "BUILT_IN" in mine.values(), mine
    # Taking a member out is accepted, and keeps the rule from ever giving the group again.
    good(await client.unassign_user_from_group(world["ruled_group_id"], user.id))
    rule = next(row for row in good(await client.list_group_rules()) if row.id == world["group_rule_id"])
    assert user.id in rule.conditions.people.users.exclude, rule.conditions
    good(await client.update_user(user.id, UpdateUserRequest(profile=UserProfile(title="Back"))))
    assert world["ruled_group_id"] not in {row.id for row in good(await client.list_user_groups(user.id))}
    # By hand it is given all the same.
    good(await client.assign_user_to_group(world["ruled_group_id"], user.id))
    assert world["ruled_group_id"] in {row.id for row in good(await client.list_user_groups(user.id))}


@check
async def factors_are_listed_and_reset_before_a_deactivation_only(world):
    client = ssws(world)
    kinds = [factor.actual_instance if hasattr(factor, "actual_instance") else factor
             for factor in good(await client.list_factors(world["enrolled_id"]))]
    assert sorted(getattr(factor.factor_type, "value", factor.factor_type) for factor in kinds) == ["push", "sms"], kinds
    good(await client.suspend_user(world["enrolled_id"]))
    for _ in range(2):  # nothing left to reset is accepted
        good(await client.reset_factors(world["enrolled_id"]))
    assert good(await client.list_factors(world["enrolled_id"])) == []
    good(await client.deactivate_user(world["enrolled_id"], send_email=False))
    refused(await client.reset_factors(world["enrolled_id"]), 403, "E0000038")


@check
async def a_deactivated_user_comes_back_without_apps_and_by_a_link(world):
    client = ssws(world)
    user = good(await client.get_user(world["returning_id"]))
    good(await client.get_application_user(world["returning_app_id"], user.id))
    good(await client.deactivate_user(user.id, send_email=False))
    refused(await client.deactivate_user(user.id, send_email=False), 404, "E0000007")
    answer = good(await client.activate_user(user.id, send_email=False))
    assert answer.activation_url and answer.activation_token, answer
    assert status_of(good(await client.get_user(user.id))) == "PROVISIONED", "without a password"
    refused(await client.get_application_user(world["returning_app_id"], user.id), 404, "E0000007")
    refused(await client.activate_user(user.id, send_email=False), 403, "E0000016")


@check
async def roles_come_and_go(world):
    client = ssws(world)
    user = await created(client, "admin.to.be@example.com")
    schema = AssignRoleToUserRequest(StandardRoleAssignmentSchema(type="HELP_DESK_ADMIN"))
    good(await client.assign_role_to_user(user.id, schema))
    refused(await client.assign_role_to_user(user.id, schema), 409, "E0000090")
    roles = [row.actual_instance for row in good(await client.list_assigned_roles_for_user(user.id))]
    assert [getattr(role.type, "value", role.type) for role in roles] == ["HELP_DESK_ADMIN"]
    assert roles[0].id == "JBCUYUC7IRCVGS27IFCE2SKO", roles[0].id
    holders = good(await client.list_users_with_role_assignments())
    assert user.id in {row.id for row in holders.value}
    good(await client.unassign_role_from_user(user.id, roles[0].id))
    refused(await client.unassign_role_from_user(user.id, roles[0].id), 404, "E0000007")
    own = [row.actual_instance for row in good(await client.list_assigned_roles_for_user(world["admin_id"]))]
    refused(await client.unassign_role_from_user(world["admin_id"], own[0].id), 403, "E0000006")


@check
async def the_log_tells_what_happened(world):
    client = ssws(world)
    user = await created(client, "logged@example.com")
    good(await client.suspend_user(user.id))
    events = good(await client.list_log_events(filter=f'target.id eq "{user.id}"'))
    kinds = [event.event_type for event in events]
    assert kinds == ["user.lifecycle.create", "user.lifecycle.activate", "user.lifecycle.suspend"], kinds
    assert len({event.uuid for event in events}) == 3
    last = events[-1]
    assert last.actor.id == world["admin_id"] and last.target[0].alternate_id == "logged@example.com"
    refused(await client.list_log_events(filter="nonsense"), 400, "E0000053")


@check
async def tokens_are_listed(world):
    client = ssws(world)
    tokens = good(await client.list_api_tokens())
    assert world["admin_id"] in [token.user_id for token in tokens]


@check
async def a_wrong_token_is_refused(world):
    client = Client({"orgUrl": world["url"], "token": "not-the-token", "cache": {"enabled": False}})
    refused(await client.list_users(), 401, "E0000011")


@check
async def a_service_app_works_with_a_bearer_token(world):
    client = service(world, world["client_id"])
    user = await created(client, "by.service.app@example.com")
    good(await client.suspend_user(user.id))
    good(await client.revoke_user_sessions(user.id, oauth_tokens=True))
    events = good(await client.list_log_events(filter=f'target.id eq "{user.id}" and eventType eq "user.lifecycle.suspend"'))
    assert [(event.actor.type, event.actor.id) for event in events] == [("PublicClientApp", world["client_id"])]


@check
async def a_service_app_works_with_dpop(world):
    client = service(world, world["dpop_client_id"], dpop=True)
    user = await created(client, "by.dpop@example.com")
    good(await client.suspend_user(user.id))
    found = good(await client.list_users(search='profile.login eq "by.dpop@example.com"'))
    assert [status_of(row) for row in found] == ["SUSPENDED"], "the query is not part of htu"


@check
async def an_app_that_needs_dpop_gets_no_bearer_token(world):
    client = service(world, world["dpop_client_id"])
    answer = await client.list_users()
    assert answer[-1] is not None and "dpop" in str(answer[-1]).lower(), answer[-1]


@check
async def scopes_are_enforced(world):
    client = service(world, world["client_id"], scopes=["okta.users.read"])
    good(await client.list_users(limit=1))
    user = await created(ssws(world), "out.of.scope@example.com")
    # The refusal has no body, which the SDK reports by the status alone.
    answer = await client.suspend_user(user.id)
    assert answer[1].status_code == 403, f"a read scope must not suspend: {answer}"
    assert status_of(good(await client.get_user(user.id))) == "ACTIVE"
    ungranted = service(world, world["client_id"], scopes=["okta.apps.manage"])
    answer = await ungranted.list_users()
    assert answer[-1] is not None and "invalid_scope" in str(answer[-1]), answer[-1]


@check
async def without_an_admin_role_the_list_is_empty(world):
    client = service(world, world["client_id_without_role"])
    assert good(await client.list_users()) == []
    refused(await client.get_user("bo.lindqvist@example.com"), 403, "E0000006")


@check
async def the_org_is_told_without_a_token(world):
    with urllib.request.urlopen(f"{world['url']}/.well-known/okta-organization", timeout=5) as answer:
        body = json.load(answer)
    assert body["id"] == "00oSimulatedOrg00001" and body["pipeline"] == "idx", body


async def main():
    text = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("ROLLCALL_SIMULATORS", "")
    if not text:
        sys.exit("give the simulators' JSON as argument or in ROLLCALL_SIMULATORS")
    world = json.loads(text)["okta"]
    passed = failed = 0
    for test in CHECKS:
        try:
            await test(world)
            passed += 1
            print(f"ok    {test.__name__}")
        except Exception:  # every disagreement is reported, not only the first
            failed += 1
            print(f"FAIL  {test.__name__}\n{traceback.format_exc()}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
