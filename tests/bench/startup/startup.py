"""Measures how long a hook function takes from the start of its process to its first acknowledged event.

The table has three handlers that do the same: fetch the hook's secret, take one event from the Runtime API, verify its header, send
its elements to their queue over TLS, answer 200. A fresh process each time; the time ends when the answer reaches the Runtime API,
and counts only if the queue had everything before.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import signal
import ssl
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from cloud import PARAMETER, SECRET, Cloud, hook_event
from quota import Group, Signals, available

HERE = Path(__file__).resolve().parent
#: What 128 MB get: a function has one vCPU at 1,769 MB (AWS Lambda Developer Guide, "Configure Lambda function memory").
SHARE = 0.07
#: The kernel's own period, in microseconds.
PERIOD = 100_000
#: No start may take longer, in seconds.
PATIENCE = 120


@dataclass(frozen=True)
class Handler:
    name: str
    command: list[str]
    #: What makes it trust our authority besides its usual ones.
    trust: dict[str, str]


@dataclass(frozen=True)
class Case:
    name: str
    #: The share of one CPU until the function asks for its event, and from then on; all of it when there is none.
    init: float | None
    rest: float | None
    runs: int


@dataclass(frozen=True)
class Run:
    """Milliseconds."""

    asked: float
    total: float
    cpu: float


def main() -> int:
    options = arguments()
    throttle = available()
    kind = throttle.kind if throttle is Signals else measure_group(throttle)
    handlers = [handler for handler in all_handlers(options) if not options.only or handler.name in options.only]
    cases = [
        Case("full CPU", None, None, options.runs),
        Case("7 % CPU", SHARE, SHARE, options.slow_runs),
        Case("init at full CPU, then 7 %", None, SHARE, options.slow_runs),
    ]
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(options.work / "server.pem", options.work / "server.key")
    tls.set_alpn_protocols(["http/1.1"])
    body = (HERE.parent.parent / "fixtures/payloads/okta/01-user-lifecycle-deactivate.json").read_text()

    own = throttle("own")
    own.add(os.getpid()) if isinstance(own, Group) else None
    measured: dict[tuple[str, str], list[Run]] = {}
    load = []
    try:
        for case in cases:
            # One handler after the other in each round, so that all see the same machine.
            for _ in range(case.runs):
                for handler in handlers:
                    measured.setdefault((handler.name, case.name), []).append(one(handler, case, throttle, tls, body, options.verbose))
                load.append(os.getloadavg()[0])
            print(f"{case.name}: done", file=sys.stderr, flush=True)
    finally:
        if isinstance(own, Group):
            (own.path.parent / "cgroup.procs").write_text(str(os.getpid()))
        own.close()
    report(handlers, cases, measured, kind, statistics.median(load))
    return 0


def measure_group(throttle: type[Group]) -> str:
    group = throttle("kind")
    group.close()
    return group.kind


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--door", type=Path, required=True, help="the packaged bootstrap of okta-hook")
    parser.add_argument("--node", type=Path, required=True, help="folder of the installed Node peer")
    parser.add_argument("--python", type=Path, required=True, help="python of the installed Python peer")
    parser.add_argument("--work", type=Path, required=True, help="folder with ca.pem, bundle.pem, server.pem, server.key")
    parser.add_argument("--runs", type=int, default=40, help="starts at full CPU")
    parser.add_argument("--slow-runs", type=int, default=20, help="starts with the quota")
    parser.add_argument("--only", action="append", choices=["rust", "node", "python"], help="leave the others out")
    parser.add_argument("--verbose", action="store_true", help="print what the functions print")
    return parser.parse_args()


def all_handlers(options: argparse.Namespace) -> list[Handler]:
    bundle, authority = str(options.work / "bundle.pem"), str(options.work / "ca.pem")
    node = subprocess.run(["node", "-p", "process.execPath"], check=True, capture_output=True, text=True).stdout.strip()
    return [
        # All the system's authorities and ours, as a function on Lambda reads all of its system's.
        Handler("rust", [str(options.door.resolve())], {"SSL_CERT_FILE": bundle}),
        Handler("node", [node, str(options.node.resolve() / "hook.mjs")], {"NODE_EXTRA_CA_CERTS": authority}),
        Handler("python", [str(options.python.absolute()), str(HERE / "peers/python/hook.py")], {"AWS_CA_BUNDLE": bundle}),
    ]


def one(handler: Handler, case: Case, throttle: type[Group] | type[Signals], tls: ssl.SSLContext, body: str, verbose: bool) -> Run:
    """One start of one function."""
    group = throttle("function")
    changed = (lambda: group.limit(case.rest, PERIOD)) if case.rest != case.init else (lambda: None)
    cloud = Cloud(hook_event(body, SECRET), tls, changed)
    # A shell that waits for a line and becomes the function: the time starts with the line, when nothing but `exec` is left to do.
    shell = subprocess.Popen(
        ["/bin/sh", "-c", 'read -r _; exec "$@"', "sh", *handler.command],
        stdin=subprocess.PIPE,
        stdout=None if verbose else subprocess.DEVNULL,
        stderr=None if verbose else subprocess.DEVNULL,
        env=environment(cloud, handler),
    )
    try:
        group.add(shell.pid)
        time.sleep(0.05 + random.random() * 0.1)
        group.limit(case.init, PERIOD)
        started = time.perf_counter()
        shell.stdin.write(b"\n")
        shell.stdin.flush()
        while not cloud.done.wait(1):
            if shell.poll() is not None or time.perf_counter() - started > PATIENCE:
                raise SystemExit(f"{handler.name} did not answer; see with --verbose what it says. {cloud.seen}")
        cpu = cpu_of(shell.pid)
        verify(handler, cloud, body)
        seen = cloud.seen
        return Run((seen.asked_at - started) * 1000, (seen.answered_at - started) * 1000, cpu)
    finally:
        shell.send_signal(signal.SIGKILL)
        shell.wait()
        group.close()
        cloud.close()


def environment(cloud: Cloud, handler: Handler) -> dict[str, str]:
    """What Lambda sets, and what the template does (docs/reference): nothing else."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{cloud.runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": "hook",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/hook",
        "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_EXECUTION_ENV": "AWS_Lambda_rust",
        "AWS_REGION": "us-east-2",
        "AWS_DEFAULT_REGION": "us-east-2",
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "AWS_SESSION_TOKEN": "example",
        "AWS_ENDPOINT_URL_SQS": f"https://localhost:{cloud.sqs}",
        "AWS_ENDPOINT_URL_SSM": f"https://localhost:{cloud.ssm}",
        "ROLLCALL_STACK": "bench",
        "ROLLCALL_CONNECTION": "okta-main",
        "ROLLCALL_HOOK_SECRET": f"ssm:{PARAMETER}",
        "ROLLCALL_QUEUE_URGENT": cloud.queue("urgent"),
        "ROLLCALL_QUEUE_WORK": cloud.queue("work"),
        "ROLLCALL_QUEUE_BULK": cloud.queue("bulk"),
        "ROLLCALL_BUCKET": "bench",
        **handler.trust,
    }


