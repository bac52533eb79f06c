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
from pathlib import Path

import yaml
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from check import until
from world import ACCOUNT, REGION, ROOT, TOOLS, World, clean_environment, target

STACK = "rollcall"
ENVIRONMENT = "cloud"
# Who asks the stack for things; an IAM user of theirs, with the template's policy for operators.
OPERATOR = "priya"
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
    for limit in ("cut: 30/h", "cut: 10/h", "dismantle: 10/h"):
        assert limit in text, f"{root} has no {limit}"
        text = text.replace(limit, f"{limit.split(':')[0]}: 100000/h")
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
    operators = {OPERATOR: {"login": "priya.raman@corp.example", "aws": f"arn:aws:iam::{ACCOUNT}:user/{OPERATOR}",
                            "roles": ["viewer", "operator", "approver", "confidential"]}}
    text = {"tenants": tenants, "mode": {"default": "enforce"}, "operators": operators}
    (config / "env").mkdir(exist_ok=True)
    (config / "env" / f"{ENVIRONMENT}.yaml").write_text(yaml.safe_dump(text, sort_keys=False))
    return config


def packaged(folder: Path, config: Path) -> Path:
    """The very template, with the built packages and the configuration folder where it names sources."""
    template = yaml.load((ROOT / "infra/template.yaml").read_text(), Tags)
    packages = Path(os.environ.get("ROLLCALL_PACKAGES", target() / "package/lambda"))
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
        self.roles = {kind: settings["Role"].rsplit("/", 1)[-1] for kind, settings in self.settings.items()}
        self._make_up()

    def _make_up(self) -> None:
        """What the local AWS does otherwise than AWS, made up for from outside; the template stays as it is."""
        # It unpacks layers for Python and Node only, so the folder is named where it lies.
        for kind in ("worker", "approve", "console"):
            self.restart(kind, ROLLCALL_CONFIG=str(self.config))
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

    def restart(self, kind: str, **changes: str) -> None:
        """New environments for a function from its next invocation on, with these changes to its variables."""
        variables = dict(self.settings[kind].get("Environment", {}).get("Variables", {}))
        variables |= changes
        self._restarts = getattr(self, "_restarts", 0) + 1
        variables["ROLLCALL_TEST_RESTART"] = str(self._restarts)
        self.settings[kind] = self.lambda_.update_function_configuration(
            FunctionName=self.functions[kind], Environment={"Variables": variables})

    def call(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> tuple[int, bytes]:
        """A request to the HTTP API, by the name that its callers use."""
        connection = http.client.HTTPConnection("127.0.0.1", self.world.port, timeout=60)
        try:
            sent = {name: value for name, value in headers.items() if name not in ("host", "content-length", "connection")}
            connection.request(method, path, body, sent | {"Host": f"{self.api}.execute-api.localhost"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def _operator(self) -> Credentials:
        """The operator's own keys, which may call the operators' routes and nothing else."""
        self.iam.create_user(UserName=OPERATOR)
        routes = [f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{self.api}/*/POST/{name}" for name in ("console", "approve")]
        allowed = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": routes}]}
        self.iam.put_user_policy(UserName=OPERATOR, PolicyName="operate", PolicyDocument=json.dumps(allowed))
        key = self.iam.create_access_key(UserName=OPERATOR)["AccessKey"]
        return Credentials(key["AccessKeyId"], key["SecretAccessKey"])

    def operate(self, *argv: str, door: str = "console", seconds: float = 60) -> dict:
        """What `rollcall --stack` does: posts a command, signed, and asks until a worker has run it. How it ended."""
        answer = self.ask(door, {"argv": list(argv), "json": True})
        if "wait" in answer:
            def told() -> dict | None:
                reply = self.ask(door, {"answer": answer["wait"]})
                return None if reply.get("pending") else reply

            return until(told, seconds, f"an answer to {argv}", pause=0.5)
        return answer

    def ask(self, door: str, body: dict) -> dict:
        """One signed request to an operators' route; its answer."""
        self._keys = getattr(self, "_keys", None) or self._operator()
        text = json.dumps(body).encode()
        request = AWSRequest("POST", f"http://{self.api}.execute-api.localhost/{door}", data=text,
                             headers={"content-type": "application/json"})
        SigV4Auth(self._keys, "execute-api", REGION).add_auth(request)
        status, answer = self.call("POST", f"/{door}", dict(request.headers), text)
        if status != 200:
            raise RuntimeError(f"{door} answered {status}: {answer[:500]!r}")
        return json.loads(answer)

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

    def trouble(self) -> list[str]:
        """The newest warnings and errors in the logs."""
        found = []
        for group, lines in self.log_lines().items():
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
        for kind, settings in self.settings.items():
            if "ROLLCALL_TABLE" in settings["Environment"]["Variables"]:
                self.restart(kind, AWS_ENDPOINT_URL_DYNAMODB=self.world.dynamodb_url)
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
