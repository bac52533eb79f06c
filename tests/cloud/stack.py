"""Deploys infra/template.yaml onto a local AWS and says from outside what is there, who may do what, what a changed
configuration changes, and what a deleted stack leaves.

    infra/package --x86-64
    tests/servers/with tests/.tools/venv/bin/python tests/cloud/stack.py

`ROLLCALL_TEST_AWS_URL` says where the local AWS is; `ROLLCALL_PACKAGES` where the packages are, if not where infra/package
puts them. The last line is `N passed, M failed`.

The local AWS ignores some properties (a table's time to live and point-in-time recovery; a bucket's encryption, life cycle and
Object Lock; a stage's throttles). Those are read from the template that CloudFormation processed; everything else is asked of its service.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import boto3

from statements import Rights

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "tests/.tools"
STACK = "rc-stack-test"
REGION = "us-east-1"
ACCOUNT = "000000000000"
FUNCTIONS = ("okta-hook", "onelogin-hook", "worker", "clock", "seal", "approve", "console")
LANES = ("urgent", "work", "bulk")
PARAMETERS = {"Architecture": "x86_64", "OneloginConnection": "onelogin-main", "DeletionProtection": "false"}

QUEUES = {"ROLLCALL_QUEUE_URGENT", "ROLLCALL_QUEUE_WORK", "ROLLCALL_QUEUE_BULK"}
DEAD = {f"{name}_DLQ" for name in QUEUES}
ALL = {"ROLLCALL_STACK", "ROLLCALL_LOG", "ROLLCALL_BUCKET"}
CONFIG = {"ROLLCALL_ENV", "ROLLCALL_CONFIG"}
HOOK = {"ROLLCALL_CONNECTION", "ROLLCALL_HOOK_SECRET", "ROLLCALL_HOOK_HEADER", "ROLLCALL_HOOK_PATH"}
ENVIRONMENT = {
    "okta-hook": ALL | QUEUES | HOOK,
    "onelogin-hook": ALL | QUEUES | HOOK,
    "worker": ALL | QUEUES | DEAD | CONFIG | {"ROLLCALL_TABLE", "ROLLCALL_SEAL", "ROLLCALL_APPROVAL_KEY"},
    "clock": ALL | QUEUES | DEAD | {"ROLLCALL_TABLE"},
    "seal": ALL | {"ROLLCALL_TABLE", "ROLLCALL_RECEIPT_KEY", "ROLLCALL_RECEIPT_DAYS"},
    "approve": ALL | QUEUES | CONFIG | {"ROLLCALL_TABLE", "ROLLCALL_APPROVAL_KEY"},
    "console": ALL | QUEUES | DEAD | CONFIG | {"ROLLCALL_TABLE"},
}
ROUTES = {
    "POST /okta": ("NONE", "okta-hook"), "GET /okta": ("NONE", "okta-hook"),
    "POST /onelogin": ("NONE", "onelogin-hook"), "POST /onelogin/_bulk": ("NONE", "onelogin-hook"),
    "POST /console": ("AWS_IAM", "console"), "POST /approve": ("AWS_IAM", "approve"),
}


class Checks:
    """Counts what held and what did not."""

    def __init__(self) -> None:
        self.passed = self.failed = 0

    def that(self, what: str, holds: object, found: object = "") -> None:
        """One promise; `found` is shown when it does not hold."""
        if holds:
            self.passed += 1
        else:
            self.failed += 1
        print(f"  {'ok  ' if holds else 'FAIL'}  {what}{'' if holds else f': {found}'}", flush=True)

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

    def events(self) -> list[dict]:
        """All that happened to the stack so far."""
        pages = self.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=STACK)
        return [event for page in pages for event in page["StackEvents"]]

    def of(self, resource: str) -> dict:
        """A resource's properties as CloudFormation took them."""
        return self.processed["Resources"][resource]["Properties"]


