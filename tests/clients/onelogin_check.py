"""Checks the OneLogin simulator with OneLogin's official Python SDK (PyPI onelogin 4.0.1).

The simulator is wrong until the official client agrees with it. Start the simulators, and hand over the line of JSON they
print, as the only argument or in ROLLCALL_SIMULATORS:

    cargo run -p rollcall-simulators --bin simulators > world.json   # keep its standard input open
    python3 onelogin_check.py "$(head -1 world.json)"

What the SDK cannot do goes over urllib, with the reason beside it. Exits with 1 when anything disagrees; the last line is
"N passed, M failed".
"""

import base64
import datetime
import json
import os
import sys
import time
import traceback
import urllib.error
import urllib.request

import onelogin
from onelogin.exceptions import ApiException

import onelogin_rest

CHECKS = []


def check(test):
    CHECKS.append(test)
    return test


def token_call(world, name="manage_all", style="basic"):
    """The token answer of a credential, asked with the SDK in one of its styles."""
    pair = world["credentials"][name]
    if style == "basic":
        configuration = onelogin.Configuration(
            host=world["url"], username=pair["client_id"], password=pair["client_secret"])
        api = onelogin.OAuth2Api(onelogin.ApiClient(configuration))
        return api.generate_token(onelogin.GenerateTokenRequest(grant_type="client_credentials"))
    if style == "header":
        # The SDK knows only HTTP Basic here; the documented header goes over urllib.
        text = f"client_id:{pair['client_id']}, client_secret:{pair['client_secret']}"
        return raw(world, "POST", "/auth/oauth2/v2/token", {"grant_type": "client_credentials"}, authorization=text)[1]
    # And so does the form.
    form = "&".join(["grant_type=client_credentials", f"client_id={pair['client_id']}",
                     f"client_secret={pair['client_secret']}"])
    return raw(world, "POST", "/auth/oauth2/v2/token", form, authorization=None)[1]


def client(world, name="manage_all"):
    configuration = onelogin.Configuration(host=world["url"])
    configuration.access_token = token_call(world, name).access_token
    return onelogin.ApiClient(configuration)


def raw(world, method, path, body=None, authorization=""):
    """A call without the SDK: status, JSON, headers. `authorization` is a whole header, or "" for a good token."""
    headers = {}
    if authorization == "":
        authorization = "bearer " + token_call(world).access_token
    if authorization is not None:
        headers["Authorization"] = authorization
    data = None
    if isinstance(body, str):
        data = body.encode()
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    elif body is not None:
        data = json.dumps(body).encode()
        headers["Content-Type"] = "application/json"
    request = urllib.request.Request(world["url"] + path, data=data, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text else None, answer.headers
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read()), error.headers


def refused(status, call, *arguments, **named):
    """The JSON body of a refusal that the SDK raises."""
    try:
        answer = call(*arguments, **named)
    except ApiException as error:
        assert error.status == status, f"expected {status}, got {error.status}: {error.body}"
        return json.loads(error.body)
    raise AssertionError(f"expected {status}, but it was accepted: {answer}")


def done(call, *arguments, **named):
    """A v1 change. The SDK's type for its answer lacks the envelope around `status`, so the answer is read without it."""
    status = json.loads(call(*arguments, _preload_content=False, **named).raw_data)["status"]
    assert status == {"error": False, "code": 200, "type": "success", "message": "Success"}, status


def created(world, username, **more):
    api = onelogin.UsersV2Api(client(world))
    return api.create_user2(user=onelogin.User(username=username, email=username, firstname="Test", lastname="Person",
                                               status=1, **more))


@check
def the_same_token_comes_back_in_every_style(world):
    first = token_call(world)
    assert first.expires_in == 36000 and first.account_id == world["account_id"], first
    time.sleep(0.01)
    again = token_call(world)
    assert (again.access_token, again.created_at) == (first.access_token, first.created_at)
    for style in ("header", "form"):
        other = token_call(world, style=style)
        assert other["access_token"] == first.access_token, style
    assert token_call(world, "read_all").access_token != first.access_token


