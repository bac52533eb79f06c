"""What becomes of a deployed stack: by a changed mapping, by other parameters, and when it is deleted."""

from __future__ import annotations

from pathlib import Path

from shape import ACCOUNT, FUNCTIONS, REGION, ROUTES, STACK
from statements import Rights


def pinned(stack, checks, layer: Path) -> dict[str, bytes]:
    """What the bucket holds of configurations once a new worker has started with the present one.

    The local AWS unpacks layers for Python and Node only, so the worker is told where the folder lies.
    """
    name, serving = f"{STACK}-worker", stack.client("lambda")
    variables = serving.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    serving.update_function_configuration(
        FunctionName=name, Environment={"Variables": variables | {"ROLLCALL_CONFIG": str(layer / "config")}})
    answer = serving.invoke(FunctionName=name, Payload=b'{"Records": []}')
    checks.that("a worker starts with the configuration", "FunctionError" not in answer, answer["Payload"].read())
    s3, bucket = stack.client("s3"), stack.ids["Files"]
    kept = s3.list_objects_v2(Bucket=bucket, Prefix="configurations/").get("Contents", [])
    return {row["Key"]: s3.get_object(Bucket=bucket, Key=row["Key"])["Body"].read() for row in kept}


def update(stack, checks, layer: Path) -> None:
    """A changed mapping changes the layer and the functions that read it, and nothing else."""
    first = pinned(stack, checks, layer)
    checks.equal("the worker kept its configuration for runs that pin it", len(first), 1)
    before, resources = dict(stack.ids), stack.processed["Resources"]
    code = {name: row["CodeSha256"] for name, row in stack.functions.items()}
    table = layer / "config/tables/service.csv"
    table.write_text(table.read_text() + "etl@corp.example,it@corp.example\n")
    done = stack.deploy()
    checks.that("a second deploy succeeds", done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:])
    stack.look()
    # The local AWS walks over every resource at an update, so what CloudFormation was told is compared, and what came of it below.
    now = stack.processed["Resources"]
    changed = {name for name in (*resources, *now) if resources.get(name) != now.get(name)}
    layers = {name for name in (*before, *stack.ids) if name.startswith("Configuration")}
    checks.equal("it changes the layer and who reads it", changed - layers,
                 {"WorkerFunction", "ApproveFunction", "ConsoleFunction"})
    checks.equal("no function's code changed", {name: row["CodeSha256"] for name, row in stack.functions.items()}, code)
    versions = stack.client("lambda").list_layer_versions(LayerName=f"{STACK}-config")["LayerVersions"]
    checks.equal("the version before it is still there", sorted(one["Version"] for one in versions), [1, 2])
    kept = {name: value for name, value in before.items() if name not in layers}
    checks.equal("everything else is what it was", {name: stack.ids.get(name) for name in kept}, kept)
    both = pinned(stack, checks, layer)
    checks.that("a worker of the new configuration keeps that one too, and runs that wait find theirs untouched",
                len(both) == 2 and first.items() <= both.items(), sorted(both))
    again = stack.deploy()
    checks.that("the same configuration changes nothing, which `sam` ends with 1",
                again.returncode == 1 and "No changes to deploy" in again.stdout + again.stderr,
                again.stdout[-1000:] + again.stderr[-1000:])


def otherwise(stack, checks) -> None:
    """The parameters that take something away or add something, all at once."""
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:pager"
    done = stack.deploy(OneloginConnection="", PreviousSecrets="true", VendorSecrets="both", Tracing="Active",
                        AlarmTopic=topic, WorkerTimeout="300", QueueVisibility="1800")
    checks.that("other parameters deploy", done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:])
    stack.look()
    checks.equal("a hook that is not wanted is not there", set(stack.functions), set(FUNCTIONS) - {"onelogin-hook"})
    paths = {one["RouteKey"] for one in stack.client("apigatewayv2").get_routes(ApiId=stack.ids["Api"])["Items"]}
    checks.equal("nor are its routes", paths, {key for key in ROUTES if "onelogin" not in key})
    rights = Rights(stack, checks)
    said = {name: {one["Sid"]: one for one in rights.statements(role.rsplit("/", 1)[-1])} for name, role in rights.roles.items()}
    checks.that("a door reads the secret before it, too", said["okta-hook"]["PreviousSecret"]["Resource"].endswith(
        f":parameter/rollcall/{STACK}/hook/okta-main-previous"), said["okta-hook"])
    checks.that("a worker reads Secrets Manager, too", said["worker"]["VendorSecrets"]["Resource"].endswith(
        f":secret:rollcall/{STACK}/vendor/*") and "VendorParameters" in said["worker"], said["worker"])
    checks.that("every function may trace", all("Trace" in one for one in said.values()))
    alarms = stack.client("cloudwatch").describe_alarms(AlarmNamePrefix=f"{STACK}-")["MetricAlarms"]
    checks.that("alarms go to the topic that was named", all(one["AlarmActions"] == [topic] for one in alarms)
                and "Alarms" not in stack.ids)
    checks.equal("the worker takes its time", (stack.functions["worker"]["Timeout"], stack.client("sqs").get_queue_attributes(
        QueueUrl=stack.ids["WorkQueue"], AttributeNames=["VisibilityTimeout"])["Attributes"]["VisibilityTimeout"]), (300, "1800"))


def removal(stack, checks) -> None:
    """A deleted stack leaves what is retained on purpose."""
    cloudformation = stack.client("cloudformation")
    stack.client("ssm").delete_parameter(Name=f"/rollcall/{STACK}/vendor/okta-main")
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