def functions(stack: Deployment, checks: Checks) -> None:
    """Each function, its environment, and what it is called by."""
    checks.equal("the functions are those of the contract", set(stack.functions), set(FUNCTIONS))
    for name, row in stack.functions.items():
        checks.equal(f"{name} runs on", (row["Runtime"], row["Architectures"], row["Handler"]),
                     ("provided.al2023", ["x86_64"], "bootstrap"))
        checks.equal(f"{name} has the environment of the contract", set(row["Environment"]["Variables"]), ENVIRONMENT[name])
        layers = [layer["Arn"] for layer in row.get("Layers", [])]
        expected = [stack.ids[next(one for one in stack.ids if stack.types[one] == "AWS::Lambda::LayerVersion")]]
        checks.equal(f"{name}'s layers", layers, expected if name in ("worker", "approve", "console") else [])
        groups = stack.client("logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{STACK}-{name}")["logGroups"]
        checks.equal(f"{name}'s log is kept", [group.get("retentionInDays") for group in groups], [90])
    roles = [row["Role"] for row in stack.functions.values()]
    checks.equal("each function has a role of its own", len(set(roles)), len(FUNCTIONS))
    mappings = stack.client("lambda").list_event_source_mappings(FunctionName=f"{STACK}-worker")["EventSourceMappings"]
    checks.equal("the worker serves the lanes, answers for single messages, and only so many at a time", sorted(
        (one["EventSourceArn"].rsplit("-", 1)[-1], one["FunctionResponseTypes"], one["ScalingConfig"]["MaximumConcurrency"])
        for one in mappings), sorted([("urgent", ["ReportBatchItemFailures"], 10), ("work", ["ReportBatchItemFailures"], 5),
                                      ("bulk", ["ReportBatchItemFailures"], 2)]))
    tick = stack.client("scheduler").get_schedule(Name=f"{STACK}-tick")
    checks.equal("the clock ticks each minute", (tick["ScheduleExpression"], tick["Target"]["Arn"], tick["State"]),
                 ("rate(1 minute)", stack.functions["clock"]["FunctionArn"], "ENABLED"))


def interface(stack: Deployment, checks: Checks) -> None:
    """The API: its routes, who may call what behind them, throttles, and what its log holds."""
    api, gateway = stack.ids["Api"], stack.client("apigatewayv2")
    integrations = {one["IntegrationId"]: one["IntegrationUri"] for one in gateway.get_integrations(ApiId=api)["Items"]}
    routes = {one["RouteKey"]: (one["AuthorizationType"], integrations[one["Target"].split("/")[-1]].split(f"{STACK}-")[-1])
              for one in gateway.get_routes(ApiId=api)["Items"]}
    checks.equal("the routes are", routes, ROUTES)
    for name in FUNCTIONS:
        wanted = {f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api}/$default/{key.replace(' /', '/')}"
                  for key, (_, function) in ROUTES.items() if function == name}
        found: set[str] = set()
        if wanted:
            policy = json.loads(stack.client("lambda").get_policy(FunctionName=f"{STACK}-{name}")["Policy"])
            found = {arn for one in policy["Statement"] for kind in one["Condition"].values() for arn in kind.values()
                     if one["Principal"] == {"Service": "apigateway.amazonaws.com"}}
        checks.equal(f"{name} can be called by its routes only", found, wanted)
    stage = gateway.get_stage(ApiId=api, StageName="$default")
    given = stack.of("ApiStage")
    throttles = {key: value["ThrottlingRateLimit"] for key, value in given["RouteSettings"].items()}
    throttles["hooks"] = given["DefaultRouteSettings"]["ThrottlingRateLimit"]
    operator, hook = {"Ref": "OperatorRate"}, {"Ref": "HookRate"}
    checks.equal("routes are throttled", throttles, {"POST /console": operator, "POST /approve": operator, "hooks": hook})
    logged = set(re.findall(r"\$context\.[\w.]+", stage["AccessLogSettings"]["Format"]))
    checks.equal("the access log names nobody and holds neither query nor body", logged, {
        f"$context.{name}" for name in ("requestId", "requestTime", "routeKey", "status", "responseLength", "responseLatency",
                                        "integrationLatency", "error.responseType", "integrationErrorMessage")})
    json.loads(re.sub(r"\$context\.[\w.]+", "x", stage["AccessLogSettings"]["Format"]))
    address = stack.client("ssm").get_parameter(Name=f"/rollcall/{STACK}/api")["Parameter"]["Value"]
    checks.equal("operators find the API", address, f"https://{api}.execute-api.{REGION}.amazonaws.com")


