"""Rollcall on one machine over SQLite, whose Okta is behind the gate: what an operator types around one leaver, in order."""

import getpass
import json
import shutil
import subprocess
import time
import urllib.request
from urllib.error import HTTPError

from tools import HERE, end, free_port, target

ENVIRONMENT = "gate"
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
        environment = {"tenants": tenants, "mode": {"default": "enforce"},
                       "operators": {getpass.getuser(): {"login": "priya.raman@corp.example", "roles": ["viewer", "operator", "approver"]}}}
        (self._config / "env").mkdir()
        # JSON is YAML.
        (self._config / f"env/{ENVIRONMENT}.yaml").write_text(json.dumps(environment, indent=1))

    def _secret(self, name, text):
        path = self._folder / f"secret-{name}"
        path.write_text(text)
        path.chmod(0o600)
        return f"file:{path}"

    def command(self, *arguments, only_data=False):
        """One command; its exit code and what it printed, parsed."""
        places = ["--data", self._data] if only_data else [
            "--data", self._data, "--config", self._config, "--env", ENVIRONMENT]
        done = subprocess.run([target() / "rollcall", *arguments, "--json", *places], capture_output=True, text=True, timeout=120)
        try:
            said = json.loads(done.stdout)
        except ValueError:
            said = None
        return done.returncode, said, done.stdout + done.stderr

    def serve(self):
        self._port = free_port()
        self._served = subprocess.Popen(
            [target() / "rollcall", "serve", "--config", self._config, "--env", ENVIRONMENT, "--data", self._data,
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

    def hook(self, delivery):
        """Hands one delivery of Okta's hook to the door; the status."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}/hooks/okta-main", data=delivery["body"].encode(), method="POST", headers=delivery["headers"])
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status
        except HTTPError as error:
            return error.code

    def runs(self):
        _, said, text = self.command("explain", only_data=True)
        if said is None:
            raise RuntimeError(text)
        return said["runs"]

    def ended(self, seconds=60):
        """The runs, once none is open any more."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            runs = self.runs()
            if runs and all(run["state"] in ("Done", "Incomplete", "Refused", "Superseded", "Stopped") for run in runs):
                return runs
            time.sleep(0.3)
        raise TimeoutError(f"runs did not end: {runs}\n{self.log()}")

    def log(self):
        return (self._folder / "serve.log").read_text(errors="replace")[-4000:]

    def close(self):
        if self._served is not None:
            end(self._served)
        self._log.close()
