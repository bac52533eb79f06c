"""One machine: the simulated company and `rollcall serve` over SQLite, each in a process of its own, on loopback."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Iterator

from processes import ROOT, end
from vendors import Vendors, whole_company

DOOR = "/hooks/okta-main"
# Seconds in which a server finishes what it is at.
PATIENCE = 20


class Company(Vendors):
    """The simulated vendors and who works there (`tests/simulators/src/bin/company.rs`)."""

    def __init__(self, binaries: Path):
        super().__init__(*whole_company(binaries / "company"))
        self.tenants: dict[str, dict] = self.tells["tenants"]

    def cuts(self) -> dict[str, dict[str, int]]:
        """Who is cut everywhere, and when each system was found without them, in microseconds since 1970."""
        return self.do("cuts")


def configuration(company: Company, folder: Path) -> Path:
    """The folder that the tests use too, for this company; its secrets are files."""
    config = folder / "config"
    shutil.copytree(ROOT / "tests/fixtures/config/company", config, ignore=shutil.ignore_patterns("prod.yaml"))
    root = config / "rollcall.yaml"
    # The guard's limits on how many leave within an hour would hold what is measured.
    text, changed = re.subn(r"\b(cut|dismantle): \d+/h", r"\1: 100000/h", root.read_text())
    assert changed == 3, f"{root} has other limits than this file knows"
    root.write_text(text)
    tenants = {}
    for connection, tenant in company.tenants.items():
        secrets = {name: folder / f"{connection}-{name}" for name in ("secret", "hook_secret") if name in tenant}
        for name, file in secrets.items():
            file.touch(0o600)
            file.write_text(tenant[name])
        entry: dict = {"url": tenant["url"], "id": tenant["id"]}
        secret = f"file:{secrets['secret']}"
        if connection == "okta-main":
            entry |= {"auth": "service-app", "client_id": tenant["client_id"], "kid": tenant["kid"], "key": secret,
                      "canary": tenant["canary"]}
        elif connection.startswith("sf-"):
            entry |= {"flow": "jwt", "hosts": ["127.0.0.1"], "consumer_key": tenant["consumer_key"],
                      "username": tenant["username"], "secret": secret}
        else:
            entry |= {"secret": secret} | ({"client_id": tenant["client_id"]} if "client_id" in tenant else {})
        if connection in company.tells["apps"]:
            entry["app"] = company.tells["apps"][connection]
        if "hook_secret" in secrets:
            entry["hook"] = {"secrets": [f"file:{secrets['hook_secret']}"]}
        tenants[connection] = entry
    (config / "env").mkdir(exist_ok=True)
    # JSON is YAML.
    (config / "env/bench.yaml").write_text(json.dumps({"tenants": tenants, "mode": {"default": "enforce"}}))
    return config


class Machine:
    """The company and a server for it. To be used with `with`."""

    def __init__(self, binaries: Path, hired: int):
        self.binaries, self.hired = binaries, hired
        self.server: subprocess.Popen | None = None

    def __enter__(self) -> Machine:
        self._temporary = tempfile.TemporaryDirectory(prefix="rollcall-bench-")
        self.folder = Path(self._temporary.name)
        self.company = Company(self.binaries)
        try:
            self.logins = [self.company.do("hire", number=number)["login"] for number in range(1, self.hired + 1)]
            self.config = configuration(self.company, self.folder)
            self.link()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _command(self, *words: str, data: str = "data") -> list:
        return [self.binaries / "rollcall", *words, "--config", self.config, "--env", "bench", "--data", self.folder / data]

    def link(self) -> None:
        """Everybody's accounts are found beforehand, as the guide to deploying says."""
        done = subprocess.run(self._command("link"), capture_output=True, text=True, env=self._environment())
        assert done.returncode == 0, f"rollcall link failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"

    @staticmethod
    def _environment() -> dict[str, str]:
        mine = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        return mine | {"RUST_LOG": "warn"}

    def serve(self) -> None:
        """Starts the server, with no token yet."""
        self.server, self.address = self._start("data")

    @contextmanager
    def other(self) -> Iterator[str]:
        """Another server with the same configuration and a ledger of its own; its address."""
        server, address = self._start("other")
        try:
            yield address
        finally:
            end(server, PATIENCE)

    def _start(self, data: str) -> tuple[subprocess.Popen, str]:
        log = (self.folder / "server.log").open("ab")
        server = subprocess.Popen(
            [*self._command("serve", data=data), "--listen", "127.0.0.1:0", "--json"], stdout=subprocess.PIPE, stderr=log, text=True,
            env=self._environment())
        log.close()
        text, decoder = "", json.JSONDecoder()
        while line := server.stdout.readline():
            text += line
            with suppress(json.JSONDecodeError):
                return server, decoder.decode(text)["address"]
        raise AssertionError(f"the server did not start:\n{(self.folder / 'server.log').read_text()[-2000:]}")

    def stop(self) -> None:
        if self.server:
            end(self.server, PATIENCE)
            self.server = None

    def cpu(self) -> float:
        """Seconds of processor that the server has used."""
        fields = Path(f"/proc/{self.server.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """The most that the server has had in memory, in MB."""
        status = Path(f"/proc/{self.server.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024

    def sender(self) -> Sender:
        """A connection to the door."""
        return Sender(self.address)

    def until_cut(self, logins: set[str], patience: float, pause: float = 0.2) -> dict[str, dict[str, int]]:
        """When everybody of these was cut; fails when somebody is not within `patience` seconds."""
        until = time.monotonic() + patience
        while True:
            cut = self.company.cuts()
            if logins <= cut.keys():
                return {login: cut[login] for login in logins}
            assert self.server.poll() is None, f"the server ended:\n{(self.folder / 'server.log').read_text()[-2000:]}"
            if time.monotonic() > until:
                log = (self.folder / "server.log").read_text()[-3000:]
                raise AssertionError(f"{len(logins - cut.keys())} of {len(logins)} are not cut after {patience} s:\n{log}")
            time.sleep(pause)

    def leave_all(self, logins: list[str], patience: float, apart: float = 0) -> tuple[list[float], float]:
        """All of them leave, so many seconds apart or one hook right after the other: milliseconds from each one's hook until they are cut
        everywhere, in order, and seconds from the first hook to the last cut."""
        # What Okta would send is made beforehand: nobody waits for the simulator here.
        hooks = {login: self.company.do("leave", login=login) for login in logins}
        sender, sent, began = self.sender(), {}, time.monotonic()
        for number, login in enumerate(logins):
            time.sleep(max(0.0, began + number * apart - time.monotonic()))
            sent[login] = time.time_ns() // 1000
            for hook in hooks[login]:
                sender.post(hook["headers"], hook["body"].encode())
        cut = {login: max(times.values()) for login, times in self.until_cut(set(logins), patience).items()}
        took = sorted((cut[login] - sent[login]) / 1000 for login in logins)
        return took, (max(cut.values()) - min(sent.values())) / 1e6

    def __exit__(self, *_) -> None:
        self.stop()
        self.company.close()
        self._temporary.cleanup()


class Sender:
    """Posts hooks over one connection, as Okta does."""

    def __init__(self, address: str):
        self._connection = http.client.HTTPConnection(address, timeout=30)
        # The first hook would otherwise pay for it.
        self._connection.connect()

    def post(self, headers: dict[str, str], body: bytes) -> None:
        """The door must take it."""
        self._connection.request("POST", DOOR, body, headers)
        answer = self._connection.getresponse()
        text = answer.read()
        assert answer.status == 200, f"the door answered {answer.status}: {text[:200]}"


def say(text: str) -> None:
    """Beside the table."""
    print(text, file=sys.stderr, flush=True)
