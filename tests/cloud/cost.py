"""What a stack costs: counted requests of an as-deployed run times infra/prices.json.

What is counted: every request of a function to AWS (the relay), every invocation with its duration and memory (the REPORT lines),
every byte of log, every request to the API, every message. What is reckoned, because the local AWS does it inside: Lambda's
polling of queues. Vendors answer after `VENDOR_MS`; durations are of this machine otherwise.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field

import journey
from check import Checks, until
from deploy import Stack
from proxy import Asked, write_units
from hooks import okta_body
from processes import ROOT
from world import World

PAGE = ROOT / "docs/reference/cost.md"
VENDOR_MS = 200
HOURS = 730
# Lambda polls an idle queue with five pollers, each of which asks every twenty seconds (Lambda Developer Guide, "Using Lambda with
# Amazon SQS", polling behaviour; SQS Developer Guide, long polling).
IDLE_RECEIVES = 5 * 3 * 60 * HOURS
# What CloudWatch adds to each log event (CloudWatch Logs User Guide, PutLogEvents).
EVENT_OVERHEAD = 26
REPORT = re.compile(r"Billed Duration: ([\d.]+) ms\tMemory Size: (\d+) MB")
TICKS = 5
SIGN_INS = 100
LEAVERS = 10


@dataclass
class Usage:
    """Units by the name of their price."""

    units: Counter = field(default_factory=Counter)
    requests: Counter = field(default_factory=Counter)
    # Write units if each item that is left in the table had been written once and alone; only of leavers.
    least: float = 0.0

    def cost(self, prices: dict) -> dict[str, float]:
        return {name: count * prices[name]["price"] / prices[name]["per"] for name, count in self.units.items() if count}

    def times(self, factor: float) -> Usage:
        return Usage(Counter({name: count * factor for name, count in self.units.items()}),
                     Counter({name: count * factor for name, count in self.requests.items()}), self.least * factor)


class Meter:
    """Counts what happens on a stack between two moments."""

    def __init__(self, stack: Stack):
        self.stack = stack
        self.names = {stack.key_of(kind): kind for kind in stack.functions}
        self.take()

    def take(self) -> tuple[list[Asked], dict[str, list[str]]]:
        """What was asked and logged since the last time."""
        lines = self.stack.log_lines()
        seen = getattr(self, "_seen", {})
        new = {group: all_[len(seen.get(group, [])):] for group, all_ in lines.items()}
        self._seen = lines
        return self.stack.world.relay.take(), new

    def usage(self, hooks: int = 0) -> Usage:
        """The units of everything since the last time; `hooks` requests came to the API."""
        asked, lines = self.take()
        usage = Usage()
        units = usage.units
        units["http_api_request"] += hooks
        for one in asked:
            usage.requests[f"{self.names.get(one.key, '?')} {one.service}:{one.operation}"] += 1
            units["dynamodb_write_unit"] += one.writes
            units["dynamodb_read_unit"] += one.reads
            if one.service == "sqs":
                units["sqs_request"] += 1
                if one.operation.startswith("SendMessage"):
                    # Each message is received and deleted once by Lambda's pollers, alone at worst.
                    units["sqs_request"] += 2 * one.messages
            elif one.service == "s3" and not one.operation.startswith("Delete"):
                units["s3_get" if one.operation in ("GetObject", "HeadObject") else "s3_put"] += 1
            elif one.service == "kms":
                units["kms_asymmetric_request"] += 1
        for group in lines.values():
            units["logs_ingested"] += sum(len(line.encode()) + EVENT_OVERHEAD for line in group) / 1e9
            for line in group:
                if found := REPORT.search(line):
                    units["lambda_request"] += 1
                    units["lambda_gb_second_arm64"] += float(found[1]) / 1000 * int(found[2]) / 1024
        return usage


def at_rest(stack: Stack, meter: Meter, series: int) -> Usage:
    """A month in which nothing happens."""
    stack.invoke("clock", {})
    meter.take()
    for _ in range(TICKS):
        stack.invoke("clock", {})
    usage = meter.usage().times(60 * HOURS / TICKS)
    units = usage.units
    units["scheduler_invocation"] = 60 * HOURS
    units["sqs_request"] += 3 * IDLE_RECEIVES
    units["kms_key"] = len(stack.physical("AWS::KMS::Key"))
    units["alarm_metric"] = len(stack.physical("AWS::CloudWatch::Alarm"))
    units["dashboard"] = len(stack.physical("AWS::CloudWatch::Dashboard"))
    units["custom_metric"] = series
    return usage


def series_of(lines: dict[str, list[str]]) -> int:
    """Different series of metrics in the logs: each name with each set of dimensions' values."""
    found = set()
    for line in (line for group in lines.values() for line in group if '"_aws"' in line):
        entry = json.loads(line)
        for directive in entry["_aws"]["CloudWatchMetrics"]:
            for names in directive["Dimensions"]:
                values = tuple(sorted((name, str(entry.get(name))) for name in names))
                found |= {(metric["Name"], values) for metric in directive["Metrics"]}
    return len(found)


