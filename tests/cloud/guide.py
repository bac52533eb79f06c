"""Follows docs/guides/deploy.md and docs/runbooks/restore.md word by word against a local AWS; see tests/cloud/guide.

Every command of both pages is typed as it stands, in order, in one shell, and must end well. What is changed is what the pages tell
their reader to change (`READER`), and what the local AWS does otherwise than AWS is made up for after a command and not in it.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import yaml

import deploy
from check import Checks, until
from layer import unpacked
from page import Line, Terminal, commands, fences
from people import CLIENT, own_applications
from processes import ROOT, TOOLS, target
from world import ACCOUNT, REGION, World, clean_environment

STACK = "prod"
GUIDE, RUNBOOK = ROOT / "docs/guides/deploy.md", ROOT / "docs/runbooks/restore.md"
# Line 9's role, and who has it.
ROLE, ENGINEER = "IdentityEngineers", "priya.raman@corp.example"
X86 = platform.machine() == "x86_64"
PACKAGES = Path(os.environ.get("ROLLCALL_PACKAGES", target() / "package/lambda")).resolve()
# What the pages tell their reader to write otherwise, by page: the words, and what is written. Each must be found.
READER = {
    # Under `Architecture`; the local AWS runs what fits this machine.
    GUIDE: {"infra/package": "infra/package --x86-64", "target/package/arm64/": "target/package/x86_64/"} if X86 else {},
    RUNBOOK: {"STACK": STACK, "2026-11-27T10:00:00Z": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")},
}
# What they say of a value that is no word.
EXPECTED = {
    "aws configure get region": REGION,
    "aws sts get-caller-identity --query Arn": f'"arn:aws:iam::{ACCOUNT}:root"',
}


class Reader:
    """Somebody who follows the pages: a home, a checkout, an account."""

    def __init__(self, world: World, checks: Checks):
        self.world, self.checks, self.used = world, checks, set()
        self.home, self.checkout = world.folder / "home", world.folder / "checkout"
        self.lambda_, self.iam = world.client("lambda"), world.client("iam")
        self._check_out()
        self._account()
        self._write()
        self.terminal = Terminal(self._environment(), self.checkout)

    def _check_out(self) -> None:
        """The files of the repository as they are now, and nothing that was built."""
        listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True,
                                capture_output=True, text=True).stdout
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file():
                (self.checkout / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.checkout / name)
        if PACKAGES.name == "quick":
            # Debug builds (tests/cloud/quick) fit no budget; sizes are asked of the packages that users get.
            budget = self.checkout / "infra/budget"
            budget.write_text(re.sub(r"(\d{6,})", r"\g<1>0", budget.read_text()))

    def _account(self) -> None:
        """Whoever deploys is the account's root: SAM's own bucket refuses others without TLS, which the local AWS has not. And the
        role that other people have already, with a session of one of them."""
        trust = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}]}
        self.iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(trust))
        session = self.world.client("sts").assume_role(
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{ROLE}", RoleSessionName=ENGINEER)["Credentials"]
        (self.home / ".aws").mkdir(parents=True)
        (self.home / ".aws/config").write_text(f"[default]\nregion = {REGION}\n[profile engineer]\nregion = {REGION}\n")
        (self.home / ".aws/credentials").write_text(
            "[default]\naws_access_key_id = test\naws_secret_access_key = test\n"
            f"[engineer]\naws_access_key_id = {session['AccessKeyId']}\naws_secret_access_key = {session['SecretAccessKey']}\n"
            f"aws_session_token = {session['SessionToken']}\n")

    def _write(self) -> None:
        """What the guide asks for under its first heading: configuration, secrets, parameters."""
        company = self.home / "company"
        config = company / "rollcall-config"
        config.parent.mkdir()
        shutil.move(deploy.configuration(self.world, self.world.folder / "made"), config)
        shutil.copy(ROOT / "tests/fixtures/config/company/rollcall.yaml", config)
        own_applications(config, self.world.company.tells["apps"])
        written = config / "env" / f"{deploy.ENVIRONMENT}.yaml"
        environment = yaml.safe_load(written.read_text().replace(f"ssm:/rollcall/{deploy.STACK}/", f"ssm:/rollcall/{STACK}/"))
        written.unlink()
        environment["operators"] = {"priya": {
            "login": ENGINEER, "roles": ["viewer", "operator"],
            "aws": f"arn:aws:sts::{ACCOUNT}:assumed-role/{ROLE}/{ENGINEER}"}}
        (config / f"env/{STACK}.yaml").write_text(yaml.safe_dump(environment, sort_keys=False))
        self.connections = sorted(environment["tenants"])
        for name, tenant in self.world.company.tenants.items():
            (company / f"{name}.pem").write_text(tenant["secret"])
        ((_, parameters),) = fences(GUIDE, "yaml")
        more = 'TlsOnly: "false"\n' + ("Architecture: x86_64\n" if X86 else "")
        (company / "prod.yaml").write_text(parameters + more)

    def _environment(self) -> dict[str, str]:
        cargo = shutil.which("cargo") or sys.exit("tests/cloud/guide: cargo is missing: install Rust (rustup.rs)")
        mine = {name: value for name, value in clean_environment().items()
                if not name.startswith("AWS_") or name == "AWS_EC2_METADATA_DISABLED"}
        programs = [ROOT / "tests/cloud/compiled", TOOLS / "cloud/sam/bin", TOOLS / "cloud/bin", self.home / ".cargo/bin"]
        return mine | {
            "HOME": str(self.home), "PATH": ":".join([*map(str, programs), os.environ["PATH"]]),
            "CARGO_HOME": os.environ.get("CARGO_HOME", str(Path.home() / ".cargo")),
            "RUSTUP_HOME": os.environ.get("RUSTUP_HOME", str(Path.home() / ".rustup")),
            "CARGO_TARGET_DIR": str(self.checkout / "target"), "ROLLCALL_CARGO": cargo, "ROLLCALL_CLIENT": str(CLIENT),
            "ROLLCALL_PACKAGES": str(PACKAGES),
            # Where the account is; docs/guides/operate.md, its end. Nothing is installed: what the guide asks for must be there.
            "AWS_ENDPOINT_URL": self.world.url, "ROLLCALL_API_ADDRESS": self.world.url, "PIP_NO_INDEX": "1", "PIP_NO_INPUT": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }

    def follow(self, page: Path, lines: list[Line]) -> None:
        """Types a page's commands. Where one fails, the rest would only say so again."""
        for line in lines:
            for command in self.said(page, line.text):
                self.before(command)
                began = time.monotonic()
                code, said = self.terminal.type(command)
                named = command.splitlines()[0]
                print(f"  {time.monotonic() - began:5.1f} s  $ {named}", flush=True)
                expected = EXPECTED.get(command)
                good = code == 0 and (expected is None or said.strip() == expected)
                if not self.checks.that(f"{page.name}, {line.section}: {named[:60]}", good, f"{code}: {said[-3000:]}"):
                    raise RuntimeError(f"{page.name} cannot be followed beyond: {command}")
                self.after(command, said)

    def said(self, page: Path, text: str) -> list[str]:
        """A command as the reader types it; one of which a page says 'one for each', for each."""
        for words, instead in READER[page].items():
            whole = rf"(?<![\w/-]){re.escape(words)}" + (r"(?![\w/-])" if not words.endswith("/") else "")
            text, times = re.subn(whole, instead, text) if page == GUIDE else (text.replace(words, instead), text.count(words))
            if times:
                self.used.add((page, words))
        if f"/{STACK}/vendor/okta-main" in text:
            return [text.replace("okta-main", name) for name in self.connections]
        # Line 10 says by whom.
        return [f"AWS_PROFILE=engineer {text}"] if text.startswith(f"rollcall --stack {STACK} ") else [text]

    def before(self, command: str) -> None:
        """The AWS command looks again after half a minute only; here a stack is made in seconds."""
        if command.startswith("aws cloudformation wait"):
            cloudformation = self.world.client("cloudformation")
            until(lambda: not cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"].endswith("IN_PROGRESS"),
                  60, "the end of the update", pause=0.5)

    def after(self, command: str, said: str) -> None:
        """Makes up for the local AWS, and looks at what came of a command."""
        if command.startswith(("sam deploy", "aws cloudformation wait")):
            self.make_up()
        if command.startswith("aws ssm get-parameter"):
            self.hook(said.strip())

    def make_up(self) -> None:
        """What the local AWS does otherwise; deploy.py says why of each."""
        self.config = unpacked(self.lambda_, STACK, self.world.url, self.world.folder / "layers")
        for mapping in self.lambda_.list_event_source_mappings(FunctionName=f"{STACK}-worker")["EventSourceMappings"]:
            most = int(mapping["ScalingConfig"]["MaximumConcurrency"])
            self.lambda_.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": most})
        for role in (row["RoleName"] for row in self.iam.list_roles()["Roles"]):
            for name in self.iam.list_role_policies(RoleName=role)["PolicyNames"]:
                document = self.iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
                for statement in document["Statement"]:
                    actions = deploy.listed(statement["Action"])
                    statement["Action"] = sorted({*actions, *(f"{one}Batch" for one in actions if one in deploy.BATCHED)})
                self.iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))
        ssm, name = self.world.client("ssm"), f"/rollcall/{STACK}/api"
        api = re.search(r"//(\w+)\.", ssm.get_parameter(Name=name)["Parameter"]["Value"])[1]
        self.api = f"{api}.execute-api.localhost"
        ssm.put_parameter(Name=name, Value=f"http://{self.api}", Type="String", Overwrite=True)

    def hook(self, secret: str) -> None:
        """The vendor's form: it sends the secret that the guide printed, and the door answers its question."""
        request = urllib.request.Request(f"{self.world.url}/okta", headers={
            "Host": self.api, "authorization": secret, "x-okta-verification-challenge": "hello"})
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=30) as answer:
            self.checks.that("with the secret that was printed, the hook is verified", b"hello" in answer.read())

    def table(self) -> str:
        """The ledger that the worker uses."""
        return self.lambda_.get_function_configuration(FunctionName=f"{STACK}-worker")["Environment"]["Variables"]["ROLLCALL_TABLE"]


