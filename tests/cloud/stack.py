"""Deploys infra/template.yaml onto a local AWS and says from outside what is there, who may do what, what a changed
configuration changes, and what a deleted stack leaves.

    infra/package --x86-64
    tests/servers/with tests/.tools/venv/bin/python tests/cloud/stack.py

`ROLLCALL_TEST_AWS_URL` says where the local AWS is; `ROLLCALL_PACKAGES` where the packages are, if not where infra/package
puts them. The last line is `N passed, M failed`.

The local AWS ignores some properties (a table's time to live and point-in-time recovery; a bucket's encryption, life cycle and
Object Lock; a stage's throttles). Those are read from the template that CloudFormation processed; everything else is asked of
its service.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import boto3

import changes
import check
import restored
import shape
from shape import REGION, ROOT, STACK
from statements import Rights

TOOLS = ROOT / "tests/.tools"
PARAMETERS = {"Architecture": "x86_64", "OneloginConnection": "onelogin-main", "DeletionProtection": "false"}
# The least that a worker starts with: one directory, and a list that the test changes.
FOLDER = {
    "rollcall.yaml": "version: 1\nconnections: {okta-main: okta}\nsource: okta-main\n"
                     "match: [{sure: true, okta: login, onelogin: username}]\n"
                     "lists: {service: {csv: tables/service.csv}}\n",
    "env/prod.yaml": "tenants:\n  okta-main: {url: 'https://corp.okta.example', id: 00o1a2b3c4D5e6F7g8h9, "
                     f"secret: 'ssm:/rollcall/{STACK}/vendor/okta-main'}}\n",
    "tables/service.csv": "account,owner\nbackup@corp.example,it@corp.example\n",
}


class Checks(check.Checks):
    """Counts what held and what did not."""

    def equal(self, what: str, found: object, expected: object) -> None:
        """What was found is what was expected."""
        self.that(what, found == expected, f"found {found!r} instead of {expected!r}")


def built(folder: Path, packages: Path, layer: Path) -> Path:
    """The template as `sam build` leaves it: word for word, with packages and layer where it names sources."""
    lines, resource = [], ""
    for line in (ROOT / "infra/template.yaml").read_text().splitlines():
        if head := re.fullmatch(r"  (\w+):", line):
            resource = head[1]
        if code := re.fullmatch(r"( +CodeUri: )\.\./functions/([a-z-]+)", line):
            package = packages / f"rollcall-{code[2]}" / "bootstrap.zip"
            if not package.is_file():
                sys.exit(f"{package} is missing ({resource}): build it with `infra/package --x86-64`")
            line = code[1] + str(package)
        lines.append(re.sub(r"(ContentUri: )config-layer$", rf"\g<1>{layer}", line))
    path = folder / "template.yaml"
    path.write_text("\n".join(lines) + "\n")
    return path


class Deployment:
    """A stack of the template in the local AWS."""

    def __init__(self, url: str, folder: Path, template: Path) -> None:
        self.folder, self.template = folder, template
        # Nothing of the caller's own account may leak into a test.
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self.environment = kept | {
            "AWS_ENDPOINT_URL": url, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION, "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "SAM_CLI_TELEMETRY": "0", "HOME": str(folder),
        }
        self.session = boto3.Session("test", "test", region_name=REGION)
        self.url = url
        self.bucket = f"{STACK}-packages"
        self.client("s3").create_bucket(Bucket=self.bucket)

    def client(self, service: str):
        """A client of one of the local AWS's services."""
        return self.session.client(service, endpoint_url=self.url)

    def deploy(self, stack: str = STACK, **parameters: str) -> subprocess.CompletedProcess[str]:
        """`sam deploy`, as a user types it."""
        return subprocess.run(
            [TOOLS / "cloud/bin/sam", "deploy", "--template-file", self.template, "--stack-name", stack,
             "--s3-bucket", self.bucket, "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--no-progressbar",
             "--tags", "CostCentre=identity", "--parameter-overrides",
             *(f'{name}="{value}"' for name, value in (PARAMETERS | parameters).items())],
            env=self.environment, cwd=self.folder, capture_output=True, text=True, check=False)

    def look(self) -> None:
        """Reads what the stack consists of."""
        cloudformation = self.client("cloudformation")
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=STACK)
        rows = [row for page in pages for row in page["StackResourceSummaries"]]
        self.ids = {row["LogicalResourceId"]: row["PhysicalResourceId"] for row in rows}
        self.types = {row["LogicalResourceId"]: row["ResourceType"] for row in rows}
        processed = cloudformation.get_template(StackName=STACK, TemplateStage="Processed")["TemplateBody"]
        self.processed = processed if isinstance(processed, dict) else json.loads(processed)
        answer = self.client("lambda").list_functions()["Functions"]
        self.functions = {row["FunctionName"].removeprefix(f"{STACK}-"): row for row in answer
                          if row["FunctionName"].startswith(f"{STACK}-")}

    def of(self, resource: str) -> dict:
        """A resource's properties as CloudFormation took them."""
        return self.processed["Resources"][resource]["Properties"]


def main() -> int:
    """Runs all of it against the local AWS that the environment names."""
    url = os.environ.get("ROLLCALL_TEST_AWS_URL") or sys.exit(
        "ROLLCALL_TEST_AWS_URL is not set: run this under tests/servers/with")
    packages = Path(os.environ.get("ROLLCALL_PACKAGES")
                    or Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "package/lambda").resolve()
    checks, began = Checks(), time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        layer = folder / "layer"
        for path, text in FOLDER.items():
            (layer / "config" / path).parent.mkdir(parents=True, exist_ok=True)
            (layer / "config" / path).write_text(text)
        stack = Deployment(url, folder, built(folder, packages, layer))
        stack.client("ssm").put_parameter(Name=f"/rollcall/{STACK}/vendor/okta-main", Value="not-a-token", Type="SecureString",
                                          Overwrite=True)
        print("==> what the rules refuse", flush=True)
        for wrong, why in (({"WorkerTimeout": "900"}, "six times WorkerTimeout"),
                           ({"OktaConnection": "", "OneloginConnection": ""}, "Set OktaConnection or OneloginConnection")):
            done = stack.deploy(f"{STACK}-refused", **wrong)
            checks.that(f"{wrong} is refused", done.returncode != 0 and why in done.stdout + done.stderr, done.stderr[-500:])
        print("==> sam deploy", flush=True)
        done = stack.deploy()
        checks.that("the template becomes a stack", done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:])
        if done.returncode == 0:
            stack.look()
            for part in (shape.functions, shape.interface, shape.state, shape.operations):
                print(f"==> {part.__name__}", flush=True)
                part(stack, checks)
            print("==> statements", flush=True)
            Rights(stack, checks).all()
            print("==> a changed mapping", flush=True)
            changes.update(stack, checks, layer)
            print("==> a restored table", flush=True)
            restored.there_and_back(stack, checks)
            print("==> other parameters", flush=True)
            changes.otherwise(stack, checks)
            print("==> delete", flush=True)
            changes.removal(stack, checks)
    print(f"{time.monotonic() - began:.0f} s")
    return checks.say()


if __name__ == "__main__":
    sys.exit(main())
