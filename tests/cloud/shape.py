"""What a deployed stack consists of, asked of each service: functions, API, queues, table, bucket, keys, alarms, dashboard."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STACK = "rc-stack-test"
REGION = "us-east-1"
ACCOUNT = "000000000000"
FUNCTIONS = ("okta-hook", "onelogin-hook", "worker", "clock", "seal", "approve", "console")
LANES = ("urgent", "work", "bulk")

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


def functions(stack, checks) -> None:
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


def interface(stack, checks) -> None:
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


def state(stack, checks) -> None:
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
    checks.that("deletion protection is on unless told otherwise",
                "  DeletionProtection:\n    Type: String\n    Default: \"true\"" in template)
    s3, bucket, files = stack.client("s3"), stack.ids["Files"], stack.of("Files")
    checks.equal("the bucket keeps versions", s3.get_bucket_versioning(Bucket=bucket)["Status"], "Enabled")
    block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    checks.that("the bucket is nobody else's", len(block) == 4 and all(block.values()), block)
    policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    checks.equal("the bucket refuses plain connections", [(one["Effect"], one["Action"], one["Condition"]) for one in policy],
                 [("Deny", "s3:*", {"Bool": {"aws:SecureTransport": "false"}})])
    checks.that("the bucket encrypts, locks and clears out", bool(files["BucketEncryption"]) and files["ObjectLockEnabled"] is True
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


def operations(stack, checks) -> None:
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