def follow(checks: Checks) -> None:
    """Deploys, looks, changes, restores, takes away."""
    guide = commands(GUIDE)
    away = [line for line in guide if line.section == "Taking it away"]
    changed = [line for line in guide if line.section == "A changed configuration"]
    first = [line for line in guide if line not in away + changed]
    with World() as world:
        reader = Reader(world, checks)
        with contextlib.closing(reader.terminal):
            reader.follow(GUIDE, first)
            before = reader.config
            (reader.home / "company/rollcall-config/tables/service.csv").open("a").write("etl2@corp.example,it@corp.example\n")
            reader.follow(GUIDE, changed)
            checks.that("the changed folder is what functions read now", reader.config != before and "etl2@" in (
                reader.config / "tables/service.csv").read_text(), reader.config)
            own = reader.table()
            reader.follow(RUNBOOK, commands(RUNBOOK))
            checks.that("the worker uses the restored table", reader.table() == f"{own}-restored", reader.table())
            mappings = reader.lambda_.list_event_source_mappings(FunctionName=f"{STACK}-worker")["EventSourceMappings"]
            tick = world.client("scheduler").get_schedule(Name=f"{STACK}-tick")["State"]
            checks.that("everything is served again", [one["State"] for one in mappings] == ["Enabled"] * 3 and tick == "ENABLED",
                        (mappings, tick))
            reader.follow(GUIDE, away)
            tables = world.client("dynamodb").list_tables()["TableNames"]
            checks.that("the stack is gone, both ledgers are not", {own, f"{own}-restored"} <= set(tables) and not [
                one for one in reader.lambda_.list_functions()["Functions"] if one["FunctionName"].startswith(f"{STACK}-")], tables)
        unused = [words for page, all_ in READER.items() for words in all_ if (page, words) not in reader.used]
        checks.that("whatever a reader changes is still in the pages", not unused, unused)


def stop(*_) -> None:
    """Ends as after Ctrl-C, so that everything that was started is ended too."""
    raise KeyboardInterrupt


def main() -> int:
    signal.signal(signal.SIGTERM, stop)
    checks = Checks()
    with checks.part("docs/guides/deploy.md and docs/runbooks/restore.md, word by word"):
        follow(checks)
    return checks.say()


if __name__ == "__main__":
    sys.exit(main())
