"""`rollcall --stack NAME` against a deployed stack: who may ask for what, what comes back, and what is said when nothing does."""

from __future__ import annotations

import json
import re
import time

from check import Checks, until
from deploy import ENVIRONMENT, STACK
from people import PEOPLE, People

# Who stands in the configuration and has AWS's leave for what they do there.
KNOWN = ("viola", "omar", "conrad", "greta", "petra", "inga")
OPERATORS = ("omar", "petra")
# What is typed; its name in a refusal; who may; the roles that a refusal names. One of each kind: functions/commands/tests/stack.rs
# has them all.
RIGHTS = (
    (("today",), "today", KNOWN, ""),
    (("explain",), "explain", KNOWN, ""),
    (("reviews",), "reviews list", KNOWN, ""),
    (("redrive", "--list"), "redrive --list", KNOWN, ""),
    (("leave", "list"), "leave list", KNOWN, ""),
    (("pause", "connection/slack"), "pause", OPERATORS, "operator"),
    (("resume", "connection/slack"), "resume", ("omar",), "operator"),
    (("redrive",), "redrive", OPERATORS, "operator"),
    (("check", "--connection", "slack"), "check", ("omar", "greta", "petra"), "config or operator"),
)


def rights(people: People, checks: Checks) -> None:
    """Roles, and who has none."""
    for argv, name, may, roles in RIGHTS:
        # What was let go on by one is not stopped any more for another; dead letters are looked for with seconds of patience.
        asked = [who for who in KNOWN if (name, who) != ("resume", "petra")
                 and (who == "viola" or name not in ("today", "redrive --list"))]
        ended = {who: people.type(who, *argv) for who in asked}
        refused = [who for who in asked if who not in may]
        wrong = {who: ended[who] for who in asked if who in may and ended[who].exit != 0} | {
            who: ended[who] for who in refused if not ended[who].complains(
                f"{who} may not `{name}`: it takes the role {roles}. Add it to their `roles` under `operators` in "
                f"env/{ENVIRONMENT}.yaml")}
        whom = ", ".join(may) if refused else "everybody" if len(asked) > 1 else "viewers"
        checks.that(f"`{' '.join(argv)}` is for {whom}{'; the others read why' if refused else ''}", not wrong, wrong)
    for who, argv, texts, what in (
        ("viola", ("reviews", "approve", "r", "h"), ("execute-api:Invoke", "POST /approve"), "who has not the policy of approvers is not let in"),
        ("lena", ("reviews", "approve", "r", "h"), ("execute-api:Invoke", "POST /approve"), "nor is an approver without it"),
        ("mallory", ("today",), (PEOPLE["mallory"].arn("mallory"), "is no operator of this stack", f"env/{ENVIRONMENT}.yaml"),
         "whom the configuration does not know reads which line is missing"),
        ("noah", ("today",), ("ssm:GetParameter", f"/rollcall/{STACK}/api"), "whom AWS does not let in reads what the role lacks"),
    ):
        said = people.type(who, *argv)
        checks.that(what, said.complains(*texts), said)


