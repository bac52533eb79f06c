"""The leaver as deployed, and what may go wrong with a worker on the way."""

from __future__ import annotations

import base64
import datetime
import json
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

from check import Checks, until
from deploy import WORKER_TIMEOUT, Stack
from processes import target
from world import World

# What bars a person from each system, by the simulators' names. The first directory did that by itself.
BARRED = {"onelogin-main": "suspend", "sf-us": "freeze", "sf-emea": "freeze"}
CONNECTIONS = {"okta-main", *BARRED}


def personal(world: World, logins: list[str]) -> list[str]:
    """What must be in no log: names, logins and addresses of everybody that the story is about."""
    texts = []
    for login in [*logins, world.company.tells["manager"]]:
        local = login.split("@")[0]
        texts += [login, local, *local.split(".")[1:]]
    return sorted({text.lower() for text in texts if len(text) > 4})


def leaks(stack: Stack, texts: list[str]) -> list[str]:
    """Log lines of the stack with any of the texts in them."""
    found = []
    for group, lines in stack.log_lines().items():
        found += [f"{group}: {line[:300]}" for line in lines if any(text in line.lower() for text in texts)]
    return found


def public_key(stack: Stack, folder: Path) -> Path:
    """The public half of the receipt key, as KMS hands it out, in a file."""
    kms = stack.world.client("kms")
    arn = stack.settings["seal"]["Environment"]["Variables"]["ROLLCALL_RECEIPT_KEY"]
    der = kms.get_public_key(KeyId=arn)["PublicKey"]
    path = folder / "receipts.pem"
    lines = base64.encodebytes(der).decode()
    path.write_text(f"-----BEGIN PUBLIC KEY-----\n{lines}-----END PUBLIC KEY-----\n")
    return path


def verify(receipt: bytes, key: Path, folder: Path) -> dict:
    """What `rollcall receipt verify` says of a receipt, with the public key alone."""
    path = folder / "receipt.json"
    path.write_bytes(receipt)
    done = subprocess.run(
        [target() / "debug/rollcall", "--json", "receipt", "verify", path, "--key", key], capture_output=True, text=True)
    return json.loads(done.stdout) if done.stdout.strip() else {"valid": False, "fault": done.stderr}


def story(stack: Stack, checks: Checks, login: str, client=None) -> dict | None:
    """Somebody leaves; everything that must hold at the end. The receipt's header."""
    world, known = stack.world, stack.receipts()
    before = len(stack.runs(client))
    began = time.monotonic()
    answers = stack.leave(login)
    checks.that("Okta's hook is taken", bool(answers) and all(status == 200 for status, _ in answers), answers)
    new = stack.receipt_after(known, 90)
    print(f"  from the hook to the receipt in the bucket: {time.monotonic() - began:.1f} s", flush=True)
    left = world.company.signed_in(login)
    checks.that("every account of theirs is cut", not left, left)
    runs = stack.runs(client)
    checks.that("one leaver made one run and one receipt", len(runs) == before + 1 and len(new) == 1,
                f"{len(runs) - before} runs, {len(new)} receipts")
    if not new:
        return None
    text = stack.s3.get_object(Bucket=stack.bucket, Key=new[0])["Body"].read()
    verified = verify(text, public_key(stack, world.folder), world.folder)
    checks.that("the receipt verifies offline with the public half of the KMS key", verified.get("valid") is True,
                verified.get("fault"))
    until_date = stack.s3.get_object_retention(Bucket=stack.bucket, Key=new[0])["Retention"]["RetainUntilDate"]
    days = (until_date - datetime.datetime.now(datetime.timezone.utc)).days
    wanted = int(stack.settings["seal"]["Environment"]["Variables"]["ROLLCALL_RECEIPT_DAYS"])
    checks.that(f"the receipt is locked for {wanted} days", wanted - 1 <= days <= wanted, f"{days} days")
    header = verified.get("header", {})
    cut = header.get("time_to_cut_ms", {})
    missing = CONNECTIONS - set(cut)
    checks.that("the receipt says when each connection was cut", not missing, f"{missing} are missing")
    for connection, ms in sorted(cut.items()):
        print(f"  time to cut  {connection:<14} {ms} ms from the hook", flush=True)
    return header


