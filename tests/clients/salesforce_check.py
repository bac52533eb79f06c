#!/usr/bin/env python3
"""Drives the Salesforce simulator with the public Python client (PyPI simple-salesforce 1.12.10).

The simulator is wrong until that client agrees with it. Start the simulators, and hand over the line of JSON they print, as
the only argument or in ROLLCALL_SIMULATORS:

    cargo run -p rollcall-simulators --bin simulators > world.json   # keep its standard input open
    python3 salesforce_check.py "$(head -1 world.json)"

The client speaks https only, so this script puts a small TLS end of its own, with a certificate made for the occasion by
the openssl command, in front of the simulator's port, and sends the client's connections for any host there.

Exits with 1 when anything disagrees; the last line is "N passed, M failed".
"""

import csv
import datetime
import io
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import traceback
import uuid
from urllib.parse import quote, urlsplit

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce, format_soql
from simple_salesforce.bulk2 import Operation, _Bulk2Client
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceExpiredSession,
    SalesforceGeneralError,
    SalesforceMalformedRequest,
    SalesforceOperationError,
    SalesforceResourceNotFound,
)

import salesforce_rest
import salesforce_setup

VERSION = "66.0"
CHECKS = []


def check(test):
    CHECKS.append(test)
    return test


class TlsEnd:
    """Ends TLS on a port of its own and passes the bytes on to the simulator."""

    def __init__(self, target, folder):
        certificate, key = os.path.join(folder, "certificate.pem"), os.path.join(folder, "key.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
             "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate],
            check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        listener = socket.create_server(("127.0.0.1", 0))
        self.certificate, self.port = certificate, listener.getsockname()[1]
        self.target, self.context, self.listener = target, context, listener
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            plain, _ = self.listener.accept()
            threading.Thread(target=self.join, args=(plain,), daemon=True).start()

    def join(self, plain):
        try:
            near = self.context.wrap_socket(plain, server_side=True)
            far = socket.create_connection(self.target)
        except OSError:
            return
        threading.Thread(target=self.copy, args=(far, near), daemon=True).start()
        self.copy(near, far)

    @staticmethod
    def copy(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class ToTlsEnd(HTTPAdapter):
    """Connects to the TLS end whatever host the client names; the Host header keeps that name."""

    def __init__(self, port):
        super().__init__()
        self.port = port

    def send(self, request, **more):
        parts = urlsplit(request.url)
        request.headers["Host"] = parts.netloc
        request.url = parts._replace(netloc=f"localhost:{self.port}").geturl()
        return super().send(request, **more)


def session(world):
    made = requests.Session()
    made.mount("https://", ToTlsEnd(world["tls_port"]))
    return made


def logged_in(world):
    """The client's own JWT bearer login, against the login host it would use."""
    return Salesforce(
        username=world["username"], consumer_key=world["consumer_key"], privatekey=world["private_key_pem"],
        domain="login", version=VERSION, session=session(world))


def error_of(kind, call):
    """The first error of a call that must fail with this exception."""
    try:
        call()
    except kind as error:
        return error.content[0]
    raise AssertionError(f"{kind.__name__} expected")


@check
def jwt_login_and_instance(world):
    sf = logged_in(world)
    assert sf.session_id.startswith(world["org_id"][:15] + "!"), sf.session_id
    assert sf.sf_instance == urlsplit(world["url"]).netloc, sf.sf_instance
    assert sf.is_sandbox() is False
    assert sf.oauth2("userinfo")["preferred_username"] == world["username"]


@check
def jwt_login_refusals(world):
    for change, text in [
        ({"consumer_key": "unknown"}, "client identifier invalid"),
        ({"username": world["leaver_username"]}, "user hasn't approved this consumer"),
        ({"domain": "test"}, "audience is invalid"),
    ]:
        arguments = {"username": world["username"], "consumer_key": world["consumer_key"], "domain": "login", **change}
        try:
            Salesforce(privatekey=world["private_key_pem"], version=VERSION, session=session(world), **arguments)
        except SalesforceAuthenticationFailed as error:
            assert text in str(error), error
        else:
            raise AssertionError(f"{change} was let in")


@check
def client_credentials_login(world):
    sf = Salesforce(consumer_key=world["consumer_key"], consumer_secret=world["client_secret"],
                    domain="corp-example.my", version=VERSION, session=session(world))
    assert sf.query("SELECT Id FROM Organization")["records"][0]["Id"] == world["org_id"]


@check
def session_id_and_instance(world):
    """The plain way in, no adapter."""
    token = logged_in(world).session_id
    sf = Salesforce(instance=f"localhost:{world['tls_port']}", session_id=token, version=VERSION)
    assert sf.limits()["DailyApiRequests"]["Max"] > 0


@check
def query_pages(world):
    sf = logged_in(world)
    first = sf.query("SELECT Id, Username FROM User ORDER BY Username")
    assert first["totalSize"] == world["users"] and not first["done"], first
    assert len(first["records"]) < 10
    everybody = sf.query_all("SELECT Id, Username FROM User ORDER BY Username")
    names = [record["Username"] for record in everybody["records"]]
    assert everybody["done"] and len(names) == world["users"] == len(set(names)) and names == sorted(names)
    assert len(list(sf.query_all_iter("SELECT Id FROM User"))) == world["users"]
    assert sf.query("SELECT COUNT() FROM User")["totalSize"] == world["users"]
    assert sf.query("SELECT COUNT(Id) FROM User")["records"][0]["expr0"] == world["users"]


@check
def parents(world):
    record = logged_in(world).query(format_soql(
        "SELECT Id, Manager.Email, Manager.Manager.Id, Profile.PermissionsModifyAllData FROM User WHERE Username = {}",
        world["leaver_username"]))["records"][0]
    assert record["Manager"]["Email"] == "sam.okafor@corp.example" and record["Manager"]["Manager"] is None
    assert record["Manager"]["attributes"]["type"] == "User"
    assert record["Profile"]["PermissionsModifyAllData"] is False


@check
def hostile_strings(world):
    sf = logged_in(world)
    found = sf.query(format_soql("SELECT Id FROM User WHERE LastName = {}", world["awkward_last_name"]))
    assert [record["Id"] for record in found["records"]] == [world["awkward_id"]]
    like = sf.query(format_soql("SELECT Id FROM User WHERE LastName LIKE '%{:like}%'", "50%_off"))
    assert [record["Id"] for record in like["records"]] == [world["awkward_id"]]
    for hostile in ["' OR Id != '", "\\", "\\'", "a\nb\r\t\b\f", '"', "x' OR '1' = '1", "%", "é\u2028☃"]:
        query = format_soql("SELECT Id FROM User WHERE Username = {} OR Username IN {}", hostile, [hostile, "x"])
        assert sf.query(query)["totalSize"] == 0, hostile
        like = format_soql("SELECT Id FROM User WHERE Username LIKE '{:like}'", hostile)
        assert sf.query(like)["totalSize"] == 0, hostile
    error = error_of(SalesforceMalformedRequest, lambda: sf.query("SELECT Id FROM User WHERE Username = 'a\\d'"))
    assert error["errorCode"] == "MALFORMED_QUERY" and "Illegal character sequence" in error["message"], error


@check
def dates_and_booleans(world):
    sf = logged_in(world)
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))
    query = format_soql("SELECT Id FROM User WHERE LastLoginDate > {} AND IsActive = {} AND UserRoleId = {}", past, True, None)
    assert sf.query(query)["totalSize"] == world["users"]