def errors(people: People, checks: Checks) -> None:
    """What goes wrong before anybody of the stack is asked, and the next step that it names."""
    people.keys["late"], people.keys["nobody"] = people.session("omar", 1), {}
    time.sleep(1.5)
    nothing = "http://127.0.0.1:9"
    key = dict(people.keys["viola"])
    people.keys |= {"mistyped": key | {"AWS_SECRET_ACCESS_KEY": "mistyped"}, "deleted": key | {"AWS_ACCESS_KEY_ID": "AKIA0000000000000000"}}
    for what, who, settings, texts in (
        ("a stack of another name", "viola", {"stack": "nowhere"}, ("there is no stack nowhere in us-east-1", "AWS_REGION", "AWS_PROFILE")),
        ("no credentials", "nobody", {}, ("there are no AWS credentials here: sign in (`aws sso login`)", "AWS_PROFILE")),
        ("credentials that are over", "late", {}, ("does not accept your credentials", "`aws sso login`")),
        ("a key that was deleted", "deleted", {}, ("does not accept your credentials", "`aws sso login`")),
        ("a secret key that was mistyped", "mistyped", {}, ("does not accept your signature", "clock")),
        ("no region", "viola", {"AWS_REGION": ""}, ("set AWS_REGION",)),
        ("AWS out of reach", "viola", {"AWS_ENDPOINT_URL": nothing}, ("AWS cannot be reached from here", "docs/runbooks/break-glass.md")),
        ("the API out of reach", "viola", {"ROLLCALL_API_ADDRESS": nothing}, (f"the API of {STACK}", "docs/runbooks/break-glass.md")),
    ):
        said = people.type(who, "today", **settings)
        checks.that(f"{what}: one line that names the next step", said.complains(*texts), said)
    for argv, texts in (
        (("serve",), ("leave --stack away",)),
        (("check", "--offline"), ("rollcall check --offline --config FOLDER",)),
        (("receipt", "verify", "r.json", "--key", "k"), ("rollcall receipt verify FILE --key KEY",)),
        (("today", "--config", "mine"), ("leave --config away",)),
        (("replay", "no-such-file.json"), ("no-such-file.json cannot be read",)),
    ):
        said = people.type("omar", *argv)
        checks.that(f"`{' '.join(argv)}`: one line that names the next step", said.complains(*texts), said)


def commands(people: People, checks: Checks) -> None:
    """What is shown, stopped, brought back and proven."""
    stack = people.stack
    said = people.type("greta", "check", "--json", seconds=120)
    proven = {name for name, found in said.document.get("online", {}).get("connections", {}).items()
              if any((one["what"], one["result"]) == ("tenant", "good") for one in found)}
    checks.that("`check` proves each connection, from a worker", said.exit == 0 and proven == set(stack.world.company.tenants),
                (proven, said))
    said = people.type("omar", "link", seconds=120)
    checks.that("`link` knows everybody", said.exit == 0 and "100 %" in said.out, said)

    stopped = people.type("omar", "pause", "playbook/leaver")
    shown = people.type("viola", "today", "--json").document
    checks.that("`pause` stops, and `today --json` says what", stopped.exit == 0 and [one["what"] for one in shown["paused"]] == [
        "playbook/leaver"], (stopped, shown))
    people.type("omar", "resume", "playbook/leaver")
    shown = people.type("viola", "today", "--json").document
    checks.that("`resume` lets it go on", shown.get("paused") == [], shown)

    stack.sqs.send_message(QueueUrl=stack.queues["work-dead"], MessageBody='{"command": "cmd_of_nobody"}')
    listed = people.type("viola", "redrive", "--list")
    sent = people.type("omar", "redrive")
    checks.that("`redrive --list` shows a dead letter, `redrive` sends it back", listed.exit == 0 and "work" in listed.out
                and sent.exit == 0 and stack.depth("work-dead") == 0, (listed, sent))


def waiting(people: People, checks: Checks) -> None:
    """A worker takes its time; whoever does not wait asks later."""
    stack = people.stack
    argv = ("link", "show", stack.world.company.leaver)
    stack.serving(False)
    try:
        said = people.interrupted("viola", *argv, after=3)
        found = re.search(r"`rollcall answer (cmd_\w+) --stack rollcall` prints the answer", said.err)
        checks.that("Ctrl-C ends the waiting and says how to read the answer later", said.exit == 130 and bool(found), said)
        again = people.interrupted("viola", "answer", found[1], after=2)
        checks.that("an answer that is not there yet is waited for", again.exit == 130 and found[1] in again.err, again)
    finally:
        stack.serving(True)
    there = people.type("viola", *argv)
    later = people.type("viola", "answer", found[1])
    checks.that("`answer` prints what the command would have printed", later.exit == 0 and later.out == there.out != "", (later, there))
    for who, command in (("petra", found[1]), ("viola", "cmd_of_nobody")):
        said = people.type(who, "answer", command)
        checks.that(f"{who} is not told of {'a command of somebody else' if who == 'petra' else 'no command'}",
                    said.complains(f"there is no command {command} of yours"), said)


