"""A run that waits while the configuration changes under it ends with the configuration that it began with; a new one has the new."""

from __future__ import annotations

import json

from check import Checks, until
from journey import public_key, verify
from people import People

# What the second deployment changes: sf-emea is taken out of what leavers are cut in.
BEFORE, AFTER = "sets: {crm: [sf-us, sf-emea]}", "sets: {crm: [sf-us]}"


def receipts(people: People, known: set[str]) -> list[dict]:
    """What the receipts say that were not known before, verified with the key's public half."""
    stack, found = people.stack, []
    key = public_key(stack, stack.world.folder)
    for name in sorted(stack.receipts() - known):
        text = stack.s3.get_object(Bucket=stack.bucket, Key=name)["Body"].read()
        found.append(verify(text, key, stack.world.folder))
    return found


def cut_in_emea(people: People, login: str) -> bool:
    """Whether nobody of theirs can sign in there."""
    users = people.stack.world.company.do("look", login=login)["sf-emea"]
    return bool(users) and all(user["frozen"] and not user["sessions"] and not user["tokens"] for user in users)


def waiting_run(people: People, checks: Checks) -> None:
    """The protected person's cut waits for an approver, over a second deployment with a changed mapping."""
    stack, company = people.stack, people.stack.world.company
    login, known = stack.protected[0], stack.receipts()
    people.type("omar", "link")
    answers = stack.leave(login)
    checks.that("the hook is taken", bool(answers) and all(status == 200 for status, _ in answers), answers)
    (review,) = until(lambda: people.type("inga", "reviews", "--json").document.get("reviews"), 30, "a held cut", pause=0.5)

    def held() -> dict | None:
        (run,) = people.type("viola", "explain", login, "--json").document["runs"]
        return run if run["state"] == "Held" else None

    waiting = until(held, 20, "a run that waits", pause=0.3)

    code = {kind: stack.lambda_.get_function_configuration(FunctionName=name)["CodeSha256"] for kind, name in stack.functions.items()}
    root = stack.config / "rollcall.yaml"
    assert BEFORE in root.read_text(), f"{root} has no {BEFORE}"
    root.write_text(root.read_text().replace(BEFORE, AFTER))
    first = stack.read
    stack.again()
    checks.that("a second deployment brought the changed mapping through the layer",
                stack.read != first and AFTER in (stack.read / "rollcall.yaml").read_text(), stack.read)
    now = {kind: stack.lambda_.get_function_configuration(FunctionName=name)["CodeSha256"] for kind, name in stack.functions.items()}
    checks.that("and no program", code == now, (code, now))
    (still,) = people.type("viola", "explain", login, "--json").document["runs"]
    checks.that("the run waits on", (still["id"], still["state"]) == (waiting["id"], "Held"), still["state"])

    newcomer = company.hire()
    people.type("omar", "link")
    stack.leave(newcomer)
    until(lambda: len(stack.receipts() - known) == 1, 60, "the new run's receipt")
    (new,) = receipts(people, known)
    checks.that("a new run has the new configuration: sf-emea is left alone", new.get("valid") is True and not cut_in_emea(
        people, newcomer) and "sf-emea" not in new["header"]["time_to_cut_ms"], new)

    known = stack.receipts()
    approved = people.type("inga", "reviews", "approve", review["id"], review["plan_hash"])
    until(lambda: len(stack.receipts() - known) == 1, 60, "the waiting run's receipt")
    (old,) = receipts(people, known)
    left = company.signed_in(login)
    checks.that("the run that waited ends with the configuration that it began with: sf-emea is cut", approved.exit == 0
                and old.get("valid") is True and not left and "sf-emea" in old["header"]["time_to_cut_ms"], (approved, left, old))
    pinned = {who: one["header"]["configuration"] for who, one in (("old", old), ("new", new))}
    checks.that("each receipt names its configuration", pinned["old"] != pinned["new"], pinned)
    kept = {row["Key"] for row in stack.s3.list_objects_v2(Bucket=stack.bucket, Prefix="configurations/")["Contents"]}
    missing = {digest for digest in pinned.values() if not any(digest.split(":")[-1] in key for key in kept)}
    checks.that("and the bucket holds both", not missing, (missing, kept))
    told = {who: people.type("viola", "explain", name).out for who, name in (("old", login), ("new", newcomer))}
    short = {who: digest.split(":")[-1][:12] for who, digest in pinned.items()}
    checks.that("`explain` names them as well", all(f"configuration {short[who]}" in told[who] for who in told),
                json.dumps({who: text[-600:] for who, text in told.items()}))