def as_deployed(stack: Stack, checks: Checks) -> None:
    """Point 5's first sentence: the demo leaver through everything, IAM enforced."""
    company = stack.world.company
    question = company.do("verification")
    status, body = stack.call("GET", "/okta", question["headers"])
    checks.that("Okta's one-time question is answered", status == 200 and question["challenge"].encode() in body, (status, body))
    wrong = {"authorization": "Bearer of-somebody-else", "content-type": "application/json"}
    status, _ = stack.call("POST", "/okta", wrong, b"{}")
    checks.that("a hook with a wrong secret is refused", status == 401, status)

    stack.world.relay.take()
    linked(stack, checks)
    story(stack, checks, company.leaver)
    names = {stack.key_of(kind): kind for kind in stack.functions}
    denied = sorted({
        f"{names.get(one.key, 'somebody')}: {action} on {arn}"
        for one in stack.world.relay.asked() if one.denied for action, arn in one.needs})
    checks.that("no role lacked a permission", not denied, denied)
    asked = {names.get(one.key) for one in stack.world.relay.asked()}
    checks.that("door, worker and seal each did their part", {"okta-hook", "worker", "seal"} <= asked, asked)

    found = leaks(stack, personal(stack.world, [company.leaver]))
    checks.that("no log holds personal data", not found, found[:5])
    for queue in ("urgent-dead", "work-dead", "bulk-dead"):
        checks.that(f"{queue} is empty", stack.depth(queue) == 0)


def ticking(stack: Stack, checks: Checks, since_ms: int) -> None:
    """The schedule calls the clock each minute."""
    group = f"/aws/lambda/{stack.functions['clock']}"

    def ticks() -> list[str]:
        return [line for line in stack.log_lines(since_ms).get(group, []) if line.startswith("REPORT")]

    checks.that("the schedule ticks", bool(until(ticks, 75, "a tick of the clock", pause=1)))


def killed(stack: Stack, checks: Checks) -> None:
    """A worker that dies in the middle of a cut: its message comes again, and the rest is done once."""
    world, company = stack.world, stack.world.company
    login, queue = company.hire(), stack.queues["urgent"]
    known, counted = stack.receipts(), company.do("counters")
    # The template's times are for production; here nobody waits minutes for what a queue does by itself. As there, a message comes
    # again only after the lease of whoever died with it.
    stack.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "8"})
    stack.lambda_.update_function_configuration(FunctionName=stack.functions["worker"], Timeout=8)
    company.do("delay", ms=250)
    try:
        stack.leave(login)
        # Something was done already, and something is not.
        until(lambda: company.do("counters") != counted, 30, "the first change", pause=0.02)
        pids = world.processes(stack.functions["worker"])
        for pid in pids:
            world.kill(pid)
        company.do("delay", ms=0)
        left = company.signed_in(login)
        checks.that("the worker was killed in the middle", bool(pids) and bool(left), f"{len(pids)} processes, left: {left}")
        checks.that("its messages were not acknowledged", stack.depth("urgent") >= 1, f"{stack.depth('urgent')} messages")

        def finished() -> list[str]:
            # The schedule's minute is not waited for: the clock is called as it would be.
            stack.invoke("clock", {})
            return sorted(stack.receipts() - known)

        began = time.monotonic()
        new = until(finished, 90, "the receipt", pause=1)
        print(f"  finished {time.monotonic() - began:.0f} s after the death", flush=True)
        # The clock may finish the run before the message can be seen again. It comes all the same, and finds it done.
        with suppress(TimeoutError):
            until(lambda: stack.depth("urgent") == 0, 60, "an empty queue", pause=0.5)
    finally:
        company.do("delay", ms=0)
        visibility = str(6 * WORKER_TIMEOUT)
        stack.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": visibility})
        stack.lambda_.update_function_configuration(FunctionName=stack.functions["worker"], Timeout=WORKER_TIMEOUT)
    checks.that("the message came again and was acknowledged", stack.depth("urgent") == 0, f"{stack.depth('urgent')} messages")
    checks.that("the run finishes, with one receipt", len(new) == 1, new)
    left = company.signed_in(login)
    checks.that("and everything is cut", not left, left)
    once(checks, company.do("counters"), counted)


def once(checks: Checks, now: dict, before: dict) -> None:
    """What bars a person from a system was done once in each that did not do so by itself."""
    often = {connection: now[connection].get(effect, 0) - before[connection].get(effect, 0)
             for connection, effect in BARRED.items()}
    checks.that("each account was barred once", set(often.values()) == {1}, often)