@check
def list_everybody(world):
    """The list of all users beside its proof: the first page inside a composite call, the others by the vendor's own path."""
    sf = logged_in(world)
    base = f"/services/data/v{VERSION}"
    fields = "Id, Username, Email, FederationIdentifier, IsActive, UserType, Profile.UserLicense.Name, EmployeeNumber, Title"
    query = lambda name, soql: {"method": "GET", "referenceId": name, "url": f"{base}/query?q=" + quote(soql)}
    answer = sf.restful("composite", method="POST", json={"allOrNone": False, "compositeRequest": [
        query("users", f"SELECT {fields} FROM User"),
        query("rights", "SELECT PermissionsViewAllUsers, PermissionsApiEnabled FROM UserPermissionAccess LIMIT 1"),
    ]})["compositeResponse"]
    assert [part["httpStatusCode"] for part in answer] == [200, 200], answer
    assert answer[1]["body"]["records"][0]["PermissionsViewAllUsers"] is True
    page, rows, pages = answer[0]["body"], [], 1
    while True:
        rows += page["records"]
        assert page["totalSize"] == world["users"]
        if page["done"]:
            assert "nextRecordsUrl" not in page
            break
        assert page["nextRecordsUrl"].startswith(f"{base}/query/"), page
        page, pages = sf.query_more(page["nextRecordsUrl"], identifier_is_url=True), pages + 1
    assert pages > 1 and len({row["Id"] for row in rows}) == len(rows) == world["users"]
    assert rows[0]["Profile"]["UserLicense"]["Name"], rows[0]
    error = error_of(SalesforceMalformedRequest, lambda: sf.query_more("01g5f0000EXAMPLEAAA-5"))
    assert error["errorCode"] == "INVALID_QUERY_LOCATOR", error


