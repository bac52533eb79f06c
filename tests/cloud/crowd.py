"""Many leave at the same moment, as deployed: how many a second are cut, and how long each of them kept access.

The figures are the emulator's, which starts workers and polls queues in its own way, on the cores that it shares with the simulated
vendors. What holds anywhere is that everybody is cut, once, with a receipt.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from check import Checks, until
from deploy import Stack
from figures import nth
from journey import BARRED

# So many hooks are on their way to the door at the same time.
SENDERS = 25


def at_once(stack: Stack, checks: Checks, number: int) -> None:
    """So many leave."""
    company = stack.world.company
    logins = [company.hire() for _ in range(number)]
    known, counted = stack.receipts(), company.do("counters")
    # What Okta would send is made beforehand: nobody waits for the simulator here.
    hooks, sent = {login: company.do("leave", login=login) for login in logins}, {}

    def leave(login: str) -> None:
        sent[login] = time.time_ns() // 1000
        answers = [stack.call("POST", "/okta", hook["headers"], hook["body"].encode())[0] for hook in hooks[login]]
        assert set(answers) == {200}, f"the door answered {answers}"

    with ThreadPoolExecutor(SENDERS) as senders:
        list(senders.map(leave, logins))
    cut: dict[str, dict[str, int]] = {}

    def everybody() -> bool:
        cut.update(company.do("cuts"))
        return set(logins) <= cut.keys()

    until(everybody, 120 + 5 * number, "everybody cut", pause=0.2)
    last = {login: max(cut[login].values()) for login in logins}
    took = sorted((last[login] - sent[login]) / 1000 for login in logins)
    seconds = (max(last.values()) - min(sent.values())) / 1e6
    until(lambda: len(stack.receipts() - known) >= number and not stack.depth("urgent"), 120 + 5 * number, "their receipts", pause=1)
    print(f"  | {number} leavers at once, as deployed on a local AWS (an emulator) | {number / seconds:.1f} a second; hook → cut p50 "
          f"{nth(took, 50):,.0f} ms, p99 {nth(took, 99):,.0f} ms |", flush=True)
    left = {login: ways for login in logins if (ways := company.signed_in(login))}
    checks.that(f"{number} who left at once can enter nothing any more", not left, left)
    checks.that("each has one receipt", len(stack.receipts() - known) == number, len(stack.receipts() - known))
    now = company.do("counters")
    often = {connection: now[connection].get(effect, 0) - counted[connection].get(effect, 0) for connection, effect in BARRED.items()}
    checks.that("each account was barred once", set(often.values()) == {number}, often)