@check
def a_token_works_in_three_spellings(world):
    token = token_call(world).access_token
    for spelling in (f"bearer:{token}", f"bearer {token}", f"Bearer {token}"):
        for path in ("/api/1/groups", "/api/2/roles"):
            assert raw(world, "GET", path, authorization=spelling)[0] == 200, spelling
    assert raw(world, "GET", "/api/2/roles", authorization=token)[0] == 401


@check
def bad_credentials_are_refused(world):
    configuration = onelogin.Configuration(host=world["url"], username="nobody", password="wrong")
    api = onelogin.OAuth2Api(onelogin.ApiClient(configuration))
    body = refused(401, api.generate_token, onelogin.GenerateTokenRequest(grant_type="client_credentials"))
    assert body["status"]["message"] == "Authentication Failure", body


@check
def a_revoked_token_is_replaced(world):
    pair = world["credentials"]["read_users"]
    old = token_call(world, "read_users")
    configuration = onelogin.Configuration(
        host=world["url"], username=pair["client_id"], password=pair["client_secret"])
    api = onelogin.OAuth2Api(onelogin.ApiClient(configuration))
    done(api.revoke_tokens_with_http_info,
         revoke_tokens_request=onelogin.RevokeTokensRequest(access_token=old.access_token))
    assert raw(world, "GET", "/api/2/users", authorization=f"bearer {old.access_token}")[0] == 401
    assert token_call(world, "read_users").access_token != old.access_token


@check
def the_budget_counts_down(world):
    api = onelogin.OAuth2Api(client(world))
    before = api.get_rate_limit().data
    onelogin.GroupsApi(client(world)).get_groups()
    after = api.get_rate_limit().data
    assert after.x_rate_limit_limit == 5000 and after.x_rate_limit_remaining == before.x_rate_limit_remaining - 1
    assert 0 < after.x_rate_limit_reset <= 3600, "seconds left, no moment in time"
    assert int(raw(world, "GET", "/api/1/groups")[2]["X-RateLimit-Reset"]) <= 3600
    assert raw(world, "GET", "/api/2/roles")[2]["X-RateLimit-Reset"] is None


@check
def creates_reads_updates_deletes(world):
    api = onelogin.UsersV2Api(client(world))
    user = created(world, "read.me@corp.example", department="Sales", custom_attributes={"cost_center": "C-1"})
    assert user.status == 1 and user.state == 1 and user.role_ids == [], user
    assert user.custom_attributes == {"badge": None, "cost_center": "C-1"}, "every defined attribute is there"
    changed = api.update_user2(user.id, user=onelogin.User(title="Analyst"))
    assert (changed.title, changed.department) == ("Analyst", "Sales"), "only what was sent changes"
    assert api.get_user2(user.id).title == "Analyst"
    api.delete_user2(user.id)
    body = refused(404, api.get_user2, user.id)
    assert body["name"] == "NotFoundError" and body["statusCode"] == 404, body
    refused(404, api.delete_user2, user.id)


@check
def names_are_unique(world):
    created(world, "twice@corp.example")
    api = onelogin.UsersV2Api(client(world))
    body = refused(422, api.create_user2, user=onelogin.User(username="twice@corp.example", email="x@corp.example"))
    assert body["message"].startswith("Validation failed: Username must be unique within "), body
    body = refused(400, api.create_user2,
                   user=onelogin.User(username="unknown@corp.example", custom_attributes={"employee_number": "7"}))
    assert body == {"message": "unknown attribute: employee_number", "name": "BadRequestError", "statusCode": 400}
    body = refused(422, api.update_user2, world["owner_id"], user=onelogin.User(id=5))
    assert body["errors"] == [{"field": "id", "message": ["Field is not allowed"]}], body