def undo(people: People, checks: Checks) -> None:
    """Somebody leaves and comes back."""
    company, login = people.stack.world.company, people.stack.world.company.hire()
    people.type("omar", "link")
    before = company.do("look", login=login)
    gone = people.type("omar", "leave", login, "--at", "now")
    left = company.signed_in(login)
    checks.that("`leave --at now` cuts", gone.exit == 0 and not left, (gone, left))
    told = people.type("viola", "explain", login, "--json").document
    run = told["runs"][0]
    checks.that("`explain --json` tells of it", (run["goal"], run["state"]) == ("leave", "Done"), {name: run.get(name) for name in (
        "goal", "state")})
    plan = people.type("omar", "undo", run["id"])
    checks.that("`undo` shows what it would do and does nothing", plan.exit == 0 and "rollcall apply" in plan.out
                and company.do("look", login=login) != before and not company.signed_in(login), plan)
    done = people.type("omar", "undo", run["id"], "--yes")

    def barred() -> list[str]:
        look = company.do("look", login=login)
        status = [name for name in ("okta-main", "onelogin-main") if look[name]["status"] != "Active"]
        return status + [org for org in ("sf-us", "sf-emea") if any(user["frozen"] for user in look[org])]

    until(lambda: not barred(), 20, "the end of the undo")
    checks.that("`undo --yes` lets them in again", done.exit == 0 and not barred(), (done, barred()))


def decisions(people: People, checks: Checks) -> None:
    """A cut that is held: whoever asked does not decide, who has the role and AWS's leave does, once, for the hash that was shown."""
    company = people.stack.world.company
    login = people.stack.protected[1]
    asked = people.type("petra", "leave", login, "--at", "now")
    checks.that("a protected person is held", asked.exit == 0 and "Held for review" in asked.out, asked)
    (review,) = people.type("inga", "reviews", "--json").document["reviews"]
    shown = people.type("inga", "reviews", "show", review["id"])
    checks.that("`reviews show` shows it and how to decide", shown.exit == 0 and review["id"] in shown.out, shown)
    own = people.type("petra", "reviews", "approve", review["id"], review["plan_hash"])
    checks.that("who asked for it does not decide about it", own.exit != 0 and "asked" in own.err, own)
    other = people.type("inga", "reviews", "approve", review["id"], "0" * 12)
    checks.that("a hash that nobody was shown is refused", other.exit != 0 and bool(other.err), other)
    checks.that("and nothing was cut until now", len(company.signed_in(login)) > 0)
    yes = people.type("inga", "reviews", "approve", review["id"], review["plan_hash"])
    until(lambda: not company.signed_in(login), 20, "the approved cut")
    checks.that("an approver's word lets it go on", yes.exit == 0, yes)
    twice = people.type("inga", "reviews", "approve", review["id"], review["plan_hash"])
    checks.that("a decision is made once", twice.exit != 0 and bool(twice.err), twice)
    run = people.type("viola", "explain", login, "--json").document["runs"][0]
    by = [word for word in ("priya.raman@corp.example", "ines.duarte@corp.example") if word in json.dumps(run)]
    checks.that("`explain` names both", len(by) == 2, (by, run.get("state")))


def quiet(people: People, checks: Checks) -> None:
    """A leave that only some may know of."""
    login = people.stack.world.company.hire()
    agreed = people.type("omar", "leave", login, "--at", "2030-01-07T09:00Z", "--quiet")
    lists = {who: people.type(who, "leave", "list").out for who in ("viola", "inga", "conrad")}
    checks.that("whom a quiet leave is about, only `confidential` reads", agreed.exit == 0 and {
        who: ("(quiet)" in said, "omar@corp.example" in said) for who, said in lists.items()} == {
        "viola": (True, False), "inga": (True, False), "conrad": (False, True)}, (agreed, lists))
