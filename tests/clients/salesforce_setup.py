"""Checks of groups, queues, sets and licences with the public Python client; run by salesforce_check.py."""

from simple_salesforce import format_soql
from simple_salesforce.exceptions import SalesforceMalformedRequest, SalesforceResourceNotFound


def add_to(check, logged_in, error_of):
    """Registers the checks."""

    def leaver(sf, world):
        soql = format_soql("SELECT Id FROM User WHERE Username = {}", world["leaver_username"])
        return sf.query(soql)["records"][0]["Id"]

    @check
    def a_queue_and_its_members(world):
        sf = logged_in(world)
        user = leaver(sf, world)
        queue = sf.Group.create({"Name": "Client check", "DeveloperName": "Client_check", "Type": "Queue"})["id"]
        sf.QueueSobject.create({"QueueId": queue, "SobjectType": "Case"})
        row = {"GroupId": queue, "UserOrGroupId": user}
        member = sf.GroupMember.create(row)["id"]
        twice = error_of(SalesforceMalformedRequest, lambda: sf.GroupMember.create(row))
        assert twice["errorCode"] == "DUPLICATE_VALUE", twice
        found = sf.query(format_soql(
            "SELECT Id, Group.Name, Group.Type FROM GroupMember WHERE UserOrGroupId = {} AND GroupId = {}", user, queue))
        assert [(one["Id"], one["Group"]["Type"]) for one in found["records"]] == [(member, "Queue")], found
        deleted = sf.restful(f"composite/sobjects?ids={member}&allOrNone=false", method="DELETE")
        assert deleted == [{"id": member, "success": True, "errors": []}], deleted
        gone = error_of(SalesforceResourceNotFound, lambda: sf.GroupMember.delete(member))
        assert gone["errorCode"] == "ENTITY_IS_DELETED", gone

    @check
    def setup_and_business_do_not_mix(world):
        sf = logged_in(world)
        user = leaver(sf, world)
        group = sf.Group.create({"Name": "Mixture", "DeveloperName": "Mixture", "Type": "Regular"})["id"]
        records = [
            {"attributes": {"type": "GroupMember"}, "GroupId": group, "UserOrGroupId": user},
            {"attributes": {"type": "Account"}, "Name": "Mixture"},
        ]
        mixed = error_of(SalesforceMalformedRequest, lambda: sf.restful(
            "composite/sobjects", method="POST", json={"allOrNone": False, "records": records}))
        assert mixed["errorCode"] == "MIXED_DML_OPERATION", mixed

    @check
    def licences_are_read_and_not_filtered(world):
        sf = logged_in(world)
        rows = sf.query("SELECT Name, TotalLicenses, UsedLicenses FROM UserLicense")["records"]
        assert all(one["UsedLicenses"] <= one["TotalLicenses"] for one in rows) and len(rows) > 1, rows
        refused = error_of(SalesforceMalformedRequest, lambda: sf.query("SELECT Id FROM UserLicense WHERE UsedLicenses > 0"))
        assert refused["errorCode"] == "INVALID_FIELD", refused
        for object_name in ["PermissionSetLicense", "PackageLicense", "PermissionSetLicenseAssign", "UserPackageLicense",
                            "UserTerritory2Association", "CronTrigger", "AsyncApexJob", "ProcessInstanceWorkitem",
                            "Dashboard"]:
            assert sf.query(f"SELECT Id FROM {object_name} LIMIT 1")["done"], object_name
        assert sf.query("SELECT Id FROM Report USING SCOPE allPrivate LIMIT 1")["done"]

    @check
    def the_profile_is_a_set_that_stays(world):
        sf = logged_in(world)
        soql = format_soql(
            "SELECT Id FROM PermissionSetAssignment WHERE AssigneeId = {} AND PermissionSet.IsOwnedByProfile = true",
            leaver(sf, world))
        row = sf.query(soql)["records"][0]["Id"]
        refused = error_of(SalesforceMalformedRequest, lambda: sf.PermissionSetAssignment.delete(row))
        assert refused["errorCode"] == "INSUFFICIENT_ACCESS_OR_READONLY", refused
