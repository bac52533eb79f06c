"""Whether what the gate found is excepted, with a reason, in `exceptions.json`.

An exception names the side (`request` or `response`), the operation (`METHOD /path` as in the document, `*` for any), the place in
the body (`body.*.client.id`, where `*` stands for a place in a list; empty for what concerns the whole), the code of the rule, and
where it matters the status, what was found there (`null`, `string`, …) and a part of the message. One that nothing needs any more fails, too.
"""

import json
import re

from tools import HERE

EXCEPTIONS = HERE / "exceptions.json"


class Finding:
    """A violation with the call that it was found in."""

    def __init__(self, exchange, operation, violation):
        self.side, self.code, self.message = violation["side"], str(violation["code"]), violation["message"]
        self.found = violation["found"]
        self.at = ".".join("*" if part.isdigit() else part for part in violation["at"])
        self.operation = operation or f"{exchange.method} {exchange.path}"
        self.status, self.by = exchange.status, exchange.by

    def __str__(self):
        where, who = self.at or "the whole", self.by or "nobody named"
        return (f"{self.side} of {self.operation}, {self.status}, at {where}: {self.code}: {self.message}, "
                f"found: {self.found} (by {who})")


class Judge:
    def __init__(self, exceptions=None):
        self._exceptions = json.loads(EXCEPTIONS.read_text()) if exceptions is None else exceptions
        self._used = [0] * len(self._exceptions)

    def findings(self, exchanges, document):
        return [Finding(exchange, document.operation(exchange.method, exchange.path), violation)
                for exchange in exchanges for violation in exchange.violations]

    def excepted(self, finding):
        """Whether an exception fits; it counts as used."""
        fits = [place for place, one in enumerate(self._exceptions) if self._fits(one, finding)]
        for place in fits:
            self._used[place] += 1
        return bool(fits)

    @staticmethod
    def _fits(one, finding):
        return (one["side"] == finding.side and finding.at in one["at"] and finding.code in map(str, one["code"])
                and any(of in ("*", finding.operation) for of in one["of"])
                and finding.status in one.get("status", [finding.status]) and finding.found == one.get("found", finding.found)
                and re.search(one.get("says", ""), finding.message) is not None)

    def unused(self):
        return [one for one, times in zip(self._exceptions, self._used) if not times]

    def used(self):
        return [(times, one) for one, times in zip(self._exceptions, self._used) if times]
