"""Tests of the check itself: violations that somebody planted must be found, whole, and excuse nobody else."""

import json
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import coverage
from gate import Document, Gate
from judge import Judge
from check import Checks

USER = {"id": "00u1", "status": "ACTIVE", "created": "2026-03-02T08:00:00.000Z", "profile": {"login": "a@example.com"}}
# More than what `prism proxy` would tell of one answer.
MANY = 300
ANSWERS = {
    "/api/v1/users/right": (200, USER),
    "/api/v1/users/number": (200, {**USER, "profile": {"login": 5}}),
    "/api/v1/users/date": (200, {**USER, "created": "yesterday"}),
    "/api/v1/users/enum": (200, {**USER, "status": "DANCING"}),
    "/api/v1/users/status": (418, {}),
    "/api/v1/users": (200, [{**USER, "id": number} for number in range(MANY)]),
    "/api/v1/groups": (200, [{"id": "00g1", "profile": {"name": "G", "description": 7}}]),
}


class Vendor(BaseHTTPRequestHandler):
    """A vendor who answers what is planted, whatever is asked."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        status, body = ANSWERS.get(self.path.split("?")[0], (200, USER))
        text = json.dumps(body).encode()
        self.send_response_only(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_POST = do_GET


def ask(url, body=None, signed=True):
    headers = {"content-type": "application/json"} | ({"authorization": "SSWS planted"} if signed else {})
    request = urllib.request.Request(url, data=None if body is None else json.dumps(body).encode(), headers=headers)
    try:
        urllib.request.urlopen(request, timeout=60).close()
    except urllib.error.HTTPError as error:
        error.close()


def look(folder):
    """Asks through a gate for everything that is planted; the exchanges."""
    vendor = ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
    threading.Thread(target=vendor.serve_forever, daemon=True).start()
    gate = Gate(folder, "planted")
    try:
        gate.lead_to(f"http://127.0.0.1:{vendor.server_port}")
        for path in ANSWERS:
            ask(gate.url + path)
        ask(f"{gate.url}/api/v1/users", {"profile": {"login": 5}})
        ask(f"{gate.url}/api/v1/users?activate=perhaps", {"profile": {"login": "a@example.com"}})
        ask(f"{gate.url}/api/v1/users/right", signed=False)
        ask(f"{gate.url}/api/v1/dances")
        return gate.exchanges()
    finally:
        gate.close()
        vendor.shutdown()
        vendor.server_close()


def check(exchanges, checks):
    judge = Judge()
    found = [one for one in judge.findings(exchanges, Document()) if not judge.excepted(one)]

    def planted(what, side, at, code, says=""):
        hits = [one for one in found if one.side == side and one.at == at and one.code == code and says in one.message]
        checks.that(f"planted: {what} is found", bool(hits), [str(one) for one in found][:20])
        return hits

    planted("a number for a text in an answer", "response", "body.profile.login", "type")
    planted("a date that is none", "response", "body.created", "format")
    planted("a status that nobody has", "response", "body.status", "enum")
    planted("a status code that the document has not", "response", "", "None", "status code")
    planted("a description that is neither text nor null, where null is excepted,", "response", "body.*.profile.description", "type")
    many = planted("every one of many", "response", "body.*.id", "type")
    checks.that(f"planted: all {MANY} of {MANY} are told", len(many) == MANY, len(many))
    planted("a number for a text in a request", "request", "body.profile.login", "type")
    planted("a parameter of another type", "request", "query.activate", "type")
    planted("a call that nobody signed", "request", "", "401")
    planted("a path that the document has not", "request", "", "None", "route not found")
    right = [one for one in exchanges if one.path == "/api/v1/users/right"]
    checks.that("planted: what is right is not found", right and not right[0].violations, right and right[0].violations)
    invented = Judge([{"why": "invented", "side": "response", "of": ["GET /api/v1/logs"], "at": ["body"], "code": ["type"]}])
    for one in invented.findings(exchanges, Document()):
        invented.excepted(one)
    checks.that("planted: an exception that nothing needs is found", [one["why"] for one in invented.unused()] == ["invented"])


class Silent(Checks):
    """Remembers what failed instead of saying it."""

    def __init__(self):
        super().__init__()
        self.wrong = {}

    def that(self, what, holds, found=""):
        if not holds:
            self.wrong[what] = str(found)
        return bool(holds)


def reach(folder, records, checks):
    """Leaves one endpoint out of what was written down, lets nobody but a stranger reach another, and answers one that nobody listed."""
    lines = [line for record in records for line in record.read_text().splitlines()]
    left_out, strange = "/api/v1/users/{id}/lifecycle/suspend", "/api/v1/logs"
    planted = []
    for line in lines:
        call = json.loads(line)
        if call["route"] == strange:
            planted.append(json.dumps(call | {"agent": "curl/8"}))
        elif call["route"] != left_out:
            planted.append(line)
    planted.append(json.dumps({"vendor": "okta", "method": "GET", "path": "/api/v1/dances", "route": None, "status": 200, "agent": "x"}))
    file = folder / "planted.calls"
    file.write_text("\n".join(planted))
    silent = Silent()
    coverage.check([file], silent)
    told = " ".join(silent.wrong.values())
    checks.that("planted: an endpoint that no client reached is found", f"POST {left_out}" in told, silent.wrong)
    checks.that("planted: an endpoint that only a stranger reached is found", f"GET {strange}" in told, silent.wrong)
    checks.that("planted: an endpoint that nobody listed is found", "/api/v1/dances" in told, silent.wrong)