def leavers(stack: Stack, meter: Meter, how_many: int) -> Usage:
    """So many people leave at the same time; the usage of one of them, and a month of what is kept of them."""
    company = stack.world.company
    logins = [company.hire() for _ in range(how_many)]
    known, before, there = stack.receipts(), stored(stack), keys(stack.items())
    meter.take()
    hooks = sum(len(stack.leave(login)) for login in logins)
    until(lambda: len(stack.receipts() - known) == how_many, 60 + 30 * how_many, "their receipts", pause=1)
    until(lambda: not any(stack.depth(lane) for lane in ("urgent", "work")), 60, "empty queues", pause=1)
    usage = meter.usage(hooks)
    table, bucket = (after - old for after, old in zip(stored(stack), before))
    for name in ("dynamodb_storage", "dynamodb_pitr"):
        usage.units[name] = table / 1e9
    usage.units["s3_storage"] = bucket / 1e9
    usage.least = sum(write_units({"Item": item}) for key, item in keys(stack.items()).items() if key not in there)
    return usage.times(1 / how_many)


def keys(items: list[dict]) -> dict[tuple[str, str], dict]:
    """Items of the table by their key."""
    return {(item["pk"]["S"], item["sk"]["S"]): item for item in items}


def stored(stack: Stack) -> tuple[int, int]:
    """Bytes in the table and in the bucket."""
    table = sum(len(json.dumps(item)) for item in stack.items())
    pages = stack.s3.get_paginator("list_objects_v2").paginate(Bucket=stack.bucket)
    return table, sum(row["Size"] for page in pages for row in page.get("Contents", []))


def sign_ins(stack: Stack, meter: Meter) -> Usage:
    """Sign-in events that start nothing, each in a delivery of its own; the usage of one."""
    headers = {"content-type": "application/json",
               "authorization": stack.world.company.tenants["okta-main"]["hook_secret"]}
    stack.call("POST", "/okta", headers, okta_body("user.session.start"))
    until(lambda: not stack.depth("bulk"), 30, "an empty queue")
    meter.take()
    # Each somebody else: a hundred of one person at once would wait for each other, which is nobody's day.
    for number in range(SIGN_INS):
        stack.call("POST", "/okta", headers, okta_body("user.session.start", number=100 + number))
    until(lambda: not stack.depth("bulk"), 120, "an empty queue", pause=0.5)
    return meter.usage(SIGN_INS).times(1 / SIGN_INS)