def state(stack: Deployment, checks: Checks) -> None:
    """Queues, table, bucket and keys."""
    sqs = stack.client("sqs")
    for lane in LANES:
        url = stack.ids[f"{lane.title()}Queue"]
        queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        dead = sqs.get_queue_attributes(QueueUrl=stack.ids[f"{lane.title()}Dead"], AttributeNames=["All"])["Attributes"]
        checks.equal(f"{lane}: visibility, encryption", (queue["VisibilityTimeout"], queue["SqsManagedSseEnabled"],
                                                         dead["SqsManagedSseEnabled"]), ("720", "true", "true"))
        redrive = json.loads(queue["RedrivePolicy"])
        checks.equal(f"{lane}: dead letters after five deliveries", (redrive["deadLetterTargetArn"],
                     int(redrive["maxReceiveCount"])), (dead["QueueArn"], 5))
        checks.equal(f"{lane}: letters come from its queue only, and are kept for two weeks",
                     (json.loads(dead["RedriveAllowPolicy"])["sourceQueueArns"], dead["MessageRetentionPeriod"]),
                     ([queue["QueueArn"]], "1209600"))
    table = stack.client("dynamodb").describe_table(TableName=stack.ids["Ledger"])["Table"]
    index = table["GlobalSecondaryIndexes"][0]
    keys = lambda rows: {row["AttributeName"]: row["KeyType"] for row in rows}  # noqa: E731
    checks.equal("the table's keys and index", (keys(table["KeySchema"]), index["IndexName"], keys(index["KeySchema"]),
                 index["Projection"]["ProjectionType"]), ({"pk": "HASH", "sk": "RANGE"}, "due",
                 {"due_shard": "HASH", "due_at": "RANGE"}, "KEYS_ONLY"))
    checks.equal("the table is paid by request", table["BillingModeSummary"]["BillingMode"], "PAY_PER_REQUEST")
    ledger = stack.of("Ledger")
    checks.equal("the table forgets by `expires` and can be restored", (ledger["TimeToLiveSpecification"],
                 ledger["PointInTimeRecoverySpecification"]), ({"AttributeName": "expires", "Enabled": True},
                 {"PointInTimeRecoveryEnabled": True}))
    template = (ROOT / "infra/template.yaml").read_text()
    checks.that("deletion protection is on unless told otherwise", re.search(
        r"DeletionProtection:\n    Type: String\n    Default: \"true\"", template))
    s3, bucket, files = stack.client("s3"), stack.ids["Files"], stack.of("Files")
    checks.equal("the bucket keeps versions", s3.get_bucket_versioning(Bucket=bucket)["Status"], "Enabled")
    block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    checks.that("the bucket is nobody else's", len(block) == 4 and all(block.values()), block)
    policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    checks.equal("the bucket refuses plain connections", [(one["Effect"], one["Action"], one["Condition"]) for one in policy],
                 [("Deny", "s3:*", {"Bool": {"aws:SecureTransport": "false"}})])
    checks.that("the bucket encrypts, locks and clears out", files["BucketEncryption"] and files["ObjectLockEnabled"] is True
                and {rule["Id"] for rule in files["LifecycleConfiguration"]["Rules"]} == {"old-versions", "kept-for-a-day"})
    kms = stack.client("kms")
    for key, signer in (("ReceiptKey", "SealRole"), ("ApprovalKey", "ApproveRole")):
        about = kms.describe_key(KeyId=stack.ids[key])["KeyMetadata"]
        checks.equal(f"{key} signs with Ed25519", (about["KeySpec"], about["KeyUsage"]),
                     ("ECC_NIST_EDWARDS25519", "SIGN_VERIFY"))
        policy = json.loads(kms.get_key_policy(KeyId=stack.ids[key], PolicyName="default")["Policy"])["Statement"]
        signing = [one for one in policy if "kms:Sign" in one["Action"]]
        checks.that(f"{key}'s policy lets one role sign and nothing else do everything", len(signing) == 1
                    and signing[0]["Condition"]["ArnEquals"]["aws:PrincipalArn"].endswith(f"/{stack.ids[signer]}")
                    and not any("*" in action for one in policy for action in one["Action"]), policy)


