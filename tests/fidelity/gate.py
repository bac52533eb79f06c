"""The gate before the simulated Okta (`gate.mjs`) as a process, and what went through it.

The gate's address is the one that the simulator tells everybody (`--okta-url`), so that what is signed for an address (`aud`, `htu`)
is right, and that the links of a list lead through the gate too.
"""

import json
import re
import subprocess
from urllib.parse import urlsplit

from processes import TOOLS, end
from tools import DOCUMENT, HERE

METHODS = {"get", "post", "put", "patch", "delete"}


class Exchange:
    """One call as it went through."""

    def __init__(self, line):
        self.method, self.status, self.by = line["method"], line["status"], line["by"]
        self.path, self.query = urlsplit(line["target"]).path, urlsplit(line["target"]).query
        self.violations, self.links, self.dpop, self.trouble = line["violations"], line["links"], line["dpop"], line.get("trouble")


class Gate:
    """To be opened before the simulator starts, as that must know the address; then `lead_to` where it is."""

    def __init__(self, folder, name, document=DOCUMENT):
        self._record = folder / f"{name}.jsonl"
        self._log = open(folder / f"{name}.log", "wb")
        self._process = subprocess.Popen(
            ["node", HERE / "gate.mjs", TOOLS / "fidelity", document, self._record],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the gate did not open:\n{(folder / f'{name}.log').read_text(errors='replace')[-2000:]}")
        self.url = json.loads(line)["url"]

    def lead_to(self, behind):
        """Says where the simulator is. Calls wait at the gate until then."""
        self._process.stdin.write(behind + "\n")
        self._process.stdin.flush()

    def exchanges(self):
        return [Exchange(json.loads(line)) for line in self._record.read_text().splitlines()]

    def close(self):
        self._process.stdin.close()
        end(self._process)
        self._log.close()


class Document:
    """The operations of the OpenAPI document."""

    def __init__(self, path=DOCUMENT):
        with open(path) as file:
            self._paths = json.load(file)["paths"]
        self._shapes = [(re.compile(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(path)) + "$"), path) for path in self._paths]

    def operation(self, method, path):
        """Method and path of the operation that a call is, the one with the fewest parts left open, or None."""
        fitting = [template for shape, template in self._shapes
                   if shape.match(path) and method.lower() in self._paths[template]]
        return f"{method} {min(fitting, key=lambda template: template.count('{'))}" if fitting else None

    def operations(self):
        return {f"{method.upper()} {path}" for path, item in self._paths.items() for method in item if method in METHODS}
