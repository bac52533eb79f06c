"""Rollcall on one machine over SQLite, whose Okta is behind the gate: what an operator types around one leaver, in order."""

import contextlib
import getpass
import json
import shutil
import sqlite3
import subprocess
import time
import urllib.request
from urllib.error import HTTPError

from processes import end, free_ports, target
from tools import HERE

ENVIRONMENT, BY_TOKEN = "gate", "token"
# More than a page of people (200), so that the second page is asked, too.
CROWD = 230


class Machine:
    def __init__(self, folder, company):
        self._folder, self._company = folder, company
        self._config, self._data = folder / "config", folder / "data"
        self._served, self._log = None, open(folder / "serve.log", "wb")
        shutil.copytree(HERE / "config", self._config)
        tenants = {}
        for connection in ("okta-main", "sf-us", "slack"):
            tenant = company.tells["tenants"][connection]
            entry = {"url": tenant["url"], "id": tenant["id"]}
            secret = self._secret(connection, tenant["secret"])
            if connection == "okta-main":
                hook = {"secrets": [self._secret("hook", tenant["hook_secret"])]}
                entry |= {"auth": "service-app", "client_id": tenant["client_id"], "kid": tenant["kid"], "key": secret,
                          "canary": tenant["canary"], "hook": hook}
            elif connection == "sf-us":
                entry |= {"flow": "jwt", "hosts": ["127.0.0.1"], "consumer_key": tenant["consumer_key"],
                          "username": tenant["username"], "secret": secret, "app": company.tells["apps"]["sf-us"]}
            else:
                entry |= {"secret": secret}
            tenants[connection] = entry
        # The same Okta with an API token instead of a service app.
        by_token = {"url": tenants["okta-main"]["url"], "id": tenants["okta-main"]["id"],
                    "secret": self._secret("token", company.tells["tenants"]["okta-main"]["token"])}
        environment = {"tenants": tenants, "mode": {"default": "enforce"},
                       "operators": {getpass.getuser(): {"login": "priya.raman@corp.example", "roles": ["viewer", "operator", "approver"]}}}
        (self._config / "env").mkdir()
        for name, okta in ((ENVIRONMENT, tenants["okta-main"]), (BY_TOKEN, by_token)):
            # JSON is YAML.
            text = json.dumps(environment | {"tenants": tenants | {"okta-main": okta}}, indent=1)
            (self._config / f"env/{name}.yaml").write_text(text)

    def _secret(self, name, text):
        path = self._folder / f"secret-{name}"
        path.write_text(text)
        path.chmod(0o600)
        return f"file:{path}"

    def command(self, *arguments, only_data=False, environment=ENVIRONMENT):
        """One command; its exit code and what it printed, parsed."""
        places = ["--data", self._data] if only_data else [
            "--data", self._data, "--config", self._config, "--env", environment]
        done = subprocess.run([target() / "debug/rollcall", *arguments, "--json", *places], capture_output=True, text=True, timeout=120)
        try:
            said = json.loads(done.stdout)
        except ValueError:
            said = None
        return done.returncode, said, done.stdout + done.stderr

    def serve(self):
        self._port, = free_ports(1)
        # Where the system can do that, it ends even when we are killed without a chance to end it.
        tied = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
        self._served = subprocess.Popen(
            [*tied, target() / "debug/rollcall", "serve", "--config", self._config, "--env", ENVIRONMENT, "--data", self._data,
             "--listen", f"127.0.0.1:{self._port}"], stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log)
        deadline = time.monotonic() + 30
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self._port}/healthz", timeout=2).close()
                return
            except OSError:
                if self._served.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"rollcall serve did not answer:\n{self.log()}") from None
                time.sleep(0.1)

    def stop(self):
        end(self._served)
        self._served = None

    def hook(self, delivery):
        """Hands one delivery of Okta's hook to the door; the status."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}/hooks/okta-main", data=delivery["body"].encode(), method="POST", headers=delivery["headers"])
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status
        except HTTPError as error:
            return error.code

    def ring(self):
        """Has the timer ring that compares the hook with Okta's log, which is due every 15 minutes: at the next start."""
        with contextlib.closing(sqlite3.connect(self._data / "rollcall.db", timeout=10)) as ledger, ledger:
            changed = ledger.execute("UPDATE items SET due_at = 0 WHERE pk = 'TIMERS#hook'").rowcount
        if changed != 1:
            raise RuntimeError(f"{changed} hooks have a timer, not one")

    def runs(self):
        _, said, text = self.command("explain", only_data=True)
        if said is None:
            raise RuntimeError(text)
        return said["runs"]

    def until(self, what, holds, seconds=60):
        """Waits until something holds; whether it did."""
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                print(f"{what}: not within {seconds} s\n{self.log()}")
                return False
            time.sleep(0.2)
        return True

    def log(self):
        return (self._folder / "serve.log").read_text(errors="replace")[-4000:]

    def close(self):
        if self._served is not None:
            end(self._served)
        self._log.close()
