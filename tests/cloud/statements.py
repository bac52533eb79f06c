"""Who may do what in a deployed stack, asked of IAM: by the text of each statement, and by letting IAM judge calls."""

from __future__ import annotations

import json
import re

# What a resource may end in besides a name: what it holds is not known when the stack is made.
OPEN_ENDS = {
    r":log-group:/aws/lambda/[\w-]+:\*$": "streams of its own log group",
    r"/(bodies|configurations|evidence|expected|kept|lists|receipts|signals)/\*$": "files under one prefix",
    r":parameter/rollcall/[\w-]+/vendor/\*$": "vendors' secrets, which the configuration names",
}
SERVICES = {
    "okta-hook": {"ssm", "sqs", "s3", "logs"},
    "onelogin-hook": {"ssm", "sqs", "s3", "logs"},
    "worker": {"sqs", "dynamodb", "s3", "ssm", "lambda", "kms", "logs"},
    "clock": {"dynamodb", "sqs", "s3", "logs"},
    "seal": {"dynamodb", "s3", "kms", "logs"},
    "approve": {"dynamodb", "s3", "sqs", "kms", "logs"},
    "console": {"dynamodb", "s3", "sqs", "logs"},
}


def listed(value: str | list[str]) -> list[str]:
    """IAM writes one as itself and several as a list."""
    return [value] if isinstance(value, str) else value


