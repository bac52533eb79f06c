"""People of the roles that a stack knows, as principals of IAM, and `rollcall --stack` as each of them types it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import boto3
import yaml
from botocore.config import Config

from deploy import ENVIRONMENT, STACK, Stack, packaged
from layer import unpacked
from processes import target
from world import ACCOUNT, REGION, clean_environment


@dataclass(frozen=True)
class Person:
    """Somebody who signs requests."""

    # What the configuration says of them; without roles they do not stand in it.
    roles: tuple[str, ...]
    # The template's managed policy that they are given, by its logical id.
    policy: str | None
    login: str | None = None
    # By a session of a role instead of an IAM user: the session's name.
    session: str | None = None

    def arn(self, name: str) -> str:
        """As AWS says it of them."""
        if self.session:
            return f"arn:aws:sts::{ACCOUNT}:assumed-role/{role(name)}/{self.session}"
        return f"arn:aws:iam::{ACCOUNT}:user/{name}"


def role(name: str) -> str:
    """Everybody's role is their own, so nobody can take another's session name."""
    return f"Rollcall-{name}"


# The program with the feature `stack`.
CLIENT = Path(os.environ.get("ROLLCALL_CLIENT", target() / "debug/rollcall"))
PEOPLE = {
    "viola": Person(("viewer",), "Operators"),
    "omar": Person(("operator",), "Operators", login="omar@corp.example", session="omar@corp.example"),
    "conrad": Person(("confidential",), "Operators"),
    "greta": Person(("config",), "Operators", session="greta@corp.example"),
    # Both are in the group of approvers; one of them may also ask.
    "petra": Person(("operator", "approver"), "Approvers", login="priya.raman@corp.example"),
    "inga": Person(("approver",), "Approvers", login="ines.duarte@corp.example", session="ines.duarte@corp.example"),
    # The configuration lets her decide, AWS does not let her at the route.
    "lena": Person(("approver",), "Operators", login="sam.lindqvist@corp.example"),
    # AWS lets him in, the configuration does not know him.
    "mallory": Person((), "Operators"),
    # And the other way round.
    "noah": Person(("viewer",), None),
}


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    exit: int
    out: str
    err: str

    @property
    def document(self) -> dict:
        """What `--json` printed; nothing when it is none."""
        try:
            return json.loads(self.out)
        except ValueError:
            return {}

    def complains(self, *texts: str) -> bool:
        """It failed, for one reason with all of these texts in it and nothing beside."""
        lines = self.err.strip().splitlines()
        return self.exit != 0 and len(lines) == 1 and all(text in self.err for text in texts)


def own_applications(config: Path, apps: dict[str, str]) -> None:
    """The playbooks' tests name applications of the source; here those of this company."""
    path = config / "playbooks/app-removed.yaml"
    text = path.read_text()
    for connection, named in (("sf-emea", "0oaSalesforceEMEA"), ("onelogin-main", "0oaOneLogin")):
        assert named in text, f"{path} has no {named}"
        text = text.replace(named, apps[connection])
    path.write_text(text)


class Operated(Stack):
    """The stack with these people in its configuration, which functions read from the deployed layer."""

    def _deploy(self, template: Path) -> None:
        # Two whose leave waits for a decision.
        self.protected = [self.world.company.tells["protected"], self.world.company.hire()]
        root, group = self.config / "rollcall.yaml", "protected: {group: okta-main/RC-Protected}"
        assert group in root.read_text(), f"{root} has no {group}"
        named = ", ".join([*self.protected, "bodil.berg@corp.example"])  # who the playbook's tests take for protected
        root.write_text(root.read_text().replace(group, f"protected: {{people: [{named}]}}"))
        own_applications(self.config, self.world.company.tells["apps"])
        path = self.config / "env" / f"{ENVIRONMENT}.yaml"
        text = yaml.safe_load(path.read_text())
        text["operators"] = {
            name: {"aws": one.arn(name), "roles": list(one.roles)} | ({"login": one.login} if one.login else {})
            for name, one in PEOPLE.items() if one.roles}
        path.write_text(yaml.safe_dump(text, sort_keys=False))
        super()._deploy(template)

    def _make_up(self) -> None:
        super()._make_up()
        self.read = unpacked(self.lambda_, STACK, self.world.url, self.world.folder / "layers")

    def again(self) -> None:
        """A second `sam deploy`, of what the configuration folder holds now."""
        super()._deploy(packaged(self.world.folder / "deploy", self.config))
        self._look()


class People:
    """The people of one stack with their keys."""

    def __init__(self, stack: Stack):
        self.stack = stack
        ids = {row["LogicalResourceId"]: row["PhysicalResourceId"] for row in stack.resources}
        self.keys = {name: self._principal(name, one, ids.get(one.policy or "")) for name, one in PEOPLE.items()}

    def _principal(self, name: str, person: Person, policy: str | None) -> dict[str, str]:
        iam = self.stack.iam
        if not person.session:
            iam.create_user(UserName=name)
            if policy:
                iam.attach_user_policy(UserName=name, PolicyArn=policy)
            key = iam.create_access_key(UserName=name)["AccessKey"]
            return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
        trust = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}]}
        iam.create_role(RoleName=role(name), AssumeRolePolicyDocument=json.dumps(trust))
        if policy:
            iam.attach_role_policy(RoleName=role(name), PolicyArn=policy)
        return self.session(name)

    def session(self, name: str, seconds: int = 3600) -> dict[str, str]:
        """Keys of a session that lasts so long."""
        # AWS gives none for less than a quarter of an hour, and botocore knows; nobody waits that long here.
        sts = boto3.client("sts", endpoint_url=self.stack.world.url, region_name=REGION, aws_access_key_id="test",
                           aws_secret_access_key="test", config=Config(parameter_validation=False))
        keys = sts.assume_role(
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{role(name)}", RoleSessionName=PEOPLE[name].session,
            DurationSeconds=seconds)["Credentials"]
        return {"AWS_ACCESS_KEY_ID": keys["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
                "AWS_SESSION_TOKEN": keys["SessionToken"]}

    def environment(self, name: str, **more: str) -> dict[str, str]:
        """What a person's shell has set; an empty value unsets."""
        url = self.stack.world.url
        shell = {key: value for key, value in clean_environment().items() if not key.startswith("AWS_") or key in (
            "AWS_REGION", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_EC2_METADATA_DISABLED")}
        shell |= self.keys.get(name, {}) | {"AWS_ENDPOINT_URL": url, "ROLLCALL_API_ADDRESS": url, "HOME": str(self.stack.world.folder)}
        return {key: value for key, value in (shell | more).items() if value}

    def type(self, who: str, *argv: str, stack: str = STACK, seconds: float = 90, **environment: str) -> Said:
        """`rollcall --stack NAME …`."""
        done = subprocess.run(
            [CLIENT, "--stack", stack, *argv], env=self.environment(who, **environment),
            cwd=self.stack.world.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds)
        return Said(done.returncode, done.stdout, done.stderr)

    def interrupted(self, who: str, *argv: str, after: float) -> Said:
        """The same, with Ctrl-C after a while."""
        running = subprocess.Popen(
            [CLIENT, "--stack", STACK, *argv], env=self.environment(who), cwd=self.stack.world.folder,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            out, err = running.communicate(timeout=after)
        except subprocess.TimeoutExpired:
            os.kill(running.pid, signal.SIGINT)
            out, err = running.communicate(timeout=20)
        return Said(running.returncode, out, err)