def poison(stack: Stack, checks: Checks) -> None:
    """What no worker can take goes to the dead letters, with its reason where there is one, and comes back."""
    login = stack.world.company.hire()
    stack.serving(False)
    try:
        stack.leave(login)
        bodies = until(lambda: stack.take("urgent"), 20, "a message")
    finally:
        stack.serving(True)
    # Its source cannot be read by JSON, whoever tries: kept in the ledger, acknowledged, told as such.
    stack.sqs.send_message(QueueUrl=stack.queues["bulk"], MessageBody="nobody's message {")
    letters = until(lambda: [item for item in stack.items() if item["pk"]["S"] == "DOC#dead"], 30, "a dead letter")
    checks.that("a message that is none of ours is put aside with its reason", any(
        "not a message" in item["body"]["S"] for item in letters), [item["body"]["S"][:200] for item in letters])
    # Every delivery dies before a worker can say why: SQS's own dead letters.
    queue, known = stack.queues["urgent"], stack.receipts()
    stack.restart("worker", ROLLCALL_ENV="nowhere")
    arn = stack.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["RedrivePolicy", "VisibilityTimeout"])["Attributes"]
    most = int(json.loads(arn["RedrivePolicy"])["maxReceiveCount"])
    stack.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "1"})
    try:
        for body in bodies:
            stack.sqs.send_message(QueueUrl=queue, MessageBody=body)
        until(lambda: stack.depth("urgent-dead") == len(bodies), 60, f"a dead letter after {most} deliveries", pause=0.5)
        checks.that(f"a message whose workers cannot start is with the dead letters after {most} deliveries", True)
    finally:
        stack.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": arn["VisibilityTimeout"]})
        stack.restart("worker")
    redrive(stack, checks)
    new = stack.receipt_after(known, 60)
    left = stack.world.company.signed_in(login)
    checks.that("redriven, it is worked off: cut, with one receipt", not left and len(new) == 1, (left, new))


def redrive(stack: Stack, checks: Checks) -> None:
    """`rollcall --stack … redrive`, by an operator."""
    exit_code, listed, why = stack.operators.rollcall("redrive", "--list")
    letters = [one for one in listed.get("letters", []) if one["where"] == "queue/urgent"]
    checks.that("`rollcall redrive --list` shows the dead letters", exit_code == 0 and bool(letters), (listed, why))
    exit_code, sent, why = stack.operators.rollcall("redrive")
    # What is none of ours stays with the ledger's dead letters, and the exit code says so.
    checks.that("`rollcall redrive` sends the dead letters back", stack.depth("urgent-dead") == 0 and
                sent.get("from_queues") == len(letters) and exit_code == (1 if sent.get("left") else 0), (exit_code, sent, why))


def linked(stack: Stack, checks: Checks) -> None:
    """`rollcall --stack … link`, which the guard asks for before the first cut; a worker runs it."""
    exit_code, said, why = stack.operators.rollcall("link")
    checks.that("`rollcall link` links everybody, by a worker", exit_code == 0, (exit_code, said, why))


def approved(stack: Stack, checks: Checks) -> None:
    """Somebody whom the configuration protects leaves: each stage waits for a decision, which `approve` signs and a worker takes."""
    world, operators = stack.world, stack.operators
    login, known = world.company.tells["protected"], stack.receipts()
    stack.leave(login)

    def waits(stage: str) -> tuple[str, ...]:
        """What is typed to approve the stage, as soon as it waits."""
        def look() -> tuple[str, ...] | None:
            exit_code, listed, why = operators.rollcall("reviews")
            assert exit_code == 0, why
            found = [one for one in listed["reviews"] if one["stage"] == stage]
            return ("reviews", "approve", found[0]["id"], found[0]["plan_hash"]) if found else None

        return until(look, 30, f"a review of the {stage}", pause=0.5)

    cut = waits("cut")
    checks.that("nothing is cut before somebody decides", bool(world.company.signed_in(login)))
    exit_code, _, why = operators.rollcall(*cut)
    checks.that("whoever has not the policy of approvers is refused by AWS", exit_code == 1 and "execute-api:Invoke" in why, why)
    exit_code, said, why = operators.rollcall(*cut, who="ines")
    checks.that("an approval signed by KMS is accepted by a worker", exit_code == 0, (exit_code, said, why))
    dismantle = waits("dismantle")
    left = world.company.signed_in(login)
    checks.that("approved, the cut is carried out, and no more", not left and not stack.receipts() - known, left)
    exit_code, _, why = operators.rollcall(*cut, who="ines")
    checks.that("a second decision is refused", exit_code == 1 and bool(why), (exit_code, why))
    exit_code, said, why = operators.rollcall(*dismantle, who="ines")
    checks.that("the next stage is approved by itself", exit_code == 0, (exit_code, said, why))
    new = stack.receipt_after(known, 30)
    checks.that("and ends with one receipt", len(new) == 1, new)


