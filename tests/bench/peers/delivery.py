"""First and second delivery of an event in Python with Powertools' idempotency, and one raw conditional put with the same client.

`delivery.py URL NUMBER` prints medians as one line of JSON, in microseconds. Powertools writes twice at the first delivery, the key as
begun and the result as done, and once at the second, which it refuses by the result. It keeps no event and no order. Its cache in the
process is off, as a repeated delivery seldom meets the same process.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from statistics import median
from types import SimpleNamespace

os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1", "POWERTOOLS_SERVICE_NAME": "bench"}

import boto3  # noqa: E402
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig, idempotent_function  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402

PAYLOAD = Path(__file__).resolve().parent.parent.parent / "fixtures/payloads/okta/01-user-lifecycle-deactivate.json"


def main() -> None:
    url, number = sys.argv[1], int(sys.argv[2])
    client = boto3.client("dynamodb", endpoint_url=url)
    table = f"python-{time.time_ns()}"
    client.create_table(TableName=table, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}])
    element = json.loads(PAYLOAD.read_text())["data"]["events"][0]
    handled = []

    config = IdempotencyConfig(event_key_jmespath="uuid")
    # As in a function, which knows how long it may go on.
    config.register_lambda_context(SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000))

    @idempotent_function(data_keyword_argument="event", config=config,
                         persistence_store=DynamoDBPersistenceLayer(table_name=table, boto3_client=client))
    def handle(event: dict) -> dict:
        handled.append(event["uuid"])
        return {"taken": event["uuid"]}

    def put(key: str, body: str) -> bool:
        try:
            client.put_item(TableName=table, Item={"id": {"S": key}, "body": {"S": body}}, ConditionExpression="attribute_not_exists(id)")
            return True
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ConditionalCheckFailedException", error
            return False

    took: dict[str, list[float]] = {}
    for place in range(number):
        event = element | {"uuid": f"event-{place}"}
        body = json.dumps(event)
        for name, call, expected in (
            ("raw_put", lambda: put(f"raw-{place}", body), True),
            ("raw_put_again", lambda: put(f"raw-{place}", body), False),
            ("first", lambda: handle(event=event), {"taken": event["uuid"]}),
            ("again", lambda: handle(event=event), {"taken": event["uuid"]}),
        ):
            began = time.perf_counter()
            answer = call()
            spent = time.perf_counter() - began
            assert answer == expected, (name, answer)
            if place >= number // 5:
                took.setdefault(name, []).append(spent * 1e6)
    assert len(handled) == len(set(handled)) == number, "every event is handled once"
    print(json.dumps({name: median(all_) for name, all_ in took.items()}))
    client.delete_table(TableName=table)


main()