def operations(stack: Deployment, checks: Checks) -> None:
    """Alarms, dashboard, tags."""
    alarms = stack.client("cloudwatch").describe_alarms(AlarmNamePrefix=f"{STACK}-")["MetricAlarms"]
    checks.equal("alarms", len(alarms), sum(kind == "AWS::CloudWatch::Alarm" for kind in stack.types.values()))
    topic = stack.ids["Alarms"]
    checks.that("every alarm goes to the topic, and says so when it is over",
                all(one["AlarmActions"] == one["OKActions"] == [topic] for one in alarms))
    named = {name for one in alarms for name in re.findall(r"docs/runbooks/[\w-]+\.md", one["AlarmDescription"])}
    checks.that("every alarm names its runbook", all("docs/runbooks/" in one["AlarmDescription"] for one in alarms))
    missing = sorted(name for name in named if not (ROOT / name).is_file())
    checks.equal("every runbook that is named is there", missing, [])
    ours = {(one["MetricName"], dimension["Value"]) for one in alarms if one["Namespace"] == "Rollcall"
            for dimension in one["Dimensions"]}
    checks.equal("our own metrics are watched for this stack", ours, {(name, STACK) for name in (
        "CutIncomplete", "CutWaiting", "AccessReturned", "GuardTripped", "CredentialFailing", "CredentialDaysLeft",
        "HookSilent", "ClockTicked")})
    body = json.loads(stack.client("cloudwatch").get_dashboard(DashboardName=STACK)["DashboardBody"])
    text = json.dumps(body)
    shown = ("TimeToCut", "TimeToCutFromEvent", "RunsEnded", "RowsRefused", "Retries", "QuotaUsed", "ReviewAge", "CutWaiting")
    checks.equal("the dashboard shows", [name for name in shown if name not in text], [])
    checks.that("the dashboard is of this stack", "${" not in text and text.count(STACK) > len(body["widgets"]), text[:300])
    tags = stack.client("lambda").list_tags(Resource=stack.functions["worker"]["FunctionArn"])["Tags"]
    checks.that("what is made carries tags", tags.get("Application") == "rollcall", tags)


def update(stack: Deployment, checks: Checks, layer: Path) -> None:
    """A changed mapping changes the layer and the functions that read it, and nothing else."""
    before, known = dict(stack.ids), {event["EventId"] for event in stack.events()}
    code = {name: row["CodeSha256"] for name, row in stack.functions.items()}
    table = layer / "config/tables/service.csv"
    table.write_text(table.read_text().rstrip("\n") + "\nsvc-new@corp.example\n")
    done = stack.deploy()
    checks.that("a second deploy succeeds", done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:])
    changed = {event["LogicalResourceId"] for event in stack.events() if event["EventId"] not in known
               and event["ResourceStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE")} - {STACK}
    stack.look()
    layers = {name for name in (*before, *stack.ids) if name.startswith("Configuration")}
    checks.equal("it changes the layer and who reads it", changed - layers,
                 {"WorkerFunction", "ApproveFunction", "ConsoleFunction"})
    checks.equal("no function's code changed", {name: row["CodeSha256"] for name, row in stack.functions.items()}, code)
    versions = stack.client("lambda").list_layer_versions(LayerName=f"{STACK}-config")["LayerVersions"]
    checks.equal("the version before it is still there", sorted(one["Version"] for one in versions), [1, 2])
    kept = {name: value for name, value in before.items() if name not in layers}
    checks.equal("everything else is what it was", {name: stack.ids.get(name) for name in kept}, kept)
    again = stack.deploy()
    checks.that("the same configuration changes nothing", "No changes to deploy" in again.stdout + again.stderr,
                again.stdout[-1000:] + again.stderr[-1000:])


