"""Reads every user of an Okta org with Okta's own client for Python, page by page, and prints what it took as one line of JSON.

`directory.py URL TOKEN`. It makes each user into the client's own model; it does not check which tenant it talks to, nor what a list
proves.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import time

os.environ["OKTA_TESTING_TESTINGDISABLEHTTPSCHECK"] = "true"

from okta.client import Client  # noqa: E402  (the environment must be set before)
from okta.pagination import PaginationHelper  # noqa: E402


async def read(client: Client, **what) -> int:
    """How many users a list has."""
    count, after = 0, None
    while True:
        more = {"after": after} if after else {}
        users, response, error = await client.list_users(limit=200, **what, **more)
        assert error is None, error
        count += len(users)
        after = PaginationHelper.extract_next_cursor(response.headers)
        if not after:
            return count


async def main() -> None:
    url, token = sys.argv[1:]
    client = Client({"orgUrl": url, "token": token, "cache": {"enabled": False}})
    began = time.perf_counter()
    users = await read(client) + await read(client, filter='status eq "DEPROVISIONED"')
    took = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"users": users, "ms": took * 1000, "cpu_ms": (used.ru_utime + used.ru_stime) * 1000, "peak_kb": used.ru_maxrss}))


asyncio.run(main())
