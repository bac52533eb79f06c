"""The story around one leaver that makes Rollcall ask Okta everything that it ever asks, and what is seen of it at the gate."""

import json
import re
from urllib.parse import urlsplit

from gate import Gate
from machine import BY_TOKEN, CROWD, Machine
from processes import ROOT, target
from tools import HERE
from vendors import Vendors

CALLS = HERE / "okta_calls.txt"
SOURCE = ROOT / "shared/connectors/src/okta"
# Rows of Okta's table of rate limits, which the connector names beside calls.
BUCKETS = {"/api/v1", "/api/v1/iam"}
SCOPES = ("okta.users.read", "okta.users.manage", "okta.groups.read", "okta.groups.manage", "okta.roles.read", "okta.apps.read",
          "okta.logs.read", "okta.apiTokens.read", "okta.apiTokens.manage")
COLLEAGUE = "chidi.okafor@corp.example"


def tell(folder, checks):
    """Plays the story; gives the exchanges at the gate, and its address."""
    gate = Gate(folder, "own")
    company = Vendors(target() / "debug/company", "--scopes", ",".join(SCOPES), "--okta-url", gate.url)
    machine = None
    try:
        gate.lead_to(company.tells["tenants"]["okta-main"]["behind"])
        company.do("crowd", number=CROWD)
        leaver, app = company.tells["leaver"], company.tells["apps"]["sf-us"]
        company.do("furnish", login=leaver)
        machine = Machine(folder, company)

        def command(*arguments, **more):
            code, said, text = machine.command(*arguments, **more)
            checks.that(f"rollcall {' '.join(arguments[:1])} ends well", code == 0 and said is not None, f"{code}: {text[-2000:]}")
            return said or {}

        command("check")
        command("check", "--connection", "okta-main", environment=BY_TOKEN)
        command("link")
        command("preflight", leaver)
        command("leave", leaver, "--at", "now")
        accounts = company.do("look", login=leaver)
        checks.that("the leaver is deactivated and holds nothing in Okta", accounts["okta-main"] == {
            "status": "Deprovisioned", "sessions": 0, "refresh_tokens": 0, "grants": 0}, accounts)
        run = next(run["id"] for run in machine.runs() if run["goal"] == "leave")
        command("undo", run, "--yes")
        accounts = company.do("look", login=leaver)
        checks.that("the undo lets them in again", accounts["okta-main"]["status"] in ("Active", "Provisioned"), accounts)

        # The first start sets the hook's timer, the second finds it due.
        machine.serve()
        machine.stop()
        machine.ring()
        machine.serve()
        hooks = company.do("unassign", login=COLLEAGUE, app=app) + company.do("leave", login=COLLEAGUE)
        answers = [machine.hook(delivery) for delivery in hooks]
        checks.that("the door takes what Okta's hook delivers", set(answers) == {200}, answers)

        def over():
            runs = [run for run in machine.runs() if run["person"] == COLLEAGUE and run["goal"] == "leave"]
            logged = any(one.path == "/api/v1/logs" for one in gate.exchanges())
            return logged and bool(runs) and all(run["state"] == "Done" for run in runs)

        checks.that("a hook's leaver is done, and the log was read", machine.until("the colleague's run", over))
        return gate.exchanges(), gate.url
    finally:
        if machine is not None:
            machine.close()
        company.close()
        gate.close()


def shape(path):
    return re.sub(r"\{[^}]*\}", "{}", path)


def listed():
    """The calls of the list, with the reason of those that nothing brings about."""
    calls = {}
    for line in CALLS.read_text().splitlines():
        if line and not line.startswith("#"):
            call, _, reason = line.partition("#")
            calls[call.strip()] = reason.strip()
    return calls


def in_source():
    """The paths that the connector's source names."""
    found = set()
    for file in SOURCE.glob("*.rs"):
        if file.name != "tests.rs":
            for path in re.findall(r'"(?:\{[A-Za-z_]+\})?(/(?:api/v1|oauth2/v1|\.well-known)[^"?]*)', file.read_text()):
                found.add(shape(path.rstrip("/")))
    verbs = re.findall(r'path: "([a-z_]+)', (SOURCE / "lifecycle.rs").read_text())
    lifecycle = "/api/v1/users/{}/lifecycle/{}"
    return (found - BUCKETS - {lifecycle}) | {lifecycle[:-2] + verb for verb in verbs}


def complete(exchanges, checks):
    """Every call of the connector went through the gate, or is listed with the reason why not."""
    calls = listed()
    missing = in_source() - {shape(call.split()[1]) for call in calls}
    checks.that("the list of calls has every path of the connector's source", not missing, sorted(missing))
    asked = {}
    for one in exchanges:
        fitting = [call for call in calls if call.startswith(one.method + " ") and re.fullmatch(
            re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(call.split()[1])), one.path)]
        call = min(fitting, key=lambda call: call.count("{")) if fitting else f"{one.method} {one.path}"
        asked[call] = asked.get(call, 0) + 1
    unlisted = sorted(set(asked) - set(calls))
    checks.that("nothing was asked that the list of calls has not", not unlisted, unlisted)
    never = [call for call, reason in calls.items() if call not in asked and not reason]
    checks.that(f"{len(asked)} calls of the connector went through the gate", not never, f"never asked: {never}")
    needless = [call for call, reason in calls.items() if call in asked and reason]
    checks.that("no call is excused that was made", not needless, needless)
    for call, reason in calls.items():
        if reason:
            print(f"      not brought about: {call}: {reason}")


def on_the_wire(exchanges, url, checks):
    """What an OpenAPI document says nothing of: proofs of possession, and lists that lead on through the gate."""
    signed = [one for one in exchanges if one.dpop]
    checks.that("calls carry a DPoP proof that is right for the gate's address", len(signed) > 50 and any(
        one.status == 200 for one in signed), f"{len(signed)} calls")
    nexts = [link for one in exchanges for line in one.links for link in re.findall(r'<([^>]*)>; rel="next"', line)]
    outside = [link for link in nexts if not link.startswith(url + "/")]
    checks.that(f"{len(nexts)} links to a next page lead through the gate", nexts and not outside, outside[:3])
    asked = {f"{one.path}?{one.query}" for one in exchanges}
    followed = [link for link in nexts if f"{urlsplit(link).path}?{urlsplit(link).query}" in asked]
    checks.that("a next page was asked for as its link says", bool(followed), json.dumps(nexts[:3]))