@check
def administrators_left(world):
    """The log-ins of active administrators by a semi-join, and their users by an anti-join, before and after a freeze."""
    sf = logged_in(world)
    admins = "SELECT Id FROM User WHERE IsActive = true AND UserType = 'Standard' AND Profile.PermissionsModifyAllData = true"
    by_login = f"SELECT Id, UserId FROM UserLogin WHERE IsFrozen = false AND UserId IN ({admins}) LIMIT 200"
    by_user = f"{admins} AND Id NOT IN (SELECT UserId FROM UserLogin WHERE IsFrozen = true)"
    rows = sf.query(by_login)["records"]
    assert [row["UserId"] for row in rows] == [world["manager_id"]], rows
    assert [row["Id"] for row in sf.query(by_user)["records"]] == [world["manager_id"]]
    assert sf.UserLogin.update(rows[0]["Id"], {"IsFrozen": True}) == 204
    assert sf.query(by_login)["totalSize"] == sf.query(by_user)["totalSize"] == 0
    assert sf.UserLogin.update(rows[0]["Id"], {"IsFrozen": False}) == 204
    for wrong in [
        "SELECT Id FROM User WHERE Id IN (SELECT Id FROM User)",
        "SELECT Id FROM User WHERE IsActive = true OR Id IN (SELECT UserId FROM UserLogin)",
        "SELECT Id FROM User WHERE Id IN (SELECT AppName FROM OauthToken)",
    ]:
        assert error_of(SalesforceMalformedRequest, lambda: sf.query(wrong))["errorCode"] == "MALFORMED_QUERY", wrong
    base = f"/services/data/v{VERSION}"
    answer = sf.restful("composite", method="POST", json={"allOrNone": False, "compositeRequest": [
        {"method": "GET", "referenceId": "user",
         "url": f"{base}/sobjects/User/{world['manager_id']}?fields=UserType,ProfileId"},
        {"method": "GET", "referenceId": "profile",
         "url": base + "/sobjects/Profile/@{user.ProfileId}?fields=PermissionsModifyAllData,PermissionsManageUsers"},
    ]})["compositeResponse"]
    assert answer[1]["httpStatusCode"] == 200 and answer[1]["body"]["PermissionsModifyAllData"] is True, answer


@check
def describe(world):
    sf = logged_in(world)
    names = {entry["name"] for entry in sf.describe()["sobjects"]}
    assert {"User", "UserLogin", "AuthSession", "OauthToken", "Organization"} <= names, names
    fields = {field["name"]: field for field in sf.User.describe()["fields"]}
    assert fields["IsActive"]["updateable"] and not fields["Id"]["updateable"]
    assert fields["ManagerId"]["referenceTo"] == ["User"] and fields["ManagerId"]["relationshipName"] == "Manager"
    assert sf.UserLogin.metadata()["objectDescribe"]["createable"] is False


@check
def limits_and_usage(world):
    sf = logged_in(world)
    before = sf.limits()["DailyApiRequests"]
    after = sf.limits()["DailyApiRequests"]
    assert before["Max"] == after["Max"] and before["Remaining"] == after["Remaining"] + 1
    usage = sf.api_usage["api-usage"]
    assert usage.total == after["Max"] and usage.used == after["Max"] - after["Remaining"], usage