def section(title: str, usage: Usage, prices: dict) -> list[str]:
    """One table, dearest first."""
    cost = usage.cost(prices)
    lines = [f"## {title}", "", "| what | units | USD |", "|---|---|---|"]
    for name, usd in sorted(cost.items(), key=lambda pair: -pair[1]):
        if usd >= 0.005 * sum(cost.values()):
            lines.append(f"| {name.replace('_', ' ')} | {usage.units[name]:,.2f} {prices[name]['unit']} | {usd:,.2f} |")
    small = sum(usd for usd in cost.values() if usd < 0.005 * sum(cost.values()))
    if small:
        lines.append(f"| everything else | | {small:,.2f} |")
    return [*lines, f"| **sum** | | **{sum(cost.values()):,.2f}** |", ""]


def page(prices: dict, rest: Usage, one: Usage, ten: Usage, sign_in: Usage) -> str:
    """docs/reference/cost.md."""
    table = prices["prices"]
    unverified = sorted(name.replace("_", " ") for name, price in table.items() if price["checked"] == "not verified")
    lines = [
        "# What it costs", "",
        "Generated by `tests/cloud/run cost --write`: the requests that a stack made in a local AWS, as deployed, times the list "
        f"prices of {prices['region']} of {prices['date']} in [prices.json](../../infra/prices.json), arm64, without free tiers. "
        f"Vendors answered after {VENDOR_MS} ms; durations are otherwise those of the machine that counted. The vendors' own prices, traffic and taxes are not in it. Not verified on any "
        f"page: {', '.join(unverified)}.", "",
        "Polling of idle queues is reckoned (five pollers a queue, one request each in 20 seconds); everything else is counted.", "",
        *section("At rest, a month", rest, table),
        *section("1,000 leavers", ten.times(1000), table),
        f"Two directories, two orgs with a few records each, cut and dismantled. {LEAVERS} left at the same time; somebody who "
        f"leaves alone costs {sum(one.cost(table).values()) / sum(ten.cost(table).values()):.2f} times as much. A thousand records "
        "to hand over cost more calls to the vendor and seconds of a worker, and next to nothing else.", "",
        f"Of the write units of one of them {ten.least:,.0f} are the least possible: each item that is left in the table, written once and "
        f"alone. There are {ten.units['dynamodb_write_unit'] / ten.least:.1f} times as many, because what belongs together is written in "
        "transactions, which count twice, and a run, its journal's end and its inbox are written again with each step.", "",
        "What one of them asks of AWS:", "", "| function and operation | times |", "|---|---|",
        *[f"| {name} | {count:,.1f} |" for name, count in ten.requests.most_common(12)], "",
        *section("1,000,000 sign-in events", sign_in.times(1e6), table),
        "Events that concern no playbook, each in a hook delivery of its own. Subscribe a hook only to what playbooks use: Okta "
        "sends sign-ins only when asked to.", "",
    ]
    return "\n".join(lines)


def count(checks: Checks, write: bool) -> None:
    """Counts, prints, and writes the page when told so."""
    prices = json.loads((ROOT / "infra/prices.json").read_text())
    with World(estate=True) as world:
        stack = Stack(world)
        journey.linked(stack, checks)
        meter = Meter(stack)
        world.company.do("delay", ms=VENDOR_MS)
        leavers(stack, meter, 1)
        one, ten = leavers(stack, meter, 1), leavers(stack, meter, LEAVERS)
        sign_in = sign_ins(stack, meter)
        rest = at_rest(stack, meter, series_of(stack.log_lines()))
    for name, usage in (("at rest", rest), ("a leaver", ten), ("a sign-in", sign_in)):
        checks.that(f"{name} was counted", usage.units["lambda_request"] > 0 and sum(usage.cost(prices["prices"]).values()) > 0,
                    usage.units)
    checks.that("a leaver was sealed by KMS", ten.units["kms_asymmetric_request"] >= 1, ten.units)
    checks.that("no fewer units were counted than the least possible", 0 < ten.least <= ten.units["dynamodb_write_unit"], ten.least)
    checks.that("an ignored sign-in starts no run and asks no vendor", sign_in.units["kms_asymmetric_request"] == 0, sign_in.units)
    text = page(prices, rest, one, ten, sign_in)
    print(text, flush=True)
    if write:
        PAGE.write_text(text)