@check
def finds_users(world):
    api = onelogin.UsersV2Api(client(world))
    one = api.list_users2(username="jordan.rivera@corp.example")
    assert [user.id for user in one] == [world["leaver_id"]]
    assert one[0].custom_attributes is None and one[0].role_ids is None, "the list is reduced"
    assert [user.id for user in api.list_users2(external_id="HR-10021")] == [world["leaver_id"]]
    assert len(api.list_users2(email="person*@corp.example", limit=20)) == 20
    assert [user.id for user in api.list_users2(user_ids=str(world["leaver_id"]))] == [world["leaver_id"]]
    rows = api.list_users2(user_ids=str(world["leaver_id"]), fields="id,role_ids")
    assert rows[0].role_ids == [world["role_id"]] and rows[0].email is None
    refused(400, api.list_users2, fields="employee_number")
    # The SDK writes `custom_attributes.{attribute_name}` literally, and knows neither `sort` nor `role_ids`.
    query = f"/api/2/users?custom_attributes.cost_center=C-42&role_ids={world['role_id']}"
    assert [user["id"] for user in raw(world, "GET", query)[1]] == [world["leaver_id"]]
    status, body, _ = raw(world, "GET", "/api/2/users?sort=created_at")
    assert status == 422 and body["message"] == "Invalid sort field: created_at", body
    assert raw(world, "GET", "/api/2/users?sort=%2Bemail")[0] == 200


@check
def lists_page_by_page(world):
    api = onelogin.UsersV2Api(client(world))
    seen, cursor, pages = [], None, 0
    while True:
        answer = api.list_users2_with_http_info(cursor=cursor) if cursor else api.list_users2_with_http_info(limit=7)
        assert len(answer.data) <= 7
        seen += [user.id for user in answer.data]
        pages += 1
        headers = {name.lower(): value for name, value in answer.headers.items()}
        assert int(headers["current-page"]) == pages
        if "after-cursor" not in headers:
            break
        cursor = headers["after-cursor"]
        assert base64.b64decode(cursor).decode() == f"limit=7&page={pages + 1}"
        assert pages < 100, "the list never ends"
    assert pages >= 4 and len(seen) == len(set(seen)) == int(headers["total-count"])


@check
def suspends_and_logs_out(world):
    users, older = onelogin.UsersV2Api(client(world)), onelogin.UsersV1Api(client(world))
    leaver = world["leaver_id"]
    suspended = users.update_user2(leaver, mappings="disabled", user=onelogin.User(status=2))
    assert suspended.status == 2, suspended
    done(older.log_out_user_with_http_info, leaver)
    body = refused(400, older.update_user, leaver, user=onelogin.User(status=1))
    assert body["status"]["message"]["attribute"] == "status", body
    done(older.set_user_state_with_http_info, leaver, onelogin.SetUserStateRequest(state=3))
    assert users.get_user2(leaver).state == 3
    users.update_user2(leaver, user=onelogin.User(status=1, state=1))
    assert users.get_user2(leaver).status == 1


@check
def deactivates_and_gives_a_status_back(world):
    users = onelogin.UsersV2Api(client(world))
    user = created(world, "returning@corp.example")
    activated = users.get_user2(user.id).activated_at
    assert activated is not None
    for status in (2, 0, 2, 0, 1):
        assert users.update_user2(user.id, mappings="disabled", user=onelogin.User(status=status)).status == status
    assert users.get_user2(user.id).activated_at == activated, "a deactivation keeps the date"
    events = onelogin.EventsApi(client(world)).get_events(user_id=user.id).data
    assert [event.event_type_id for event in events].count(15) == 2, events


@check
def what_a_leaver_holds_is_taken_and_given_back(world):
    user = created(world, "entitled@corp.example")
    roles, privileges = onelogin.RolesApi(client(world)), onelogin.PrivilegesApi(client(world))
    role, privilege = str(world["role_id"]), world["privilege_id"]
    for _ in range(2):
        roles.add_role_users(role, [user.id])
        roles.add_role_admins(role, [user.id])
        privileges.assign_users_to_privilege(privilege, onelogin.AssignUsersToPrivilegeRequest(users=[user.id]))
        assert onelogin.UsersV2Api(client(world)).get_user2(user.id).role_ids == [world["role_id"]]
        assert user.id in roles.get_role(role).admins
        assert user.id in privileges.get_assigned_user(privilege).users
        for _ in range(2):  # who is none any more is accepted for roles
            roles.remove_role_users(role, [user.id])
            roles.remove_role_admins(role, [user.id])
        privileges.remove_user_from_privilege(privilege, user.id)
        refused(404, privileges.remove_user_from_privilege, privilege, user.id)
        assert onelogin.UsersV2Api(client(world)).get_user2(user.id).role_ids == []


