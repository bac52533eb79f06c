"""A ledger that was restored beside the stack's own: docs/runbooks/restore.md, steps 2 and 3, and back again.

tests/cloud/guide types that page's own commands; this asks each service what became of them.
"""

from __future__ import annotations

from shape import ACCOUNT, REGION, STACK
from statements import Rights, listed

# What stands in the stack's own table from before, and so in the restored one.
ROW = {"pk": {"S": "DOC#test"}, "sk": {"S": "before"}}


def arn(table: str) -> str:
    """Of a table of this account."""
    return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}"


def named(stack, checks) -> tuple[set[str], set[str]]:
    """Tables that functions are told of, and tables that statements of their roles name."""
    told = {row["Environment"]["Variables"].get("ROLLCALL_TABLE") for row in stack.functions.values()} - {None}
    rights, may = Rights(stack, checks), set()
    for role in rights.roles.values():
        for statement in rights.statements(role.rsplit("/", 1)[-1]):
            may |= {resource for resource in listed(statement["Resource"]) if ":dynamodb:" in resource}
    return told, may


def update(stack, table: str) -> None:
    """As the runbook does it: the same template, every parameter but one as it is."""
    cloudformation = stack.client("cloudformation")
    known = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["Parameters"]
    cloudformation.update_stack(
        StackName=STACK, UsePreviousTemplate=True, Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        Parameters=[{"ParameterKey": "LedgerTable", "ParameterValue": table}] + [
            {"ParameterKey": one["ParameterKey"], "UsePreviousValue": True} for one in known
            if one["ParameterKey"] != "LedgerTable"])
    cloudformation.get_waiter("stack_update_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    stack.look()


def there_and_back(stack, checks) -> None:
    """The parameter `LedgerTable` is set and emptied again."""
    dynamodb, own, before = stack.client("dynamodb"), stack.ids["Ledger"], dict(stack.ids)
    other = f"{own}-restored"
    dynamodb.put_item(TableName=own, Item=ROW | {"note": {"S": "before the damage"}})
    dynamodb.restore_table_to_point_in_time(SourceTableName=own, TargetTableName=other, UseLatestRestorableTime=True)
    dynamodb.get_waiter("table_exists").wait(TableName=other)
    update(stack, other)
    told, may = named(stack, checks)
    checks.equal("every function uses the restored table", told, {other})
    checks.equal("and may use no other; the clock its index besides", may, {arn(other), f"{arn(other)}/index/due"})
    checks.equal("the stack says which table is in use", outputs(stack)["Table"], other)
    checks.equal("no resource was made anew", {name: stack.ids.get(name) for name in before}, before)
    checks.that("the stack's own table keeps what it held", "Item" in dynamodb.get_item(TableName=own, Key=ROW))
    update(stack, "")
    told, may = named(stack, checks)
    checks.equal("emptied again, every function uses the stack's own table", told, {own})
    checks.equal("and may use no other then", may, {arn(own), f"{arn(own)}/index/due"})
    checks.equal("which the stack says", outputs(stack)["Table"], own)
    checks.equal("and still nothing was made anew", {name: stack.ids.get(name) for name in before}, before)
    checks.that("the other one is nobody's to delete", "Item" in dynamodb.get_item(TableName=other, Key=ROW))


def outputs(stack) -> dict[str, str]:
    """What the stack says of itself."""
    described = stack.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    return {one["OutputKey"]: one["OutputValue"] for one in described["Outputs"]}
