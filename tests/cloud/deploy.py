"""A stack of infra/template.yaml in the local AWS, with a configuration folder for the simulated company."""

from __future__ import annotations

import copy
import hashlib
import http.client
import json
import os
import shutil
import subprocess
import time
from functools import cached_property
from pathlib import Path

import yaml

from check import until
from operators import Operators, configured
from processes import ROOT, TOOLS, target
from world import ACCOUNT, REGION, World, clean_environment

STACK = "rollcall"
ENVIRONMENT = "cloud"
# A list that people keep beside the ledger: who is on hold.
HOLD = "lists/hold.csv"
KINDS = ("okta-hook", "onelogin-hook", "worker", "clock", "seal", "approve", "console")
# Short, so that a message of a killed worker comes again while the test looks.
WORKER_TIMEOUT = 60
BATCHED = ("sqs:SendMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility")


def listed(value) -> list:
    """IAM allows one where it allows many."""
    return value if isinstance(value, list) else [value]


class Tags(yaml.SafeLoader):
    """Reads CloudFormation's short forms as their long ones."""


def _long(loader: Tags, suffix: str, node: yaml.Node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix in ("Ref", "Condition"):
        return {suffix: value}
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {f"Fn::{suffix}": value}


Tags.add_multi_constructor("!", _long)


def configuration(world: World, folder: Path) -> Path:
    """The demo's configuration folder for this world's vendors; their secrets go into SSM, where the stack's roles read them."""
    company, ssm = world.company, world.client("ssm")
    estate = "sf-apac" in company.tenants
    source = ROOT / "tests/fixtures/config" / ("estate" if estate else "company")
    config = folder / "layer" / "config"
    shutil.copytree(source, config, ignore=shutil.ignore_patterns("prod.yaml"))
    # Limits of the guard are other tests' matter; here many people leave within minutes.
    root = config / "rollcall.yaml"
    text = root.read_text()
    changed = {limit: f"{limit.split(':')[0]}: 100000/h" for limit in ("cut: 30/h", "cut: 10/h", "dismantle: 10/h")}
    # One list is an object beside the ledger, as a company keeps whose list somebody else writes.
    changed["hold: {group: okta-main/Legal-Hold}"] = f"hold: {{object: {HOLD}}}"
    for old, new in changed.items():
        assert old in text, f"{root} has no {old}"
        text = text.replace(old, new)
    root.write_text(text)
    tenants, apps = {}, company.tells["apps"]
    for connection, tenant in company.tenants.items():
        reference = f"/rollcall/{STACK}/vendor/{connection}"
        ssm.put_parameter(Name=reference, Value=tenant["secret"], Type="SecureString")
        entry = {"url": tenant["url"], "id": tenant["id"]}
        secret = f"ssm:{reference}"
        if connection == "okta-main":
            entry |= {"auth": "service-app", "client_id": tenant["client_id"], "kid": tenant["kid"], "key": secret,
                      "canary": tenant["canary"]}
        elif connection == "onelogin-main":
            entry |= {"client_id": tenant["client_id"], "secret": secret}
        elif connection.startswith("sf-"):
            entry |= {"flow": "jwt", "hosts": ["127.0.0.1"], "consumer_key": tenant["consumer_key"],
                      "username": tenant["username"], "secret": secret}
        else:
            entry |= {"secret": secret}
        if connection in apps:
            entry["app"] = apps[connection]
        if "hook_secret" in tenant:
            hook = f"/rollcall/{STACK}/hook/{connection}"
            ssm.put_parameter(Name=hook, Value=tenant["hook_secret"], Type="SecureString")
            entry["hook"] = {"secrets": [f"ssm:{hook}"]}
        tenants[connection] = entry
    text = {"tenants": tenants, "mode": {"default": "enforce"}, "operators": configured()}
    (config / "env").mkdir(exist_ok=True)
    (config / "env" / f"{ENVIRONMENT}.yaml").write_text(yaml.safe_dump(text, sort_keys=False))
    return config


def packaged(folder: Path, config: Path) -> Path:
    """The very template, with the built packages and the configuration folder where it names sources."""
    template = yaml.load((ROOT / "infra/template.yaml").read_text(), Tags)
    packages = Path(os.environ.get("ROLLCALL_PACKAGES", target() / "package/lambda")).resolve()
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function":
            function = properties["CodeUri"].rstrip("/").rsplit("/", 1)[-1]
            package = packages / f"rollcall-{function}" / "bootstrap.zip"
            if not package.is_file():
                raise FileNotFoundError(f"{package} is missing: build it with `infra/package --x86-64 {function}`")
            properties["CodeUri"] = str(package)
            resource.get("Metadata", {}).pop("BuildMethod", None)
        elif resource["Type"] == "AWS::Serverless::LayerVersion":
            properties["ContentUri"] = str(config.parent)
    path = folder / "template.json"
    # Dates and the like are plain text in a template.
    path.write_text(json.dumps(template, default=str))
    return path


class Stack:
    """The deployed stack, seen from outside with root's eyes."""

    def __init__(self, world: World):
        self.world = world
        self.name = STACK
        self.cloudformation = world.client("cloudformation")
        self.lambda_ = world.client("lambda")
        self.iam = world.client("iam")
        self.sqs = world.client("sqs")
        self.s3 = world.client("s3")
        self.logs = world.client("logs")
        self.scheduler = world.client("scheduler")
        self.dynamodb = world.client("dynamodb")
        folder = world.folder / "deploy"
        folder.mkdir()
        self.config = configuration(world, folder)
        self._deploy(packaged(folder, self.config))
        self._look()

    def _deploy(self, template: Path) -> None:
        began = time.monotonic()
        parameters = {
            "Environment": ENVIRONMENT, "OktaConnection": "okta-main", "OneloginConnection": "onelogin-main",
            "Architecture": "x86_64", "WorkerTimeout": str(WORKER_TIMEOUT), "QueueVisibility": "360",
            "DeletionProtection": "false", "TlsOnly": "false",
        }
        command = [
            TOOLS / "cloud/bin/sam", "deploy", "--template-file", template, "--stack-name", STACK, "--resolve-s3",
            "--region", REGION, "--capabilities", "CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND",
            "--no-confirm-changeset", "--no-progressbar", "--parameter-overrides",
            *[f"{name}={value}" for name, value in parameters.items()],
        ]
        done = subprocess.run(
            command, env=clean_environment() | {"AWS_ENDPOINT_URL": self.world.url, "HOME": str(self.world.folder)},
            cwd=self.world.folder, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"sam deploy failed:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
        print(f"  sam deploy: {time.monotonic() - began:.0f} s", flush=True)

    def _look(self) -> None:
        """What the stack consists of, by what its resources are."""
        pages = self.cloudformation.get_paginator("list_stack_resources").paginate(StackName=STACK)
        self.resources = [row for page in pages for row in page["StackResourceSummaries"]]
        names = self.physical("AWS::Lambda::Function")
        self.functions = {kind: next(name for name in names if name.endswith(f"-{kind}")) for kind in KINDS}
        self.api = self.physical("AWS::ApiGatewayV2::Api")[0]
        (self.table,) = self.physical("AWS::DynamoDB::Table")
        (self.bucket,) = self.physical("AWS::S3::Bucket")
        self.queues = {url.rsplit("/", 1)[-1].removeprefix(f"{STACK}-"): url for url in self.physical("AWS::SQS::Queue")}
        self.settings = {kind: self.lambda_.get_function_configuration(FunctionName=name)
                         for kind, name in self.functions.items()}
        # What the functions' environments hold; a restart may change something for one of them and for a while.
        self.variables = {kind: settings["Environment"]["Variables"] for kind, settings in self.settings.items()}
        self.roles = {kind: settings["Role"].rsplit("/", 1)[-1] for kind, settings in self.settings.items()}
        self.api_host = f"{self.api}.execute-api.localhost"
        self._make_up()
        self.s3.put_object(Bucket=self.bucket, Key=HOLD, Body=b"# nobody\n")

    @cached_property
    def operators(self) -> Operators:
        """Those who operate the stack; they come into being when somebody first asks for them."""
        return Operators(self)

    def _make_up(self) -> None:
        """What the local AWS does otherwise than AWS, made up for from outside; the template stays as it is."""
        # It unpacks layers for Python and Node only, so the folder is named where it lies.
        for kind in ("worker", "approve", "console"):
            self.variables[kind]["ROLLCALL_CONFIG"] = str(self.config)
            self.restart(kind)
        # It knows an API by a name of its own only.
        self.world.client("ssm").put_parameter(
            Name=f"/rollcall/{STACK}/api", Value=f"http://{self.api_host}", Type="String", Overwrite=True)
        # It says of a missing object that it is missing, to everybody. AWS says so only to whoever may list the bucket, and "access
        # denied" to others (S3 API Reference, GetObject, Permissions): the relay answers as AWS does.
        self.world.relay.listers = {
            self.key_of(kind) for kind, role in self.roles.items() for document in self.policies(role).values()
            for statement in document["Statement"] if "s3:ListBucket" in statement["Action"]}
        # It takes a number that is a parameter's value for a text, and then cannot compare.
        for mapping in self.lambda_.list_event_source_mappings()["EventSourceMappings"]:
            most = int(mapping["ScalingConfig"]["MaximumConcurrency"])
            self.lambda_.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": most})
        for role in self.physical("AWS::IAM::Role"):
            for name, document in self.policies(role).items():
                self.put_policy(role, name, document)

        # Its CloudFormation makes buckets without Object Lock.
        self.s3.put_object_lock_configuration(
            Bucket=self.bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
        # To it, `aws:PrincipalArn` is the session's and not the role's (IAM User Guide, "AWS global condition context keys"), and it
        # knows neither `kms:SigningAlgorithm` nor `kms:MessageType`. Condition keys are nothing that is claimed of it.
        kms = self.world.client("kms")
        for key in self.physical("AWS::KMS::Key"):
            document = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
            for statement in document["Statement"]:
                if role := statement.get("Condition", {}).get("ArnEquals", {}).get("aws:PrincipalArn"):
                    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role.rsplit('/', 1)[-1]}/*"
                    statement["Condition"] = {"ArnLike": {"aws:PrincipalArn": session}}
            kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(document))

    def policies(self, role: str) -> dict[str, dict]:
        """The inline policies of a role by name, as the template has them."""
        found = {}
        for name in self.iam.list_role_policies(RoleName=role)["PolicyNames"]:
            document = self.iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            for statement in document["Statement"]:
                statement["Action"] = [action for action in listed(statement["Action"]) if not action.endswith("Batch")]
            found[name] = document
        return found

    def put_policy(self, role: str, name: str, document: dict) -> None:
        """Puts a policy; one without statements removes it. IAM knows no actions for SQS's batches: whoever may send a message
        may send ten (SQS Developer Guide, "Actions, resources, and condition keys"). The local AWS asks for them by name."""
        if not document["Statement"]:
            self.iam.delete_role_policy(RoleName=role, PolicyName=name)
            return
        document = copy.deepcopy(document)
        for statement in document["Statement"]:
            actions = listed(statement["Action"])
            statement["Action"] = actions + [f"{action}Batch" for action in actions if action in BATCHED]
        self.iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))

    def physical(self, kind: str) -> list[str]:
        """Physical ids of the resources of a type."""
        return [row["PhysicalResourceId"] for row in self.resources if row["ResourceType"] == kind]

    def key_of(self, kind: str) -> str:
        """The access key of a function's environments, which the local AWS derives from function and role."""
        settings = self.settings[kind]
        digest = hashlib.sha256(f"{settings['FunctionArn']}:{settings['Role']}".encode()).hexdigest()
        return f"ASIA{digest[:16].upper()}"

    def restart(self, kind: str, **meanwhile: str) -> None:
        """New environments for a function from its next invocation on; until the next restart with these variables as well."""
        self._restarts = getattr(self, "_restarts", 0) + 1
        variables = self.variables[kind] | meanwhile | {"ROLLCALL_TEST_RESTART": str(self._restarts)}
        self.lambda_.update_function_configuration(
            FunctionName=self.functions[kind], Environment={"Variables": variables})

    def call(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> tuple[int, bytes]:
        """A request to the HTTP API, by the name that its callers use."""
        connection = http.client.HTTPConnection("127.0.0.1", self.world.port, timeout=60)
        try:
            sent = {name: value for name, value in headers.items() if name not in ("host", "content-length", "connection")}
            connection.request(method, path, body, sent | {"Host": self.api_host})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def invoke(self, kind: str, event: object) -> tuple[bool, object]:
        """A direct invocation: whether it went without an error of the function, and its answer."""
        answer = self.lambda_.invoke(FunctionName=self.functions[kind], Payload=json.dumps(event).encode())
        payload = json.loads(answer["Payload"].read() or b"null")
        return "FunctionError" not in answer, payload

    def event(self, bodies: list[str], lane: str = "urgent", attempt: int = 1) -> dict:
        """What the worker gets for messages of a lane."""
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{STACK}-{lane}"
        return {"Records": [
            {"messageId": f"direct-{number}-{time.monotonic_ns()}", "receiptHandle": f"direct-{number}", "body": body,
             "attributes": {"ApproximateReceiveCount": str(attempt)}, "messageAttributes": {}, "md5OfBody": "",
             "eventSource": "aws:sqs", "eventSourceARN": arn, "awsRegion": REGION}
            for number, body in enumerate(bodies)]}

    def serving(self, on: bool) -> None:
        """Whether queues and schedule call functions by themselves."""
        for mapping in self.lambda_.list_event_source_mappings()["EventSourceMappings"]:
            self.lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=on)

    def log_lines(self, since_ms: int = 0, prefix: str = "/") -> dict[str, list[str]]:
        """All lines of the log groups since a moment."""
        found = {}
        for group in self.logs.describe_log_groups(logGroupNamePrefix=prefix)["logGroups"]:
            pages = self.logs.get_paginator("filter_log_events").paginate(
                logGroupName=group["logGroupName"], startTime=since_ms)
            found[group["logGroupName"]] = [event["message"] for page in pages for event in page["events"]]
        return found

    def trouble(self, since_ms: int = 0) -> list[str]:
        """The newest warnings and errors in the logs since a moment."""
        found = []
        for group, lines in self.log_lines(since_ms).items():
            found += [f"{group.rsplit('/', 1)[-1]}: {line}" for line in lines if '"WARN"' in line or '"ERROR"' in line][-6:]
        return found

    def receipts(self) -> set[str]:
        """Names of the receipts in the bucket."""
        listed = self.s3.list_objects_v2(Bucket=self.bucket, Prefix="receipts/").get("Contents", [])
        return {row["Key"] for row in listed}

    def items(self, client=None) -> list[dict]:
        """All of the ledger's items."""
        client = client or self.dynamodb
        pages = client.get_paginator("scan").paginate(TableName=self.table, ConsistentRead=True)
        return [item for page in pages for item in page["Items"]]

    def runs(self, client=None) -> list[dict]:
        """The runs as the ledger holds them."""
        found = []
        for item in self.items(client):
            if item["sk"]["S"] == "RUN":
                body = json.loads(item["body"]["S"])
                if "$file" in body:
                    key = f"bodies/{body['$file']}"
                    body = json.loads(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())
                found.append(body["run"])
        return found

    def on_dynamodb_local(self):
        """Moves the stack's empty ledger to Amazon's DynamoDB Local: the same table there, and functions that are told so by the
        variable of every AWS SDK. The client of that table."""
        there = self.world.client("dynamodb", self.world.dynamodb_url)
        here = self.dynamodb.describe_table(TableName=self.table)["Table"]
        index = here["GlobalSecondaryIndexes"][0]
        there.create_table(
            TableName=self.table, BillingMode="PAY_PER_REQUEST", KeySchema=here["KeySchema"],
            AttributeDefinitions=here["AttributeDefinitions"],
            GlobalSecondaryIndexes=[{name: index[name] for name in ("IndexName", "KeySchema", "Projection")}])
        self.serving(False)
        for kind, variables in self.variables.items():
            if "ROLLCALL_TABLE" in variables:
                variables["AWS_ENDPOINT_URL_DYNAMODB"] = self.world.dynamodb_url
                self.restart(kind)
        # Whoever is at work still is so with the table of before.
        until(lambda: self.world.relay.silent_for() > 2, 60, "the end of the work")
        self.serving(True)
        return there

    def depth(self, queue: str) -> int:
        """Messages of a queue, in flight ones too."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"]
        answer = self.sqs.get_queue_attributes(QueueUrl=self.queues[queue], AttributeNames=names)["Attributes"]
        return sum(int(answer[name]) for name in names)

    def take(self, queue: str) -> list[str]:
        """Takes the messages out of a queue that nobody serves; their bodies."""
        bodies = []
        while found := self.sqs.receive_message(QueueUrl=self.queues[queue], MaxNumberOfMessages=10).get("Messages"):
            for message in found:
                bodies.append(message["Body"])
                self.sqs.delete_message(QueueUrl=self.queues[queue], ReceiptHandle=message["ReceiptHandle"])
        return bodies

    def leave(self, login: str) -> list[tuple[int, bytes]]:
        """Somebody is deactivated in Okta, and Okta posts its hook."""
        deliveries = self.world.company.do("leave", login=login)
        return [self.call("POST", "/okta", one["headers"], one["body"].encode()) for one in deliveries]

    def receipt_after(self, known: set[str], seconds: float) -> list[str]:
        """Names of receipts that were not known before, as soon as there is one."""
        return until(lambda: sorted(self.receipts() - known), seconds, "a receipt", pause=0.25)
