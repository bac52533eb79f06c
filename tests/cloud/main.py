"""Runs the parts; see tests/cloud/run."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time

import cost
import crowd
import journey
import kills
import permissions
from check import Checks
from deploy import Stack
from steps import Bench, every
from world import World

PARTS = ("journey", "kills", "permissions", "dynamodb", "crowd", "cost")
USUAL = ["journey", "kills", "permissions", "dynamodb"]
# Leavers whose worker is killed: in the short form, and in the long one.
KILLS = (4, 200)
# So many leave at once, in the long form.
CROWD = 50


def stop(*_) -> None:
    """Ends as after Ctrl-C, so that everything that was started is ended too."""
    raise KeyboardInterrupt


def one_stack(checks: Checks, parts: set[str], runs: int, seed: int, many: int) -> None:
    """What is tried on one stack, in an order in which nothing spoils what comes after."""
    with World(estate=True, dynamodb_local="dynamodb" in parts) as world:
        with checks.part("deploy"):
            stack = Stack(world)
            began = int(time.time() * 1000)
        if checks.failed:
            return
        if "journey" not in parts:
            journey.linked(stack, checks)
        if "journey" in parts:
            with checks.part("the leaver, as deployed", stack.trouble):
                journey.as_deployed(stack, checks)
            with checks.part("two workers at the same moment", stack.trouble):
                journey.together(stack, checks)
            with checks.part("a worker is killed", stack.trouble):
                journey.killed(stack, checks)
            with checks.part("a poison message", stack.trouble):
                journey.poison(stack, checks)
            with checks.part("a review, approved", stack.trouble):
                journey.approved(stack, checks)
            with checks.part("the clock", stack.trouble):
                journey.ticking(stack, checks, began)
            with checks.part("somebody is forgotten", stack.trouble):
                journey.forgotten(stack, checks)
        if "kills" in parts:
            with checks.part(f"workers of {runs} leavers are killed", stack.trouble):
                kills.often(stack, checks, runs, seed)
        if "crowd" in parts:
            with checks.part(f"{many} leave at once", stack.trouble):
                crowd.at_once(stack, checks, many)
        if "permissions" in parts:
            with checks.part("no permission is spare", stack.trouble):
                if not any(run.get("receipt") for run in stack.runs()):
                    journey.story(stack, checks, world.company.hire())
                # Of whoever was forgotten nothing is watched any more.
                runs = sorted((run for run in stack.runs() if run.get("receipt") and run["plan"]["subject"]["id"] != "forgotten"), key=lambda run: run["id"])
                permissions.table(stack, checks, every(Bench(stack, runs[0]["id"])))
        if "dynamodb" in parts:
            with checks.part("a leaver, with the table on Amazon's DynamoDB Local", stack.trouble):
                there = stack.on_dynamodb_local()
                here = len(stack.items())
                journey.linked(stack, checks)
                journey.story(stack, checks, world.company.hire(), there)
                checks.that("nothing went to the local AWS's own table", len(stack.items()) == here)


def main() -> int:
    signal.signal(signal.SIGTERM, stop)
    full = bool(os.environ.get("ROLLCALL_FULL"))
    parser = argparse.ArgumentParser(prog="tests/cloud/run")
    parser.add_argument("what", nargs="?", choices=["cost"])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=[*USUAL, "crowd"] if full else USUAL)
    parser.add_argument("--kills", type=int, default=KILLS[full], metavar="RUNS")
    parser.add_argument("--crowd", type=int, default=CROWD, metavar="LEAVERS")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    parts = {"cost"} if options.what else set(options.only)
    checks = Checks()
    if parts != {"cost"}:
        one_stack(checks, parts, options.kills, options.seed, options.crowd)
    if "cost" in parts:
        with checks.part("what it costs"):
            cost.count(checks, options.write)
    return checks.say()


if __name__ == "__main__":
    sys.exit(main())