def cpu_of(pid: int) -> float:
    """Processor time of all its threads so far, in milliseconds, from the scheduler's own clock."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1e6


def verify(handler: Handler, cloud: Cloud, body: str) -> None:
    """The start counts only if the function did its work."""
    seen = cloud.seen
    expected = json.loads(body)["data"]["events"]
    messages = [json.loads(message)["signal"] for message in seen.messages.get("urgent", [])]
    if (seen.answer or {}).get("statusCode") != 200:
        raise SystemExit(f"{handler.name} answered {seen.answer}")
    if [message["key"] for message in messages] != [f"okta-main:{event['uuid']}" for event in expected]:
        raise SystemExit(f"{handler.name} queued {messages}")
    if [json.loads(message["body"]["inline"]) for message in messages] != expected:
        raise SystemExit(f"{handler.name} changed what it queued")
    if seen.queued_at > seen.answered_at or "GetParameter" not in seen.calls or seen.handshakes < 2:
        raise SystemExit(f"{handler.name} left something out: {seen}")


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def report(handlers: list[Handler], cases: list[Case], measured: dict[tuple[str, str], list[Run]], kind: str, load: float) -> None:
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    print(f"{date.today()}, {platform.machine()}, {os.cpu_count()} × {model}, Linux {platform.release()}, load {load:.1f} by other work")
    print(f"quota: {kind}, {SHARE * PERIOD / 1000:.0f} ms of one CPU in each {PERIOD / 1000:.0f} ms\n")
    print("| case | handler | starts | to the first poll, median | to the answer, median | p95 | CPU time, median |")
    print("|---|---|---|---|---|---|---|")
    for case in cases:
        for handler in handlers:
            runs = measured[handler.name, case.name]
            asked, total, cpu = ([getattr(run, name) for run in runs] for name in ("asked", "total", "cpu"))
            figures = [statistics.median(asked), statistics.median(total), percentile(total, 0.95), statistics.median(cpu)]
            print(f"| {case.name} | {handler.name} | {len(runs)} | " + " | ".join(f"{figure:,.1f} ms" for figure in figures) + " |")


if __name__ == "__main__":
    sys.exit(main())