@check
def only_manage_all_takes_entitlements(world):
    user = created(world, "narrow@corp.example")
    for scope in ("manage_users", "read_all"):
        narrow = client(world, scope)
        refused(401, onelogin.RolesApi(narrow).remove_role_users, str(world["role_id"]), [user.id])
        refused(401, onelogin.MultiFactorAuthenticationApi(narrow).delete_enrolled_factor, user.id, "1")
        refused(401, onelogin.PrivilegesApi(narrow).remove_user_from_privilege, world["privilege_id"], user.id)
    factors = onelogin.MultiFactorAuthenticationApi(client(world))
    refused(404, factors.delete_enrolled_factor, user.id, "1")


@check
def locks_for_a_while_and_unlocks(world):
    user = created(world, "locked@corp.example")
    older, users = onelogin.UsersV1Api(client(world)), onelogin.UsersV2Api(client(world))
    request = onelogin.LockAccountUserRequest(locked_until=5)
    done(older.lock_account_user_with_http_info, user.id, request)
    locked = users.get_user2(user.id)
    assert locked.status == 3
    until = datetime.datetime.fromisoformat(locked.locked_until.replace("Z", "+00:00"))
    ahead = until - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(minutes=4) < ahead <= datetime.timedelta(minutes=5), ahead
    # The SDK has no unlock.
    assert raw(world, "POST", f"/api/2/users/{user.id}/unlock")[1] == {"messsage": "User unlocked"}
    status, body, _ = raw(world, "POST", f"/api/2/users/{user.id}/unlock")
    assert (status, body) == (422, {"message": "User cannot be unlocked"})


@check
def invisible_apps_must_be_asked_for(world):
    users = onelogin.UsersV2Api(client(world))
    assert users.get_user_apps2(world["leaver_id"]) == []
    apps = users.get_user_apps2(world["leaver_id"], ignore_visibility=True)
    assert [app.id for app in apps] == [world["app_id"]]
    # The nested empty list of v1 is nothing that the SDK's types can read.
    assert raw(world, "GET", f"/api/1/users/{world['owner_id']}/apps")[1]["data"] == [[]]


@check
def mappings_undo_unless_disabled(world):
    users = onelogin.UsersV2Api(client(world))
    user = created(world, "mapped@corp.example")
    mapped = users.update_user2(user.id, mappings="sync", user=onelogin.User(department="Mapping"))
    assert mapped.role_ids == [world["mapped_role_id"]]
    roles = onelogin.RolesApi(client(world))
    roles.remove_role_users(str(world["mapped_role_id"]), [user.id])
    assert users.update_user2(user.id, mappings="disabled", user=onelogin.User(title="A")).role_ids == []
    assert users.update_user2(user.id, mappings="sync", user=onelogin.User(title="B")).role_ids == mapped.role_ids