def removal(stack: Deployment, checks: Checks) -> None:
    """A deleted stack leaves what is retained on purpose."""
    cloudformation = stack.client("cloudformation")
    cloudformation.delete_stack(StackName=STACK)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    tables = stack.client("dynamodb").list_tables()["TableNames"]
    buckets = {row["Name"] for row in stack.client("s3").list_buckets()["Buckets"]}
    keys = [stack.client("kms").describe_key(KeyId=stack.ids[key])["KeyMetadata"]["KeyState"]
            for key in ("ReceiptKey", "ApprovalKey")]
    versions = stack.client("lambda").list_layer_versions(LayerName=f"{STACK}-config")["LayerVersions"]
    checks.that("table, bucket, keys and configurations stay", stack.ids["Ledger"] in tables and stack.ids["Files"] in buckets
                and keys == ["Enabled", "Enabled"] and len(versions) == 2, (tables, buckets, keys, versions))
    mine = lambda names: [name for name in names if STACK in name]  # noqa: E731
    left = {
        "functions": mine(row["FunctionName"] for row in stack.client("lambda").list_functions()["Functions"]),
        "queues": mine(stack.client("sqs").list_queues().get("QueueUrls", [])),
        "roles": mine(row["RoleName"] for row in stack.client("iam").list_roles()["Roles"]),
        "policies": mine(row["PolicyName"] for row in stack.client("iam").list_policies(Scope="Local")["Policies"]),
        "interfaces": mine(row["Name"] for row in stack.client("apigatewayv2").get_apis()["Items"]),
        "alarms": mine(row["AlarmName"] for row in stack.client("cloudwatch").describe_alarms()["MetricAlarms"]),
        "dashboards": mine(row["DashboardName"] for row in stack.client("cloudwatch").list_dashboards()["DashboardEntries"]),
        "schedules": mine(row["Name"] for row in stack.client("scheduler").list_schedules()["Schedules"]),
        "topics": mine(row["TopicArn"] for row in stack.client("sns").list_topics()["Topics"]),
        "parameters": mine(row["Name"] for row in stack.client("ssm").describe_parameters()["Parameters"]),
    }
    checks.equal("nothing else does", {kind: names for kind, names in left.items() if names}, {})


def main() -> int:
    """Runs all of it against the local AWS that the environment names."""
    url = os.environ.get("ROLLCALL_TEST_AWS_URL") or sys.exit(
        "ROLLCALL_TEST_AWS_URL is not set: run this under tests/servers/with")
    packages = Path(os.environ.get("ROLLCALL_PACKAGES")
                    or Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "package/x86_64/zip").resolve()
    checks, began = Checks(), time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        layer = folder / "layer"
        shutil.copytree(ROOT / "tests/fixtures/config/company", layer / "config")
        stack = Deployment(url, folder, built(folder, packages, layer))
        print("==> what the rules refuse", flush=True)
        for wrong, why in (({"WorkerTimeout": "900"}, "six times WorkerTimeout"),
                           ({"OktaConnection": "", "OneloginConnection": ""}, "Set OktaConnection or OneloginConnection")):
            done = stack.deploy(f"{STACK}-refused", **wrong)
            checks.that(f"{wrong} is refused", done.returncode and why in done.stdout + done.stderr, done.stderr[-500:])
        print("==> sam deploy", flush=True)
        done = stack.deploy()
        checks.that("the template becomes a stack", done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:])
        if done.returncode == 0:
            stack.look()
            for part in (functions, interface, state, operations):
                print(f"==> {part.__name__}", flush=True)
                part(stack, checks)
            print("==> statements", flush=True)
            Rights(stack, checks).all()
            print("==> a changed mapping", flush=True)
            update(stack, checks, layer)
            print("==> delete", flush=True)
            removal(stack, checks)
    print(f"{time.monotonic() - began:.0f} s")
    print(f"{checks.passed} passed, {checks.failed} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