@check
def error_classes(world):
    sf = logged_in(world)
    for query, code in [
        ("SELECT Id FORM User", "MALFORMED_QUERY"),
        ("SELECT Nope FROM User", "INVALID_FIELD"),
        ("SELECT Id FROM Nope__c", "INVALID_TYPE"),
        ("SELECT Id FROM User WHERE Id = 'x'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM User WHERE IsActive = true OR IsActive = false AND Id = null", "MALFORMED_QUERY"),
    ]:
        assert error_of(SalesforceMalformedRequest, lambda: sf.query(query))["errorCode"] == code, query
    error = error_of(SalesforceResourceNotFound, lambda: sf.User.get("0055f00000ZZZZ1"))
    assert error["errorCode"] == "NOT_FOUND", error
    error = error_of(SalesforceMalformedRequest, lambda: sf.User.update(world["leaver_id"], {"Nope": 1}))
    assert error["errorCode"] == "INVALID_FIELD", error
    error = error_of(SalesforceMalformedRequest, lambda: sf.User.delete(world["leaver_id"]))
    assert error["errorCode"] == "INVALID_TYPE_FOR_OPERATION", error
    error = error_of(SalesforceMalformedRequest, lambda: sf.User.update(world["manager_id"], {"IsActive": False}))
    assert error["errorCode"] == "CANNOT_DISABLE_LAST_ADMIN", error
    error_of(SalesforceGeneralError, lambda: sf.restful("limits", method="PUT"))


@check
def expired_session(world):
    lost = Salesforce(instance="corp-example.my.salesforce.com", session_id="nonsense", version=VERSION, session=session(world))
    error = error_of(SalesforceExpiredSession, lambda: lost.limits())
    assert error["errorCode"] == "INVALID_SESSION_ID", error
    # A client that knows how to log in does so again, once, and goes on.
    sf = logged_in(world)
    own = [record["Id"] for record in sf.query_all("SELECT Id, IsCurrent FROM AuthSession")["records"] if record["IsCurrent"]]
    assert len(own) == 1, own
    token = sf.session_id
    assert sf.AuthSession.delete(own[0]) == 204
    sf.limits()
    assert sf.session_id != token


def rows_of(text):
    """A CSV by the names in its header, as the client's own callers read it."""
    return list(csv.DictReader(io.StringIO(text)))


def business_of(world, sf, count=12):
    """New accounts of the leaver, made by the client's bulk insert: their ids."""
    mark = f"bulk {uuid.uuid4().hex[:8]}"
    made = sf.bulk2.Account.insert(
        records=[{"Name": f'{mark} "{place}", Ltd', "OwnerId": world["leaver_id"]} for place in range(count)], wait=0.5)
    assert [entry["numberRecordsProcessed"] for entry in made] == [count] and made[0]["numberRecordsFailed"] == 0, made
    good = rows_of(sf.bulk2.Account.get_successful_records(made[0]["job_id"]))
    assert {row["sf__Created"] for row in good} == {"true"} and len({row["sf__Id"] for row in good}) == count, good
    assert all(row["Name"].startswith(f'{mark} "') for row in good), good
    return [row["sf__Id"] for row in good]


@check
def what_points_at_a_user(world):
    """Candidates of a hand-over from one describe, and the describe of each."""
    sf = logged_in(world)
    listed = {entry["name"]: entry for entry in sf.describe()["sobjects"]}
    assert listed["AccountShare"]["associateEntityType"] == "Share" and not listed["AccountChangeEvent"]["queryable"]
    assert listed["Old_Request__c"]["deprecatedAndHidden"] and listed["Routing__c"]["customSetting"]
    points = {(child["childSObject"], child["field"]) for child in sf.User.describe()["childRelationships"]}
    assert {("Account", "OwnerId"), ("AccountHistory", "CreatedById"), ("AccountShare", "UserOrGroupId"),
            ("Project__c", "OwnerId"), ("Project__c", "Reviewer__c"), ("Project__c", "Backup_Owner__c"),
            ("Invoice__c", "Approver__c"), ("User", "ManagerId")} <= points, points
    assert ("Invoice__c", "OwnerId") not in points
    owners = {}
    for name in ["Account", "Contact", "Opportunity", "Case", "Lead", "Campaign", "Task", "Event", "Contract",
                 "Project__c", "Visit__c"]:
        fields = {field["name"]: field for field in getattr(sf, name).describe()["fields"]}
        assert fields["OwnerId"]["updateable"], name
        owners[name] = fields["OwnerId"]["referenceTo"]
    assert {name for name, to in owners.items() if "Group" in to} == {"Case", "Lead", "Task", "Project__c", "Visit__c"}, owners
    headers = {"If-Modified-Since": "Mon, 02 Mar 2020 09:00:00 GMT"}
    first = sf.session.get(sf.base_url + "sobjects/User/describe", headers={**sf.headers, **headers})
    again = sf.session.get(sf.base_url + "sobjects/User/describe",
                           headers={**sf.headers, "If-Modified-Since": first.headers["Last-Modified"]})
    assert (first.status_code, again.status_code, again.text) == (200, 304, ""), (first.status_code, again.status_code)


