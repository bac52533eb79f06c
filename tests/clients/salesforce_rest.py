"""Checks of the endpoints that no story needs, with the public Python client; run by salesforce_check.py."""

from simple_salesforce.bulk2 import Operation, _Bulk2Client
from simple_salesforce.exceptions import SalesforceResourceNotFound


def add_to(check, logged_in, error_of):
    """Registers the checks."""

    @check
    def versions_and_resources(world):
        sf = logged_in(world)
        # The client asks below a version only; this is the way in which it asks.
        versions = sf._call_salesforce("GET", f"https://{sf.sf_instance}/services/data").json()
        assert f"{sf.sf_version}" in [one["version"] for one in versions], versions
        assert "sobjects" in sf.restful("")

    @check
    def pages_with_what_was_deleted(world):
        sf = logged_in(world)
        records = [{"attributes": {"type": "Account"}, "Name": f"Page {number}"} for number in range(12)]
        made = sf.restful("composite/sobjects", method="POST", json={"allOrNone": True, "records": records})
        ids = [one["id"] for one in made]
        assert sf.Account.delete(ids[0]) == 204
        soql = "SELECT Id, IsDeleted FROM Account WHERE Id IN ('" + "','".join(ids) + "')"
        rows = {row["Id"]: row["IsDeleted"] for row in sf.query_all_iter(soql, include_deleted=True)}
        assert len(rows) == 12 and [id for id, gone in rows.items() if gone] == [ids[0]], rows
        # The client follows the vendor's own address, and knows a page by its name as well.
        first = sf.query(soql, include_deleted=True)
        place = first["nextRecordsUrl"].rsplit("/", 1)[1]
        rest = sf.query_more(place, include_deleted=True)
        assert first["records"][0]["Id"] not in {row["Id"] for row in rest["records"]} and rest["totalSize"] == 12, rest

    @check
    def collections_are_made_and_read(world):
        sf = logged_in(world)
        records = [{"attributes": {"type": "Account"}, "Name": f"Collected {number}"} for number in range(2)]
        made = sf.restful("composite/sobjects", method="POST", json={"allOrNone": True, "records": records})
        ids = [one["id"] for one in made]
        assert all(one["success"] for one in made), made
        names = ["Collected 0", "Collected 1"]
        read = sf.restful("composite/sobjects/Account", params={"ids": ",".join(ids), "fields": "Name"})
        assert [one["Name"] for one in read] == names, read
        read = sf.restful("composite/sobjects/Account", method="POST", json={"ids": ids, "fields": ["Name"]})
        assert [one["Name"] for one in read] == names, read

    @check
    def query_jobs_by_hand(world):
        sf = logged_in(world)
        client = _Bulk2Client("Account", sf.bulk2_url, sf.bulk2.headers, sf.session)
        job = client.create_job(Operation.query, query="SELECT Id FROM Account")["id"]
        assert job in [one["id"] for one in sf.restful("jobs/query")["records"]]
        assert client.abort_job(job, True)["state"] == "Aborted"
        # The client's own `delete_job` reads the empty answer as JSON.
        gone = sf.session.delete(f"{sf.bulk2_url}query/{job}", headers=sf.headers)
        assert gone.status_code == 204, gone.text
        error_of(SalesforceResourceNotFound, lambda: client.get_job(job, True))
