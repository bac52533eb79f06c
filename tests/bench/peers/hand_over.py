"""Gives somebody's records to somebody else with simple-salesforce, job by job, and prints what it took as one line of JSON.

`hand_over.py URL FROM TO OBJECT…`. It asks for the records of each object with a bulk query and writes their owner with bulk jobs. Whether
they are open is not asked, nothing is kept of them, and a row that was locked is counted and not tried again.
"""

from __future__ import annotations

import csv
import io
import json
import resource
import sys
import time
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce, format_soql

VERSION = "67.0"
# Seconds between two looks at a job. The simulated org ends each at once.
WAIT = 0.01


class ToTheOrg(HTTPAdapter):
    """Speaks HTTP to the simulated org, whatever host the client names by HTTPS."""

    def __init__(self, url: str):
        super().__init__()
        self.org = urlsplit(url)

    def send(self, request, **more):
        request.url = urlsplit(request.url)._replace(scheme=self.org.scheme, netloc=self.org.netloc).geturl()
        return super().send(request, **more)


def main() -> None:
    url, leaver, owner, *objects = sys.argv[1:]
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", ToTheOrg(url))
    began = time.perf_counter()
    client = Salesforce(consumer_key="key", consumer_secret="secret", domain="corp-example.my", version=VERSION, session=session)
    moved = refused = 0
    for name in objects:
        bulk = getattr(client.bulk2, name)
        soql = format_soql("SELECT Id FROM " + name + " WHERE OwnerId = {}", leaver)
        for page in bulk.query(soql, max_records=100_000, wait=WAIT):
            rows = [{"Id": row["Id"], "OwnerId": owner} for row in csv.DictReader(io.StringIO(page))]
            for job in bulk.update(records=rows, wait=WAIT):
                moved += int(job["numberRecordsProcessed"]) - int(job["numberRecordsFailed"])
                refused += int(job["numberRecordsFailed"])
    took = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({
        "ms": took * 1000, "cpu_ms": (used.ru_utime + used.ru_stime) * 1000, "peak_kb": used.ru_maxrss, "moved": moved, "refused": refused}))


main()