@check
def bulk_query_pages(world):
    sf = logged_in(world)
    ids = business_of(world, sf)
    soql = format_soql("SELECT Id, Name, OwnerId, Parent.Name FROM Account WHERE Id IN {}", ids)
    pages = list(sf.bulk2.Account.query(soql, max_records=5, wait=0.5))
    assert [len(rows_of(page)) for page in pages] == [5, 5, 2], pages
    rows = [row for page in pages for row in rows_of(page)]
    assert sorted(row["Id"] for row in rows) == sorted(ids)
    assert {row["Parent.Name"] for row in rows} == {""} and {row["OwnerId"] for row in rows} == {world["leaver_id"]}
    assert sf.query(format_soql("SELECT COUNT() FROM Account WHERE Id IN {} AND OwnerId = {}", ids, world["leaver_id"]))["totalSize"] == 12
    for wrong in ["SELECT COUNT() FROM Account", "SELECT Id FROM Account LIMIT 1 OFFSET 1", "SELECT Type FROM Account GROUP BY Type"]:
        assert error_of(SalesforceMalformedRequest, lambda: list(sf.bulk2.Account.query(wrong, wait=0.5)))["errorCode"], wrong


@check
def bulk_update_with_failures(world):
    """An owner change of many: what arrived, what was refused and why, and nothing in between."""
    sf = logged_in(world)
    ids = business_of(world, sf)
    assert sf.Account.delete(ids[0]) == 204
    rows = [{"Id": id, "OwnerId": world["manager_id"]} for id in ids]
    rows[1]["OwnerId"] = sf.query(format_soql("SELECT Id FROM User WHERE Username = {}", world["username"]))["records"][0]["Id"]
    rows.append({"Id": "0015f00000ACC07AAH", "OwnerId": world["manager_id"]})
    done = sf.bulk2.Account.update(records=rows, wait=0.5)[0]
    assert (done["numberRecordsProcessed"], done["numberRecordsFailed"]) == (13, 3), done
    every = sf.bulk2.Account.get_all_ingest_records(done["job_id"])
    assert len(every["successfulRecords"]) == 10 and every["unprocessedRecords"] == [], every
    failed = {row["Id"]: row for row in every["failedRecords"]}
    assert failed[ids[0]]["sf__Error"] == "ENTITY_IS_DELETED:entity is deleted:--", failed
    assert failed[ids[1]]["sf__Error"].split(":", 1)[0] == "TRANSFER_REQUIRES_READ"
    assert failed[ids[1]]["sf__Error"].endswith(":OwnerId --")
    assert failed["0015f00000ACC07AAH"]["sf__Id"] == "" and failed["0015f00000ACC07AAH"]["sf__Error"].startswith("INVALID_CROSS_REFERENCE_KEY:")
    assert sf.query(format_soql("SELECT COUNT() FROM Account WHERE Id IN {} AND OwnerId = {}", ids, world["manager_id"]))["totalSize"] == 10
    deleted = sf.bulk2.Account.delete(records=[{"Id": id} for id in ids[1:]], wait=0.5)[0]
    assert (deleted["numberRecordsProcessed"], deleted["numberRecordsFailed"]) == (11, 0), deleted


