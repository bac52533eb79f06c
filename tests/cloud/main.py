"""Runs the parts; see tests/cloud/run."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time

import cost
import journey
import permissions
from check import Checks
from deploy import Stack
from steps import Steps
from world import World

PARTS = ("journey", "permissions", "dynamodb", "cost")


def stop(*_) -> None:
    """Ends as after Ctrl-C, so that everything that was started is ended too."""
    raise KeyboardInterrupt


def one_stack(checks: Checks, parts: set[str]) -> None:
    """What is tried on one stack, in an order in which nothing spoils what comes after."""
    with World(estate=True) as world:
        with checks.part("deploy"):
            stack = Stack(world)
            began = int(time.time() * 1000)
        if checks.failed:
            return
        if "journey" in parts:
            with checks.part("the leaver, as deployed"):
                journey.as_deployed(stack, checks)
            with checks.part("two workers at the same moment"):
                journey.together(stack, checks)
            with checks.part("a worker is killed"):
                journey.killed(stack, checks)
            with checks.part("a poison message"):
                journey.poison(stack, checks)
            with checks.part("the clock"):
                journey.ticking(stack, checks, began)
        if "permissions" in parts:
            with checks.part("no permission is spare"):
                runs = [run for run in stack.runs() if journey.state_of(run) in journey.SETTLED]
                if not runs:
                    journey.story(stack, checks, world.company.leaver)
                    runs = stack.runs()
                permissions.table(stack, checks, Steps(stack, runs[0]["id"]).all())


def on_dynamodb_local(checks: Checks) -> None:
    """The same leaver with the table on Amazon's own DynamoDB Local."""
    with World(estate=True, dynamodb_local=True) as world:
        with checks.part("the leaver, with the table on DynamoDB Local"):
            stack = Stack(world)
            table = stack.on_dynamodb_local()
            journey.story(stack, checks, world.company.leaver, table)
            checks.that("the local AWS's own table stays empty", not stack.items(), "there are items in it")


def main() -> int:
    signal.signal(signal.SIGTERM, stop)
    parser = argparse.ArgumentParser(prog="tests/cloud/run")
    parser.add_argument("what", nargs="?", choices=["cost"])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=["journey", "permissions", "dynamodb"])
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    parts = {"cost"} if options.what else set(options.only)
    checks = Checks()
    if parts & {"journey", "permissions"}:
        one_stack(checks, parts)
    if "dynamodb" in parts:
        on_dynamodb_local(checks)
    if "cost" in parts:
        with checks.part("what it costs"):
            cost.count(checks, options.write)
    return checks.say()


if __name__ == "__main__":
    sys.exit(main())