@check
def roles_take_and_lose_members(world):
    api = onelogin.RolesApi(client(world))
    user = created(world, "member@corp.example")
    # The SDK asks for a list and the vendor answers an object, so the answer is read without its type.
    answer = api.create_role_with_http_info(role=onelogin.Role(name="Checked role"), _preload_content=False)
    role = json.loads(answer.raw_data)["id"]
    assert api.add_role_users(str(role), [user.id])[0].id == user.id
    assert [row.id for row in api.get_role_users(str(role))] == [user.id]
    # `users: []` is taken and does nothing.
    api.update_role(str(role), role=onelogin.Role(name="Checked role", users=[]))
    assert api.get_role(str(role)).users == [user.id]
    status, body, _ = raw(world, "DELETE", f"/api/2/roles/{role}/users", {"user_id": [user.id]})
    assert status == 400 and body["message"] == "Expected array in request", body
    api.remove_role_users(str(role), [user.id])
    assert api.get_role_users(str(role)) == []
    api.add_role_admins(str(role), [user.id])
    assert api.get_role(str(role)).admins == [user.id]
    api.remove_role_admins(str(role), [user.id])
    assert api.get_role(str(role)).admins == []
    older = onelogin.UsersV1Api(client(world))
    done(older.add_roles_to_user_with_http_info, user.id, onelogin.AddRolesToUserRequest(role_id_array=[role]))
    assert older.get_user_roles(user.id).data == [role]
    # The SDK wants objects in the list here, unlike in `add_roles`; the documented body has plain ids.
    assert raw(world, "PUT", f"/api/1/users/{user.id}/remove_roles", {"role_id_array": [role]})[0] == 200
    assert older.get_user_roles(user.id).data == []
    api.delete_role(str(role))
    refused(404, api.get_role, str(role))


@check
def roles_are_listed_with_fields(world):
    api = onelogin.RolesApi(client(world))
    plain = {role.name: role for role in api.list_roles()}
    assert plain["Sales"].users is None
    # The SDK sends `role_name`, which no page of the vendor names; the documented `name` goes over urllib.
    rows = raw(world, "GET", "/api/2/roles?name=Sales&fields=apps,users,admins")[1]
    assert [(row["id"], row["admins"]) for row in rows] == [(world["role_id"], [world["leaver_id"]])]


@check
def privileges_come_and_go(world):
    api = onelogin.PrivilegesApi(client(world))
    found = {one.name: one for one in api.list_privileges()}
    assert found["Super user"].privilege.statement[0].effect == "Allow"
    privilege = world["privilege_id"]
    assert api.get_privilege(privilege).name == "Super user"
    user = created(world, "delegate@corp.example")
    api.assign_users_to_privilege(privilege, onelogin.AssignUsersToPrivilegeRequest(users=[user.id]))
    assert set(api.get_assigned_user(privilege).users) == {world["leaver_id"], user.id}
    api.remove_user_from_privilege(privilege, user.id)
    assert api.get_assigned_user(privilege).users == [world["leaver_id"]]
    refused(404, api.remove_user_from_privilege, privilege, user.id)


@check
def groups_and_devices_are_listed(world):
    groups = onelogin.GroupsApi(client(world)).get_groups().data
    assert [(group.id, group.reference) for group in groups] == [(world["group_id"], None)]
    users = onelogin.UsersV2Api(client(world))
    user = created(world, "grouped@corp.example")
    assert users.update_user2(user.id, user=onelogin.User(group_id=world["group_id"])).group_id == world["group_id"]
    refused(422, users.update_user2, user.id, user=onelogin.User(group_id=1))
    factors = onelogin.MultiFactorAuthenticationApi(client(world))
    device = factors.get_authentication_devices(world["leaver_id"])[0]
    assert isinstance(device.device_id, str) and device.default
    factors.delete_enrolled_factor(world["leaver_id"], device.device_id)
    assert factors.get_authentication_devices(world["leaver_id"]) == []


@check
def events_tell_who_did_it(world):
    user = created(world, "logged@corp.example")
    users, older = onelogin.UsersV2Api(client(world)), onelogin.UsersV1Api(client(world))
    users.update_user2(user.id, user=onelogin.User(status=2))
    done(older.log_out_user_with_http_info, user.id)
    events = onelogin.EventsApi(client(world)).get_events(user_id=user.id).data
    assert [event.event_type_id for event in events] == [533, 551, 516], events
    for event in events:
        assert event.client_id == world["credentials"]["manage_all"]["client_id"]
        assert (event.actor_user_id, event.actor_user_name, event.actor_system) == (None, "API", "API")
        assert event.id > 2**32 and event.account_id == world["account_id"]
    # The SDK sends no token with this call, which needs one.
    types = {kind["id"]: kind["name"] for kind in raw(world, "GET", "/api/1/events/types")[1]["data"]}
    assert (types[551], types[532]) == ("SUSPENDED_USER_VIA_API", "API_UPDATE_USER_FAILED")