@check
def bulk_jobs_by_hand(world):
    """The states of a job, step by step, with the client's own steps."""
    sf = logged_in(world)
    ids = business_of(world, sf, 2)
    client = _Bulk2Client("Account", sf.bulk2_url, sf.bulk2.headers, sf.session)
    job = client.create_job(Operation.update)
    assert (job["state"], job["contentUrl"]) == ("Open", f"services/data/v{VERSION}/jobs/ingest/{job['id']}/batches"), job
    data = "Id,OwnerId\n" + "".join(f"{id},{world['manager_id']}\n" for id in ids)
    client.upload_job_data(job["id"], data)
    error = error_of(SalesforceMalformedRequest, lambda: client.upload_job_data(job["id"], data))
    assert error["errorCode"] == "INVALIDJOBSTATE" and "Found multiple contents for job" in error["message"], error
    assert client.abort_job(job["id"], False)["state"] == "Aborted"
    assert rows_of(client.get_ingest_results(job["id"], "unprocessedrecords")) == rows_of(data)
    gone = sf.session.delete(f"{sf.bulk2_url}ingest/{job['id']}", headers=sf.headers)
    assert (gone.status_code, gone.text) == (204, ""), gone.text
    error_of(SalesforceResourceNotFound, lambda: client.get_job(job["id"], False))

    job = client.create_job(Operation.update)
    client.upload_job_data(job["id"], data.replace("\n", "\r\n"))
    assert client.close_job(job["id"])["state"] == "UploadComplete"
    try:
        client.wait_for_job(job["id"], False, 0.5)
    except SalesforceOperationError as error:
        assert "LineEnding is invalid on user data. Current LineEnding setting is LF" in str(error), error
    else:
        raise AssertionError("a file with other line ends was taken")
    listed = sf.restful("jobs/ingest", params={"jobType": "V2Ingest"})
    assert listed["done"] and {"id", "state", "object", "operation"} <= set(listed["records"][-1]), listed
    assert sf.query(format_soql("SELECT COUNT() FROM Account WHERE Id IN {} AND OwnerId = {}", ids, world["leaver_id"]))["totalSize"] == 2


@check
def owners_by_collection(world):
    sf = logged_in(world)
    ids = business_of(world, sf, 4)
    own = sf.query(format_soql("SELECT Id FROM User WHERE Username = {}", world["username"]))["records"][0]["Id"]
    assert sf.Account.delete(ids[1]) == 204
    give = lambda id, owner: {"attributes": {"type": "Account"}, "id": id, "OwnerId": owner}
    send = lambda records, whole=False: sf.restful(
        "composite/sobjects", method="PATCH", json={"allOrNone": whole, "records": records})
    manager = world["manager_id"]
    results = send([give(ids[0], manager), give(ids[1], manager), give(ids[2], own), give("0015f00000ACC07AAH", manager), give(ids[3], manager)])
    codes = [None if entry["success"] else entry["errors"][0]["statusCode"] for entry in results]
    assert codes == [None, "ENTITY_IS_DELETED", "TRANSFER_REQUIRES_READ", "INVALID_CROSS_REFERENCE_KEY", None], results
    results = send([give(ids[0], world["leaver_id"]), give(ids[2], own)], True)
    assert [entry["errors"][0]["statusCode"] for entry in results] == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "TRANSFER_REQUIRES_READ"], results
    assert sf.Account.get(ids[0])["OwnerId"] == manager
    user = {"attributes": {"type": "User"}, "id": world["awkward_id"], "Title": "x"}
    error = error_of(SalesforceMalformedRequest, lambda: send([give(ids[0], manager), user]))
    assert error["errorCode"] == "MIXED_DML_OPERATION", error
    error = error_of(SalesforceMalformedRequest, lambda: send([give(ids[0], manager)] * 201))
    assert error["errorCode"] == "EXCEEDED_ID_LIMIT", error


@check
def dates_of_business(world):
    sf = logged_in(world)
    made = sf.Event.create({"Subject": "visit", "OwnerId": world["leaver_id"],
                            "EndDateTime": (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)).isoformat()})
    assert made["success"], made
    found = lambda where: sf.query(format_soql("SELECT COUNT() FROM Event WHERE Id = {} AND " + where, made["id"]))["totalSize"]
    assert found("EndDateTime >= TODAY") == found("EndDateTime = TOMORROW") == 1 and found("EndDateTime = LAST_N_DAYS:5") == 0
    error = error_of(SalesforceMalformedRequest, lambda: found("EndDateTime >= NOW()"))
    assert error["errorCode"] == "MALFORMED_QUERY", error
    assert sf.Event.delete(made["id"]) == 204
    assert sf.query_all(format_soql("SELECT Id, IsDeleted FROM Event WHERE Id = {}", made["id"]), include_deleted=True)["records"][0]["IsDeleted"]