def forgotten(stack: Stack, checks: Checks) -> None:
    """The first leaver is forgotten: a worker goes over ledger and files, `seal` signs the statement, and their receipt still verifies."""
    world, login = stack.world, stack.world.company.leaver
    key, known = public_key(stack, world.folder), stack.receipts()
    exit_code, looked, why = stack.operators.rollcall("forget", login)
    checks.that("forgetting says first what could still be taken back", exit_code == 1 and "--even-undo" in str(looked) + why, (looked, why))
    exit_code, said, why = stack.operators.rollcall("forget", login, "--even-undo", "--yes")
    checks.that("`forget --yes` forgets them", exit_code == 0, (exit_code, said, why))
    new = sorted(stack.receipts() - known)
    checks.that("one statement is in the bucket", len(new) == 1 and "forgotten-fg_" in new[0], new)
    if exit_code or not new:
        return
    runs = [one["run"] for one in said["forgotten"]["runs"]]
    for name in [*new, *(f"receipts/{run}.json" for run in runs)]:
        verified = verify(stack.s3.get_object(Bucket=stack.bucket, Key=name)["Body"].read(), key, world.folder)
        checks.that(f"{name.split('/')[1][:14]}… verifies under the receipt key", verified.get("valid") is True, verified.get("fault"))
    checks.that("of each run one receipt is about them", len(runs) == 1, runs)
    named = [f"{item['pk']['S']} {item['sk']['S']}" for item in stack.items() if login in json.dumps(item)]
    pages = stack.s3.get_paginator("list_object_versions").paginate(Bucket=stack.bucket)
    for one in (version for page in pages for version in page.get("Versions", [])):
        # Configurations are the company's own.
        if not one["Key"].startswith("configurations/"):
            body = stack.s3.get_object(Bucket=stack.bucket, Key=one["Key"], VersionId=one["VersionId"])["Body"].read()
            named += [one["Key"]] * (login.encode() in body)
    checks.that("nothing in the table and no version of a file names them", not named, named)
    # Orgs give the same ids: what is somebody else's in another stays.
    others = [item for item in stack.items() if item["pk"]["S"] not in [f"RUN#{run}" for run in runs]]
    lost = [f"{item['pk']['S']} {item['sk']['S']}" for item in others if '"id":"(forgotten)"' in item.get("body", {}).get("S", "")]
    checks.that("nobody else's account lost its id", not lost, lost)


def together(stack: Stack, checks: Checks) -> None:
    """Two workers get the same leaver at the same moment, by direct invocation."""
    company = stack.world.company
    login = company.hire()
    stack.serving(False)
    try:
        stack.leave(login)
        bodies = until(lambda: stack.take("urgent"), 20, "a message")
        counted, known = company.do("counters"), stack.receipts()
        company.do("calls")
        company.do("delay", ms=60)
        event, results = stack.event(bodies), []
        # Clients are made before, so that both calls leave together.
        clients = [stack.world.client("lambda") for _ in range(2)]

        def call(client) -> None:
            answer = client.invoke(FunctionName=stack.functions["worker"], Payload=json.dumps(event).encode())
            results.append(("FunctionError" not in answer, json.loads(answer["Payload"].read())))

        threads = [threading.Thread(target=call, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        calls = company.do("calls")
    finally:
        company.do("delay", ms=0)
        stack.serving(True)
    checks.that("both workers ended well", len(results) == 2 and all(well for well, _ in results), results)
    stack.receipt_after(known, 60)
    left = company.signed_in(login)
    checks.that("everything is cut", not left, left)
    once(checks, company.do("counters"), counted)
    writers = {}
    for one in calls:
        # Tokens are asked for by POST too, by whoever needs one; that changes nothing of a person's.
        if one["method"] != "GET" and "token" not in one["path"].split("?")[0].rsplit("/", 2)[-2:] and one["by"]:
            writers.setdefault(one["connection"], set()).add(one["by"])
    both = {connection: sorted(who) for connection, who in writers.items() if len(who) > 1}
    checks.that("in each system only one of the two changed anything", bool(writers) and not both, both or "nobody changed anything")
    print(f"  {len(calls)} calls to vendors; changes by {({name: len(who) for name, who in writers.items()})} workers", flush=True)
