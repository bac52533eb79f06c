"""Checks of the endpoints that no story needs, with OneLogin's official SDK; run by onelogin_check.py."""

import json

import onelogin


def add_to(check, client, raw, done, created, refused):
    """Registers the checks."""

    @check
    def the_older_users_api(world):
        older = onelogin.UsersV1Api(client(world))
        body = onelogin.User(username="older@corp.example", email="older@corp.example", firstname="Ol", lastname="Der")
        # The SDK's types of this API have no place for the vendor's envelope, so the answers are read without them.
        assert older.create_user_with_http_info(user=body, _preload_content=False).status_code == 200
        listed = json.loads(older.list_users_with_http_info(username="older@corp.example", _preload_content=False).raw_data)
        (user,) = [onelogin.User.from_dict(row) for row in listed["data"]]
        older.update_user_with_http_info(user.id, user=onelogin.User(title="Clerk"), _preload_content=False)
        read = json.loads(older.get_user_by_id_with_http_info(user.id, _preload_content=False).raw_data)
        assert read["data"][0]["title"] == "Clerk", read
        passwords = onelogin.UpdatePasswordInsecureRequest(password="a-long-Passw0rd", password_confirmation="a-long-Passw0rd")
        done(older.update_password_insecure_with_http_info, user.id, passwords)
        assert "badge" in older.get_custom_attributes().data[0]
        # The SDK's type of this answer has no place for the empty list that stands for "none".
        assert older.get_user_apps_with_http_info(world["leaver_id"], _preload_content=False).status_code == 200
        done(older.delete_user_with_http_info, user.id)
        refused(404, older.get_user_by_id, user.id)

    @check
    def a_role_is_taken_away_in_the_older_api(world):
        older, user = onelogin.UsersV1Api(client(world)), created(world, "role.taken@corp.example")
        done(older.add_roles_to_user_with_http_info, user.id, onelogin.AddRolesToUserRequest(role_id_array=[world["role_id"]]))
        # What the SDK calls the body's members is not what the vendor documents (see roles_take_and_lose_members).
        assert raw(world, "PUT", f"/api/1/users/{user.id}/remove_roles", {"role_id_array": [world["role_id"]]})[0] == 200
        assert older.get_user_roles(user.id).data == []

    @check
    def roles_and_groups_are_read_one_by_one(world):
        api = onelogin.RolesApi(client(world))
        assert api.get_role_by_id(str(world["role_id"])).data[0].name == "Sales"
        assert {row.id for row in api.get_role_by_name().data} >= {world["role_id"], world["mapped_role_id"]}
        assert [row.id for row in api.get_role_admins(str(world["role_id"]))] == [world["leaver_id"]]
        assert [row.id for row in api.get_role_apps(str(world["role_id"]))] == [world["app_id"]]
        api.set_role_apps_with_http_info(str(world["mapped_role_id"]), [world["app_id"]], _preload_content=False)
        assert [row.id for row in api.get_role_apps(str(world["mapped_role_id"]))] == [world["app_id"]]
        assert onelogin.GroupsApi(client(world)).get_group_by_id(str(world["group_id"])).data[0].name == "Default"

    @check
    def apps_and_mappings_are_listed(world):
        apps = onelogin.AppsApi(client(world))
        assert world["app_id"] in [app.id for app in apps.list_apps()]
        assert apps.get_app(world["app_id"]).name == "Invisible ledger"
        assert world["leaver_id"] in [user.id for user in apps.get_app_users(world["app_id"])]
        mappings = onelogin.UserMappingsApi(client(world)).list_mappings()
        assert "Everyone in Mapping" in [mapping.name for mapping in mappings]

    @check
    def a_privilege_is_made_given_to_a_role_and_removed(world):
        api = onelogin.PrivilegesApi(client(world))
        statement = onelogin.PrivilegePrivilegeStatementInner(Effect="Allow", Action=["users:List"], Scope=["*"])
        body = onelogin.Privilege(name="Readers", privilege=onelogin.PrivilegePrivilege(Version="2018-05-18", Statement=[statement]))
        # The answers name the id alone, and the SDK's type wants the whole privilege.
        api.create_privilege_with_http_info(privilege=body, _preload_content=False)
        privilege = next(one.id for one in api.list_privileges() if one.name == "Readers")
        body.description = "of people"
        api.update_privilege_with_http_info(privilege, privilege=body, _preload_content=False)
        assert api.get_privilege(privilege).description == "of people"
        api.add_privilege_to_role(privilege, onelogin.AddPrivilegeToRoleRequest(roles=[world["role_id"]]))
        assert api.list_privilege_roles(privilege).roles == [world["role_id"]]
        api.delete_role_from_privilege(privilege, str(world["role_id"]))
        assert api.list_privilege_roles(privilege).roles == []
        api.delete_privilege(privilege)
        refused(404, api.get_privilege, privilege)

    @check
    def an_event_is_read_alone(world):
        api, user = onelogin.EventsApi(client(world)), created(world, "one.event@corp.example")
        event = api.get_events(user_id=user.id).data[0]
        # The vendor's page shows a list with the one event in it, the SDK's type wants the event.
        answer = api.get_event_by_id_with_http_info(event.id, _preload_content=False)
        assert [row["id"] for row in json.loads(answer.raw_data)["data"]] == [event.id]

    @check
    def what_no_sdk_has(world):
        """Documented, and in no official client: asked without one, so that it is known to be there."""
        user = created(world, "without.sdk@corp.example")
        body = {"custom_attributes": {"badge": "B-7"}}
        assert raw(world, "PUT", f"/api/1/users/{user.id}/set_custom_attributes", body)[0] == 200
        assert "badge" in [row["shortname"] for row in raw(world, "GET", "/api/2/users/custom_attributes")[1]]
        pair = world["credentials"]["read_users"]
        header = f"client_id:{pair['client_id']}, client_secret:{pair['client_secret']}"
        older = raw(world, "POST", "/auth/oauth2/token", {"grant_type": "client_credentials"}, authorization=header)
        assert older[0] == 200 and older[1]["data"][0]["token_type"] == "bearer", older
