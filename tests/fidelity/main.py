"""Fidelity: what goes between us and the simulated Okta fits Okta's OpenAPI document, and official clients reach every endpoint that
the simulators have. See tests/fidelity/run.

Three worlds stand side by side, each behind a gate of its own: Rollcall's, and one for each of Okta's clients.
"""

import collections
import concurrent.futures
import json
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import coverage
import planted
import story
from gate import Document, Gate
from judge import Judge
from check import Checks
from processes import ROOT, TOOLS, target
from vendors import Vendors

PYTHON = [TOOLS / "venv/bin/python", "-B"]
OKTA = ("okta_check.py", "okta_check.mjs")
OTHERS = ("onelogin_check.py", "salesforce_check.py", "slack_check.py")
CLIENTS = {name: [*PYTHON, ROOT / "tests/clients" / name] for name in (OKTA[0], *OTHERS)} | {
    OKTA[1]: ["node", ROOT / "tests/clients" / OKTA[1], TOOLS / "fidelity"]}


def client(name, folder, gate=None):
    """One check against simulators of its own, which write down what they were asked: exit code, and what it said."""
    vendors = Vendors(target() / "debug/simulators", "--record", folder / f"{name}.calls", *(("--okta-url", gate.url) if gate else ()))
    try:
        if gate:
            gate.lead_to(vendors.tells["okta"]["behind"])
        done = subprocess.run([*CLIENTS[name], json.dumps(vendors.tells)], capture_output=True, text=True, timeout=300)
        return done.returncode, done.stderr + done.stdout
    finally:
        vendors.close()


def gated(name, folder):
    """The same with its Okta behind a gate: also the exchanges."""
    gate = Gate(folder, name)
    try:
        return *client(name, folder, gate), gate.exchanges()
    finally:
        gate.close()


def judge_all(worlds, checks):
    """What the gates found, beside the exceptions."""
    document, judge = Document(), Judge()
    operations = collections.Counter()
    for name, exchanges in worlds.items():
        troubled = [f"{one.method} {one.path}: {one.trouble}" for one in exchanges if one.trouble]
        checks.that(f"{name}: every call was judged", exchanges and not troubled, troubled[:3])
        for one in exchanges:
            operations[document.operation(one.method, one.path)] += 1
        wrong = collections.Counter(str(one) for one in judge.findings(exchanges, document) if not judge.excepted(one))
        checks.that(f"{name}: {len(exchanges)} calls and their answers fit the document", not wrong,
                    "\n      ".join(f"{times} times {text}" for text, times in wrong.most_common(20)))
    operations.pop(None, None)
    never = sorted(document.operations() - operations.keys())
    checks.that(f"{len(operations)} operations of the document were asked", not never, f"never: {never}")
    unused = judge.unused()
    checks.that("every exception is needed", not unused, [(one["of"], one["at"], one["why"][:60]) for one in unused])
    for times, one in judge.used():
        print(f"      excepted {times} times: {', '.join(one['of'])}: {one['why']}")


def main():
    # Ended by a signal, everything that was started is ended, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="rollcall-fidelity-") as folder, concurrent.futures.ThreadPoolExecutor() as pool:
        folder = Path(folder)
        plants = pool.submit(planted.look, folder)
        clients = {name: pool.submit(gated, name, folder) for name in OKTA}
        others = {name: pool.submit(client, name, folder) for name in OTHERS}
        own, url = story.tell(folder, checks)
        story.complete(own, checks)
        story.on_the_wire(own, url, checks)
        worlds = {"Rollcall": own}
        for name, running in (clients | others).items():
            code, said, *exchanges = running.result()
            worlds |= {name: one for one in exchanges}
            counted = re.search(r"\d+ passed, \d+ failed\s*$", said)
            # In the form that tests/run adds up.
            print(f"      {name}: {counted[0].strip() if counted else 'no result'}")
            checks.that(f"{name} agrees with its simulator", code == 0 and counted, said[-3000:])
        planted.check(plants.result(), checks)
        judge_all(worlds, checks)
        calls = [folder / f"{name}.calls" for name in CLIENTS]
        planted.reach(folder, calls, checks)
        coverage.check(calls, checks)
        coverage.tell_excuses()
    sys.exit(checks.say())


if __name__ == "__main__":
    main()
