"""Whether an official client reached every endpoint that a simulator has, by what the simulators wrote down (`--record`)."""

import collections
import json
import re
import subprocess

from processes import ROOT, target
from tools import HERE

UNREACHED = HERE / "unreached.txt"
# How the clients call themselves. Okta's and OneLogin's Python clients use their generator's name; simple-salesforce sends its calls
# with `requests` and under its name.
OFFICIAL = {
    "okta": r"okta-sdk-python/|@okta/okta-sdk-nodejs/|OpenAPI-Generator/",
    "onelogin": r"OpenAPI-Generator/",
    "salesforce": r"python-requests/",
    "slack": r"slackclient/",
}
ROUTERS = {
    "okta": ["okta/mod.rs", "okta/route.rs", "okta/apps.rs", "okta/bindings.rs", "okta/lifecycle.rs", "okta/tokens.rs"],
    "onelogin": ["onelogin/auth.rs", "onelogin/mfa.rs", "onelogin/people.rs", "onelogin/privileges.rs", "onelogin/roles.rs",
                 "onelogin/route.rs", "onelogin/users.rs"],
    "salesforce": ["salesforce/rest.rs", "salesforce/collections.rs", "salesforce/bulk/mod.rs"],
    "slack": ["slack/web.rs"],
}
# Words of a pattern that are no part of a path.
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}


def routes():
    """What the simulators have: (vendor, method, path)."""
    text = subprocess.run([target() / "debug/simulators", "--routes"], check=True, capture_output=True, text=True).stdout
    return [tuple(line.split()) for line in text.splitlines()]


def excused():
    """Endpoints that no official client has, with the reason."""
    listed = {}
    for line in UNREACHED.read_text().splitlines():
        if line and not line.startswith("#"):
            endpoint, _, reason = line.partition("#")
            listed[tuple(endpoint.split())] = reason.strip()
    return listed


def words_of(vendor):
    """The words of paths that the vendor's router matches on."""
    found = set()
    for name in ROUTERS[vendor]:
        text = (ROOT / "tests/simulators/src" / name).read_text()
        if name == "okta/lifecycle.rs":
            found |= set(re.findall(r'^\s+"([a-z_]+)" =>', text, re.M))
        if vendor == "slack":
            found |= set(re.findall(r'^\s+"([a-z]+\.[A-Za-z]+)"', text, re.M))
        # Arms of the form `("GET", ["users", id])`, and `["auth", below @ ..]`.
        for pattern in re.findall(r"\[((?:\"[\w.-]+\"|[\w @.|()]|, )*)\][^;\n]*=>", text):
            found |= set(re.findall(r'"([\w.-]+)"', pattern))
    return found - METHODS


def check(records, checks):
    known, excuses = routes(), excused()
    asked = collections.defaultdict(lambda: collections.defaultdict(set))
    unlisted = set()
    for record in records:
        for line in record.read_text().splitlines():
            call = json.loads(line)
            if call["status"] is None or call["status"] >= 400:
                continue
            vendor, agent = call["vendor"], call["agent"] or ""
            method = "*" if vendor == "slack" else call["method"]
            if call["route"] is None:
                unlisted.add((vendor, method, call["path"]))
                continue
            official = re.search(OFFICIAL[vendor], agent) is not None
            asked[vendor, method, call["route"]]["official" if official else "other"].add(agent)
    checks.that("a simulator answers no path that its list of endpoints has not", not unlisted, sorted(unlisted))
    for vendor, pattern in OFFICIAL.items():
        mine = [route for route in known if route[0] == vendor]
        reached = [route for route in mine if asked[route]["official"]]
        never = [" ".join(route) for route in mine if not asked[route]["official"] and route not in excuses]
        checks.that(f"{vendor}: official clients were answered by {len(reached)} of {len(mine)} endpoints, "
                    f"{sum(route in excuses for route in mine)} have a reason", not never, f"by none: {never}")
        listed = {part.lower() for _, _, path in mine for part in path.split("/")}
        missing = {word for word in words_of(vendor) if word.lower() not in listed}
        words = words_of(vendor)
        checks.that(f"{vendor}: {len(words)} words of the router are all in the list of endpoints", len(words) > 5 and not missing,
                    sorted(missing))
    needless = [" ".join(route) for route in excuses if asked[route]["official"] or route not in known]
    checks.that("no endpoint is excused that a client reaches, or that is not there", not needless, needless)
    silent = [" ".join(route) for route in excuses if not asked[route]["other"]]
    checks.that("what no client has was asked without one", not silent, silent)


def tell_excuses():
    for route, reason in excused().items():
        print(f"      in no official client: {' '.join(route)}: {reason}")
