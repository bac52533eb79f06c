"""What functions ask of AWS, counted: a relay between them and the local AWS.

Functions are given the relay's address as AWS_ENDPOINT_URL. It hands every request on unchanged, so signatures stay valid, and
writes down who asked (the access key, which belongs to one function), which service and operation, and what AWS charges for.
"""

from __future__ import annotations

import http.client
import json
import math
import re
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

CREDENTIAL = re.compile(r"Credential=([^/]+)/\d{8}/[^/]+/([^/]+)/aws4_request")
# What S3 answers for what it does not let anybody see.
DENIED = b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclass(frozen=True)
class Asked:
    """One request of a function."""

    at: float
    key: str
    service: str
    operation: str
    # Whether the local AWS said that the role may not. Some services say so with 403, others with 400, which means much else.
    denied: bool
    # DynamoDB's units (writes: whole KB, twice in a transaction, one more for the index; strong reads: whole 4 KB).
    writes: float
    reads: float
    # Messages in it, for a queue.
    messages: int
    # The IAM actions that it takes, each with the ARN that it takes it on.
    needs: tuple[tuple[str, str], ...]


def operation_of(service: str, method: str, path: str, headers) -> str:
    """The operation as IAM and price lists name it."""
    target = headers.get("x-amz-target")
    if target:
        return target.rsplit(".", 1)[-1]
    if service == "s3":
        single = {"GET": "GetObject", "PUT": "PutObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}
        asked = parse_qs(urlsplit(path).query, keep_blank_values=True)
        if "list-type" in asked or "versions" in asked:
            return "ListObjectVersions" if "versions" in asked else "ListObjects"
        return single.get(method, method) + ("Version" if "versionId" in asked else "")
    if service == "lambda":
        return "Invoke" if path.endswith("/invocations") else f"{method} {path}"
    return f"{method} {path}"


def item_bytes(item: dict) -> int:
    """DynamoDB's size of an item: the bytes of its names and values (Developer Guide, "Item sizes and formats")."""
    size = 0
    for name, value in item.items():
        size += len(name.encode())
        kind, content = next(iter(value.items()))
        if kind in ("S", "B"):
            size += len(content.encode())
        elif kind == "N":
            size += len(content) // 2 + 2
        else:
            size += len(json.dumps(content))
    return size


def write_units(put: dict) -> float:
    """One put's units: whole KB of the item, and one for the index of due items when it is in there."""
    item = put.get("Item", {})
    return max(1, math.ceil(item_bytes(item) / 1024)) + (1 if "due_at" in item else 0)


def units(operation: str, body: bytes, answer: bytes) -> tuple[float, float]:
    """Write and read units of one request (Developer Guide, "Read and write operations")."""
    try:
        asked = json.loads(body or b"{}")
        told = json.loads(answer or b"{}")
    except ValueError:
        return 0.0, 0.0
    if operation == "TransactWriteItems":
        total = 0.0
        for part in asked.get("TransactItems", []):
            total += write_units(part["Put"]) if "Put" in part else 1
        return 2 * total, 0.0
    if operation == "PutItem":
        return write_units(asked), 0.0
    if operation in ("DeleteItem", "UpdateItem"):
        return 1.0, 0.0
    if operation == "GetItem":
        return 0.0, max(1, math.ceil(item_bytes(told.get("Item", {})) / 4096))
    if operation == "BatchGetItem":
        keys = sum(len(table["Keys"]) for table in asked.get("RequestItems", {}).values())
        rows = [row for rows in told.get("Responses", {}).values() for row in rows]
        found = sum(max(1, math.ceil(item_bytes(row) / 4096)) for row in rows)
        return 0.0, found + keys - len(rows)
    if operation == "Query":
        strong = asked.get("ConsistentRead", False)
        read = max(1, math.ceil(sum(item_bytes(row) for row in told.get("Items", [])) / 4096))
        return 0.0, read if strong else read / 2
    return 0.0, 0.0


def messages_in(operation: str, body: bytes) -> int:
    """How many messages a request to a queue is about."""
    return len(json.loads(body or b"{}").get("Entries", [])) if operation.endswith("Batch") else 1


def needs(service: str, operation: str, path: str, headers, body: bytes, scope: str) -> tuple[tuple[str, str], ...]:
    """What IAM is asked about a request (Service Authorization Reference): actions with the ARNs of what they are taken on."""
    if service == "s3":
        key = unquote(urlsplit(path).path.strip("/"))
        listing = {"HeadObject": "GetObject", "ListObjects": "ListBucket", "ListObjectVersions": "ListBucketVersions"}
        action = listing.get(operation, operation)
        found = [(f"s3:{action}", f"arn:aws:s3:::{key}")]
        if "x-amz-object-lock-mode" in headers:
            found.append(("s3:PutObjectRetention", f"arn:aws:s3:::{key}"))
        return tuple(found)
    if service == "lambda":
        name = unquote(urlsplit(path).path.split("/")[3])
        arn = name if name.startswith("arn:") else f"arn:aws:lambda:{scope}:function:{name}"
        return ((f"lambda:{operation}Function" if operation == "Invoke" else f"lambda:{operation}", arn),)
    try:
        asked = json.loads(body or b"{}")
    except ValueError:
        return ()
    if service == "dynamodb":
        def table(name: str) -> str:
            return f"arn:aws:dynamodb:{scope}:table/{name}"

        if operation == "TransactWriteItems":
            names = {"Put": "PutItem", "Delete": "DeleteItem", "Update": "UpdateItem", "ConditionCheck": "ConditionCheckItem"}
            parts = [next(iter(part.items())) for part in asked["TransactItems"]]
            return tuple(sorted({(f"dynamodb:{names[kind]}", table(part["TableName"])) for kind, part in parts}))
        if operation == "BatchGetItem":
            return tuple(("dynamodb:BatchGetItem", table(name)) for name in asked["RequestItems"])
        arn = table(asked["TableName"]) + (f"/index/{asked['IndexName']}" if "IndexName" in asked else "")
        return ((f"dynamodb:{operation}", arn),)
    if service == "sqs":
        queue = asked.get("QueueUrl", "").rsplit("/", 1)[-1]
        return ((f"sqs:{operation.removesuffix('Batch')}", f"arn:aws:sqs:{scope}:{queue}"),)
    if service == "ssm":
        return ((f"ssm:{operation}", f"arn:aws:ssm:{scope}:parameter{asked.get('Name', '')}"),)
    if service == "kms":
        key = asked.get("KeyId", "")
        return ((f"kms:{operation}", key if key.startswith("arn:") else f"arn:aws:kms:{scope}:key/{key}"),)
    if service == "secretsmanager":
        return ((f"secretsmanager:{operation}", f"arn:aws:secretsmanager:{scope}:secret:{asked.get('SecretId', '')}"),)
    return ((f"{service}:{operation}", "*"),)


class Relay:
    """Listens on a free loopback port until closed."""

    def __init__(self, port: int, ahead: tuple[str, int], scope: str):
        # What stands in ARNs between the service and the resource: region and account.
        self._scope = scope
        self._asked: list[Asked] = []
        self._last = time.time()
        # Whether S3 denies what is missing to everybody but those whose keys are here, as AWS does to whoever may not list the bucket.
        self.listers: set[str] | None = None
        self._lock = threading.Lock()
        relay = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # An answer goes out as one packet: two would wait for each other's acknowledgement.
            wbufsize = -1
            disable_nagle_algorithm = True

            def setup(self):
                super().setup()
                self.ahead = http.client.HTTPConnection(*ahead, timeout=150)

            def finish(self):
                self.ahead.close()
                super().finish()

            def log_message(self, *_):
                pass

            def handle(self):
                # A function that was killed leaves half a connection behind.
                with suppress(ConnectionError):
                    super().handle()

            def handle_any(self):
                try:
                    relay.relay(self)
                except (OSError, http.client.HTTPException):
                    # No answer is an answer too: the caller's connection is closed, and it does what it does then.
                    self.close_connection = True

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def take(self) -> list[Asked]:
        """Everything asked since this was last called."""
        with self._lock:
            asked, self._asked = self._asked, []
        return asked

    def asked(self) -> list[Asked]:
        """Everything asked so far, which stays."""
        with self._lock:
            return list(self._asked)

    def silent_for(self) -> float:
        """Seconds since somebody asked for something."""
        with self._lock:
            return time.time() - self._last

    def relay(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("content-length") or 0)
        body = handler.rfile.read(length) if length else b""
        for attempt in (1, 2):
            try:
                handler.ahead.putrequest(handler.command, handler.path, skip_host=True, skip_accept_encoding=True)
                for name, value in handler.headers.items():
                    if name.lower() not in HOP_BY_HOP:
                        handler.ahead.putheader(name, value)
                handler.ahead.putheader("content-length", str(len(body)))
                handler.ahead.endheaders(body)
                answer = handler.ahead.getresponse()
                break
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                # The server closed an idle connection: nothing was taken yet, so the same request goes over a new one.
                handler.ahead.close()
                if attempt == 2:
                    raise
        told = answer.read()
        key = self._note(handler, body, answer.status, told)
        if self.listers is not None and key not in self.listers and answer.status == 404 and b"<Code>NoSuchKey</Code>" in told:
            answer.status, answer.reason, told = 403, "Forbidden", DENIED
        handler.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP:
                handler.send_header(name, value)
        bodiless = handler.command == "HEAD" or answer.status in (204, 304)
        handler.send_header("content-length", answer.getheader("content-length", "0") if bodiless else str(len(told)))
        handler.end_headers()
        if not bodiless:
            handler.wfile.write(told)

    def _note(self, handler: BaseHTTPRequestHandler, body: bytes, status: int, told: bytes) -> str:
        """Writes a request down; whose key it was."""
        found = CREDENTIAL.search(handler.headers.get("authorization", ""))
        key, service = found.groups() if found else ("", "unsigned")
        operation = operation_of(service, handler.command, handler.path, handler.headers)
        writes, reads = units(operation, body, told) if service == "dynamodb" else (0.0, 0.0)
        with self._lock:
            self._last = time.time()
            needed = needs(service, operation, handler.path, handler.headers, body, self._scope)
            messages = messages_in(operation, body) if service == "sqs" else 0
            denied = status in (400, 403) and b"AccessDenied" in told
            self._asked.append(Asked(time.time(), key, service, operation, denied, writes, reads, messages, needed))
        return key