@check
def cut_a_leaver(world):
    """Freeze, revoke, end sessions, read back."""
    sf = logged_in(world)
    leaver = world["leaver_id"]
    login = sf.query(format_soql("SELECT Id, IsFrozen FROM UserLogin WHERE UserId = {}", leaver))["records"][0]
    assert login["IsFrozen"] is False
    assert sf.UserLogin.update(login["Id"], {"IsFrozen": True}) == 204
    assert sf.UserLogin.get(login["Id"])["IsFrozen"] is True

    sessions = lambda: [record["Id"] for record in sf.query_all(format_soql("SELECT Id FROM AuthSession WHERE UsersId = {}", leaver))["records"]]
    assert len(sessions()) == 3, "freezing ends no session"
    tokens = sf.query(format_soql("SELECT Id, DeleteToken, AppName FROM OauthToken WHERE UserId = {}", leaver))["records"]
    assert [token["AppName"] for token in tokens] == ["Data Loader"]
    answer = sf.session.post(sf.oauth2_url + "revoke", data={"token": tokens[0]["DeleteToken"]})
    assert (answer.status_code, answer.text) == (200, ""), answer.text
    assert answer.headers["content-length"] == "0"
    again = sf.session.post(sf.oauth2_url + "revoke", data={"token": tokens[0]["DeleteToken"]})
    assert (again.status_code, again.json()["error"]) == (400, "invalid_token")
    assert len(sessions()) == 2, "the token took its session with it"

    results = sf.restful("composite/sobjects", params={"ids": ",".join(sessions()), "allOrNone": "false"}, method="DELETE")
    assert results[0]["success"] is True
    assert all(entry["success"] or entry["errors"][0]["statusCode"] == "ENTITY_IS_DELETED" for entry in results), results
    assert sessions() == []

    assert sf.User.update(leaver, {"IsActive": False}) == 204
    assert sf.User.get(leaver)["IsActive"] is False


@check
def composite(world):
    sf = logged_in(world)
    base = f"/services/data/v{VERSION}"
    answer = sf.restful("composite", method="POST", json={"allOrNone": False, "compositeRequest": [
        {"method": "GET", "referenceId": "login",
         "url": f"{base}/query?q=SELECT+Id+FROM+UserLogin+WHERE+UserId='{world['awkward_id']}'"},
        {"method": "PATCH", "referenceId": "freeze", "url": base + "/sobjects/UserLogin/@{login.records[0].Id}",
         "body": {"IsFrozen": True}},
        {"method": "GET", "referenceId": "after", "url": base + "/sobjects/UserLogin/@{login.records[0].Id}?fields=IsFrozen"},
    ]})["compositeResponse"]
    assert [part["httpStatusCode"] for part in answer] == [200, 204, 200], answer
    assert answer[2]["body"]["IsFrozen"] is True


@check
def collections_keep_order(world):
    sf = logged_in(world)
    login = sf.query(format_soql("SELECT Id FROM UserLogin WHERE UserId = {}", world["awkward_id"]))["records"][0]["Id"]
    records = [
        {"attributes": {"type": "UserLogin"}, "id": login, "IsPasswordLocked": True},
        {"attributes": {"type": "UserLogin"}, "id": login, "IsFrozen": False},
    ]
    results = sf.restful("composite/sobjects", method="PATCH", json={"allOrNone": False, "records": records})
    assert [entry["success"] for entry in results] == [False, True] and results[0]["errors"][0]["statusCode"], results
    results = sf.restful("composite/sobjects", method="PATCH", json={"allOrNone": True, "records": records})
    assert results[1]["errors"][0]["statusCode"] == "ALL_OR_NONE_OPERATION_ROLLED_BACK", results


salesforce_setup.add_to(check, logged_in, error_of)
salesforce_rest.add_to(check, logged_in, error_of)


def main():
    text = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("ROLLCALL_SIMULATORS", "")
    if not text:
        sys.exit("give the simulators' line of JSON as the argument or in ROLLCALL_SIMULATORS")
    world = json.loads(text)["salesforce"]
    address = urlsplit(world["url"])
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        end = TlsEnd((address.hostname, address.port), folder)
        # requests lets the environment overrule a session's own setting, so the environment it is.
        os.environ["REQUESTS_CA_BUNDLE"] = end.certificate
        world |= {"tls_port": end.port}
        for test in CHECKS:
            try:
                test(world)
                passed += 1
                print(f"ok      {test.__name__}")
            except Exception:
                failed += 1
                print(f"FAILED  {test.__name__}")
                traceback.print_exc(limit=-3, chain=False, file=sys.stdout)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
