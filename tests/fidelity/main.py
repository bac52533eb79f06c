"""Fidelity: what goes between us and the simulated Okta fits Okta's OpenAPI document, and official clients reach every endpoint that
the simulators have. See tests/fidelity/run.

Three worlds stand side by side, each behind a gate of its own: Rollcall's, and one for each of Okta's clients.
"""

import argparse
import collections
import concurrent.futures
import json
import subprocess
import tempfile
from pathlib import Path

import coverage
import planted
import story
from gate import Document, Gate
from judge import Judge
from tools import ROOT, TOOLS, Checks, Vendors

CLIENTS = {
    "okta_check.py": [TOOLS / "venv/bin/python", "-B", ROOT / "tests/clients/okta_check.py"],
    "okta_check.mjs": ["node", ROOT / "tests/clients/okta_check.mjs", TOOLS / "fidelity"],
}


def client(name, folder, gated, record):
    """One of Okta's clients against simulators of its own: exit code, what it said, and the exchanges at the gate, if there is one."""
    gate = Gate(folder, name) if gated else None
    vendors = Vendors("simulators", "--record", record, *(("--okta-url", gate.url) if gate else ()))
    try:
        if gate:
            gate.lead_to(vendors.tells["okta"]["behind"])
        done = subprocess.run([*CLIENTS[name], json.dumps(vendors.tells)], capture_output=True, text=True, timeout=300)
        return done.returncode, done.stdout + done.stderr, gate.exchanges() if gate else []
    finally:
        vendors.close()
        if gate:
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
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("records", nargs="*", type=Path, help="what the simulators wrote down while other clients asked them")
    records = arguments.parse_args().records
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="rollcall-fidelity-") as folder, concurrent.futures.ThreadPoolExecutor() as pool:
        folder = Path(folder)
        plants = pool.submit(planted.look, folder)
        clients = {name: pool.submit(client, name, folder, True, folder / f"{name}.calls") for name in CLIENTS}
        own, url = story.tell(folder, checks)
        story.complete(own, checks)
        story.on_the_wire(own, url, checks)
        worlds = {"Rollcall": own}
        for name, running in clients.items():
            code, said, worlds[name] = running.result()
            checks.that(f"{name} agrees through the gate", code == 0, said[-3000:])
        planted.check(plants.result(), checks)
        judge_all(worlds, checks)
        if records:
            coverage.check([*records, *(folder / f"{name}.calls" for name in CLIENTS)], checks)
    checks.finish()


if __name__ == "__main__":
    main()
