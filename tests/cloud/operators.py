"""The people who operate a stack: IAM users with the template's own policies, and `rollcall --stack` as they type it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from processes import target
from world import ACCOUNT, REGION, clean_environment

if TYPE_CHECKING:
    from deploy import Stack


@dataclass(frozen=True)
class Person:
    """Somebody in the configuration under `operators`."""

    login: str
    roles: tuple[str, ...]
    # The managed policy of the template that their IAM user has, by its logical id.
    policy: str


# Who asks is not who decides.
PEOPLE = {
    "priya": Person("priya.raman@corp.example", ("viewer", "operator", "confidential"), "Operators"),
    "ines": Person("ines.duarte@corp.example", ("viewer", "approver"), "Approvers"),
}


def configured() -> dict[str, dict]:
    """The section `operators` of an environment file."""
    return {name: {"login": person.login, "aws": f"arn:aws:iam::{ACCOUNT}:user/{name}", "roles": list(person.roles)}
            for name, person in PEOPLE.items()}


class Operators:
    """What they do to one stack. Nothing here has more rights than the template gives."""

    def __init__(self, stack: Stack):
        self.stack = stack
        ids = {row["LogicalResourceId"]: row["PhysicalResourceId"] for row in stack.resources}
        self.keys: dict[str, Credentials] = {}
        for name, person in PEOPLE.items():
            stack.iam.create_user(UserName=name)
            stack.iam.attach_user_policy(UserName=name, PolicyArn=ids[person.policy])
            key = stack.iam.create_access_key(UserName=name)["AccessKey"]
            self.keys[name] = Credentials(key["AccessKeyId"], key["SecretAccessKey"])

    def post(self, door: str, body: dict, who: str = "priya") -> tuple[int, dict]:
        """One signed request to an operators' route, and what came back."""
        text = json.dumps(body).encode()
        request = AWSRequest("POST", f"http://{self.stack.api_host}/{door}", data=text,
                             headers={"content-type": "application/json"})
        SigV4Auth(self.keys[who], "execute-api", REGION).add_auth(request)
        status, answer = self.stack.call("POST", f"/{door}", dict(request.headers), text)
        try:
            return status, json.loads(answer)
        except ValueError:
            return status, {"error": answer.decode(errors="replace")[:500]}

    def rollcall(self, *argv: str, who: str = "priya", folder: Path | None = None, seconds: float = 90) -> tuple[int, dict, str]:
        """`rollcall --stack NAME …` as somebody types it: the exit code, the document, and what it complains about."""
        keys = self.keys[who]
        environment = clean_environment() | {
            "AWS_ENDPOINT_URL": self.stack.world.url, "AWS_ACCESS_KEY_ID": keys.access_key, "AWS_SECRET_ACCESS_KEY": keys.secret_key,
            # Nobody resolves the local API's name.
            "ROLLCALL_API_ADDRESS": self.stack.world.url,
        }
        done = subprocess.run(
            [target() / "debug/rollcall", "--stack", self.stack.name, "--json", *argv], env=environment,
            cwd=folder or self.stack.world.folder, capture_output=True, text=True, timeout=seconds)
        try:
            document = json.loads(done.stdout)
        except ValueError:
            document = {"printed": done.stdout[:500]}
        return done.returncode, document, done.stderr.strip()