class Rights:
    """The roles and policies of one stack."""

    def __init__(self, stack, checks) -> None:
        self.stack, self.checks = stack, checks
        self.iam = stack.client("iam")
        self.roles = {name: row["Role"] for name, row in stack.functions.items()}
        ids, prefix = stack.ids, stack.functions["worker"]["FunctionArn"].split(":function:")[0].replace(":lambda:", ":{}:")
        arn = lambda service, rest: f"{prefix.format(service)}:{rest}"  # noqa: E731
        name = stack.functions["worker"]["FunctionName"].removesuffix("-worker")
        self.arns = {
            "okta secret": arn("ssm", f"parameter/rollcall/{name}/hook/okta-main"),
            "onelogin secret": arn("ssm", f"parameter/rollcall/{name}/hook/onelogin-main"),
            "vendor secret": arn("ssm", f"parameter/rollcall/{name}/vendor/sf-us"),
            "table": arn("dynamodb", f"table/{ids['Ledger']}"),
            "index": arn("dynamodb", f"table/{ids['Ledger']}/index/due"),
            "bucket": f"arn:aws:s3:::{ids['Files']}",
            "receipt": f"arn:aws:s3:::{ids['Files']}/receipts/run_1.json",
            "signal": f"arn:aws:s3:::{ids['Files']}/signals/0f",
            "evidence": f"arn:aws:s3:::{ids['Files']}/evidence/run_1/0f",
            "body": f"arn:aws:s3:::{ids['Files']}/bodies/0f",
            "configuration": f"arn:aws:s3:::{ids['Files']}/configurations/0f",
            "receipt key": arn("kms", f"key/{ids['ReceiptKey']}"),
            "approval key": arn("kms", f"key/{ids['ApprovalKey']}"),
            **{lane: arn("sqs", f"{name}-{lane}") for lane in ("urgent", "work", "bulk", "urgent-dead", "work-dead")},
            **{function: stack.functions[function]["FunctionArn"] for function in ("seal", "clock", "worker")},
            "POST /console": arn("execute-api", f"{ids['Api']}/$default/POST/console"),
            "POST /approve": arn("execute-api", f"{ids['Api']}/$default/POST/approve"),
            "address": arn("ssm", f"parameter/rollcall/{name}/api"),
        }

    def statements(self, role: str) -> list[dict]:
        """All statements of a role: it has inline policies only."""
        found = []
        for policy in self.iam.list_role_policies(RoleName=role)["PolicyNames"]:
            document = self.iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
            document = json.loads(document) if isinstance(document, str) else document
            found += document["Statement"]
        return found

    def may(self, function: str, action: str, what: str) -> bool:
        """IAM's own judgement on a call by a function's role."""
        answer = self.iam.simulate_principal_policy(
            PolicySourceArn=self.roles[function], ActionNames=[action], ResourceArns=[self.arns[what]])
        return answer["EvaluationResults"][0]["EvalDecision"] == "allowed"

    def all(self) -> None:
        """Texts, then judgements."""
        self.texts()
        self.judgements()
        self.operators()

    def texts(self) -> None:
        """Every statement is named, allows only, and names its actions and resources."""
        for name, role in self.roles.items():
            role = role.rsplit("/", 1)[-1]
            statements = self.statements(role)
            attached = self.iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
            self.checks.equal(f"{name} has no policy that others share", attached, [])
            sids = [one.get("Sid") for one in statements]
            self.checks.that(f"{name}: every statement has a name of its own", all(sids) and len(set(sids)) == len(sids), sids)
            actions = {action for one in statements for action in listed(one["Action"])}
            self.checks.equal(f"{name} uses", {action.split(":")[0] for action in actions}, SERVICES[name])
            self.checks.that(f"{name}: actions are named", not any("*" in action for action in actions), actions)
            loose = [resource for one in statements for resource in listed(one["Resource"])
                     if "*" in resource and not any(re.search(end, resource) for end in OPEN_ENDS)]
            self.checks.equal(f"{name}: resources are named", loose, [])

    def judgements(self) -> None:
        """What must be allowed, and what must not be."""
        allowed = [
            ("okta-hook", "ssm:GetParameter", "okta secret"), ("onelogin-hook", "ssm:GetParameter", "onelogin secret"),
            ("okta-hook", "sqs:SendMessage", "urgent"), ("okta-hook", "s3:PutObject", "signal"),
            ("worker", "sqs:ReceiveMessage", "bulk"), ("worker", "sqs:SendMessage", "work"), ("worker", "sqs:SendMessage", "urgent"),
            ("worker", "ssm:GetParameter", "vendor secret"), ("worker", "dynamodb:PutItem", "table"),
            ("worker", "lambda:InvokeFunction", "seal"), ("worker", "kms:GetPublicKey", "approval key"),
            ("worker", "s3:PutObject", "configuration"), ("worker", "s3:DeleteObjectVersion", "evidence"),
            ("worker", "dynamodb:Scan", "table"), ("clock", "dynamodb:Query", "index"),
            ("clock", "sqs:SendMessage", "urgent"), ("seal", "s3:PutObjectRetention", "receipt"),
            ("seal", "dynamodb:Query", "table"), ("seal", "kms:Sign", "receipt key"), ("approve", "kms:Sign", "approval key"),
            ("approve", "sqs:SendMessage", "work"), ("console", "sqs:DeleteMessage", "urgent-dead"),
        ]
        for function, action, what in allowed:
            self.checks.that(f"{function} may {action} on {what}", self.may(function, action, what))
        doors = ("okta-hook", "onelogin-hook")
        everyone = tuple(self.roles)
        refused = [
            (("onelogin-hook", "worker", "clock", "seal", "approve", "console"), "ssm:GetParameter", "okta secret"),
            (("okta-hook", "worker", "clock", "seal", "approve", "console"), "ssm:GetParameter", "onelogin secret"),
            ((*doors, "clock", "seal", "approve", "console"), "ssm:GetParameter", "vendor secret"),
            (tuple(name for name in everyone if name != "seal"), "kms:Sign", "receipt key"),
            (tuple(name for name in everyone if name != "approve"), "kms:Sign", "approval key"),
            (tuple(name for name in everyone if name != "seal"), "s3:PutObject", "receipt"),
            (everyone, "s3:DeleteObject", "receipt"), (everyone, "s3:BypassGovernanceRetention", "receipt"),
            ((*doors,), "sqs:ReceiveMessage", "urgent"), ((*doors,), "s3:GetObject", "signal"),
            ((*doors, "seal", "approve", "console"), "s3:ListBucket", "bucket"),
            ((*doors, "clock", "seal", "approve", "console"), "dynamodb:ConditionCheckItem", "table"),
            ((*doors,), "dynamodb:GetItem", "table"), (("clock", "seal"), "dynamodb:PutItem", "table"),
            (("approve", "console", "clock", "seal"), "sqs:ReceiveMessage", "urgent"),
            (tuple(name for name in everyone if name != "worker"), "lambda:InvokeFunction", "seal"),
            (tuple(name for name in everyone if name != "worker"), "dynamodb:Scan", "table"),
            (tuple(name for name in everyone if name != "worker"), "s3:DeleteObjectVersion", "evidence"),
            (everyone, "s3:DeleteObjectVersion", "receipt"), (everyone, "s3:DeleteObjectVersion", "configuration"),
            (everyone, "dynamodb:UpdateItem", "table"),
            (everyone, "dynamodb:DeleteTable", "table"), (everyone, "lambda:UpdateFunctionCode", "worker"),
        ]
        for functions, action, what in refused:
            granted = [function for function in functions if self.may(function, action, what)]
            self.checks.equal(f"{action} on {what} is not for {', '.join(functions) if functions != everyone else 'anybody'}",
                              granted, [])

    def operators(self) -> None:
        """What people are given."""
        def judged(policy: str, action: str, what: str) -> str:
            arn = self.stack.ids[policy]
            version = self.iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            document = self.iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
            text = document if isinstance(document, str) else json.dumps(document)
            answer = self.iam.simulate_custom_policy(
                PolicyInputList=[text], ActionNames=[action], ResourceArns=[self.arns[what]])
            return answer["EvaluationResults"][0]["EvalDecision"]

        calls = (("execute-api:Invoke", "POST /console"), ("execute-api:Invoke", "POST /approve"),
                 ("ssm:GetParameter", "address"), ("ssm:GetParameter", "vendor secret"))
        for policy, expected in (("Operators", [True, False, True, False]), ("Approvers", [True, True, True, False])):
            found = [judged(policy, action, what) == "allowed" for action, what in calls]
            self.checks.equal(f"{policy} reach {[what for _, what in calls]}", found, expected)