@check
def events_page_by_key(world):
    api = onelogin.EventsApi(client(world))
    for number in range(5):
        created(world, f"page{number}@corp.example")
    # The SDK has neither `limit` nor cursors.
    seen, path = [], "/api/1/events?limit=3"
    while path:
        answer = raw(world, "GET", path)[1]
        seen += [event["id"] for event in answer["data"]]
        cursor = answer["pagination"]["after_cursor"]
        if len(seen) == 3:
            created(world, "meanwhile@corp.example")
        path = f"/api/1/events?limit=3&after_cursor={cursor}" if cursor else None
    assert seen == sorted(set(seen)) and len(seen) >= 6, "none twice, in order"
    plain = base64.b64decode(answer["pagination"]["before_cursor"] + "==").decode()
    assert plain.startswith(f"account_id:::{world['account_id']}-##id:::"), plain
    last = seen[-1]
    one = raw(world, "GET", f"/api/1/events/{last}")[1]["data"][0]
    later = api.get_events(since=one["created_at"]).data
    assert last in {event.id for event in later}
    newest = raw(world, "GET", "/api/1/events?limit=1&sort=-id")[1]["data"][0]
    assert newest["id"] == last
    assert raw(world, "GET", "/api/1/events?sort=+id")[0] == 400, "a bare plus is a space"


@check
def scopes_are_enforced(world):
    body = refused(401, onelogin.GroupsApi(client(world, "read_users")).get_groups)
    assert body["status"]["message"] == "Insufficient Permission", body
    user = created(world, "out.of.scope@corp.example")
    body = refused(401, onelogin.UsersV2Api(client(world, "read_all")).update_user2, user.id,
                   user=onelogin.User(status=2))
    assert body == {"message": "Unauthorized", "name": "UnauthorizedError", "statusCode": 401}
    manage = client(world, "manage_users")
    assert onelogin.UsersV2Api(manage).update_user2(user.id, user=onelogin.User(status=2)).status == 2
    refused(401, onelogin.UsersV1Api(manage).lock_account_user, user.id,
            lock_account_user_request=onelogin.LockAccountUserRequest(locked_until=5))
    refused(401, onelogin.RolesApi(manage).add_role_users, str(world["role_id"]), [user.id])


@check
def wrong_tokens_and_paths_are_refused_in_their_dialect(world):
    assert raw(world, "GET", "/api/1/users", authorization="bearer nope")[1] == {
        "status": {"error": True, "code": 401, "type": "Unauthorized", "message": "Authentication Failure"}}
    assert raw(world, "GET", "/api/2/users", authorization="bearer nope")[1] == {
        "message": "Unauthorized", "name": "UnauthorizedError", "statusCode": 401}
    assert raw(world, "GET", "/api/1/nothing")[1]["status"]["message"] == "No Route Exists"


onelogin_rest.add_to(check, client, raw, done, created, refused)


@check
def a_credential_dies_with_its_owner(world):
    orphan = client(world, "orphan")
    assert onelogin.UsersV2Api(orphan).get_user2(world["leaver_id"]).id == world["leaver_id"]
    onelogin.UsersV2Api(client(world)).delete_user2(world["orphan_owner_id"])
    refused(500, onelogin.UsersV2Api(orphan).get_user2, world["leaver_id"])
    refused(500, onelogin.GroupsApi(orphan).get_groups)


def main():
    text = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("ROLLCALL_SIMULATORS", "")
    if not text:
        sys.exit("give the simulators' JSON as argument or in ROLLCALL_SIMULATORS")
    world = json.loads(text)["onelogin"]
    passed = failed = 0
    for test in CHECKS:
        try:
            test(world)
            passed += 1
            print(f"ok    {test.__name__}")
        except Exception:  # every disagreement is reported, not only the first
            failed += 1
            print(f"FAIL  {test.__name__}\n{traceback.format_exc()}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
