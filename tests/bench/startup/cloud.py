"""What surrounds a hook function in the cloud, as far as the function sees it, on loopback ports.

Lambda's Runtime API over HTTP (AWS Lambda Developer Guide, "Using the Lambda runtime API"), and SQS and Systems Manager over
TLS, each under a port of its own as each is a host of its own there (Amazon SQS API Reference, AWS Systems Manager API
Reference: JSON protocol). One function talks to one cloud, gets one event, and waits for a second that never comes.
"""

from __future__ import annotations

import hashlib
import json
import socket
import ssl
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

#: The value of the hook's header, as Systems Manager keeps it.
SECRET = "Bearer start-up-secret"
#: Its name there.
PARAMETER = "/rollcall/bench/hook/okta-main"

Answer = tuple[int, dict[str, str], bytes]
Handler = Callable[[str, dict[str, str], bytes], Answer]


@dataclass
class Seen:
    """What a cloud saw of its function; times are `time.perf_counter()` in seconds."""

    asked_at: float | None = None
    queued_at: float | None = None
    answered_at: float | None = None
    answer: dict | None = None
    #: Bodies of the messages of each queue.
    messages: dict[str, list[str]] = field(default_factory=dict)
    #: Calls in their order: `GetParameter`, `SendMessageBatch`, …
    calls: list[str] = field(default_factory=list)
    #: TLS connections that were opened.
    handshakes: int = 0


class Cloud:
    """The cloud of one function. `on_next` is called when the function asks for its event, before it gets it."""

    def __init__(self, event: dict, tls: ssl.SSLContext, on_next: Callable[[], None] = lambda: None) -> None:
        self.seen = Seen()
        self.done = threading.Event()
        self._event = json.dumps(event).encode()
        self._on_next = on_next
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self.runtime = self._listen(None, self._runtime)
        self.sqs = self._listen(tls, self._sqs)
        self.ssm = self._listen(tls, self._ssm)

    def close(self) -> None:
        self._closing.set()
        for each in self._sockets:
            each.close()

    def queue(self, lane: str) -> str:
        return f"https://localhost:{self.sqs}/123456789012/{lane}"

    # The services.

    def _runtime(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        if path.endswith("/runtime/invocation/next"):
            if self.seen.asked_at is not None:
                self._closing.wait()
                return 500, {}, b"{}"
            self.seen.asked_at = time.perf_counter()
            self._on_next()
            return 200, invocation_headers(), self._event
        self.seen.answered_at = time.perf_counter()
        ended_well = path.endswith("/invocation/8476a536-e9f4-11e8-9739-2dfe598c3fcd/response")
        self.seen.answer = json.loads(body) if ended_well else {"path": path, "body": body.decode(errors="replace")}
        self.done.set()
        return 202, {"content-type": "application/json"}, b'{"status":"OK"}'

    def _sqs(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        operation = headers["x-amz-target"].removeprefix("AmazonSQS.")
        call = json.loads(body)
        with self._lock:
            self.seen.calls.append(operation)
        if operation != "SendMessageBatch":
            # A hook function's role may send and nothing else.
            denied = {"__type": "com.amazon.coral.service#AccessDeniedException", "message": f"not authorized to perform: sqs:{operation}"}
            return 403, json_headers(), json.dumps(denied).encode()
        bodies = [entry["MessageBody"] for entry in call["Entries"]]
        with self._lock:
            self.seen.messages.setdefault(call["QueueUrl"].rsplit("/", 1)[-1], []).extend(bodies)
            self.seen.queued_at = time.perf_counter()
        taken = [
            {"Id": entry["Id"], "MessageId": str(uuid.uuid4()), "MD5OfMessageBody": hashlib.md5(entry["MessageBody"].encode()).hexdigest()}
            for entry in call["Entries"]
        ]
        return 200, json_headers(), json.dumps({"Successful": taken, "Failed": []}).encode()

    def _ssm(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        operation = headers["x-amz-target"].removeprefix("AmazonSSM.")
        call = json.loads(body)
        with self._lock:
            self.seen.calls.append(operation)
        if (operation, call.get("Name"), call.get("WithDecryption")) != ("GetParameter", PARAMETER, True):
            return 400, json_headers(), b'{"__type":"ParameterNotFound"}'
        parameter = {"Name": PARAMETER, "Type": "SecureString", "Value": SECRET, "Version": 1, "DataType": "text"}
        return 200, json_headers(), json.dumps({"Parameter": parameter}).encode()

    # The wire.

    def _listen(self, tls: ssl.SSLContext | None, handler: Handler) -> int:
        listener = socket.create_server(("127.0.0.1", 0), backlog=16)
        self._sockets.append(listener)
        threading.Thread(target=self._accept, args=(listener, tls, handler), daemon=True).start()
        return listener.getsockname()[1]

    def _accept(self, listener: socket.socket, tls: ssl.SSLContext | None, handler: Handler) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection, tls, handler), daemon=True).start()

    def _serve(self, connection: socket.socket, tls: ssl.SSLContext | None, handler: Handler) -> None:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls:
                connection = tls.wrap_socket(connection, server_side=True)
                with self._lock:
                    self.seen.handshakes += 1
            with connection, connection.makefile("rb") as reader:
                while request := read_request(reader):
                    status, headers, body = handler(*request)
                    head = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}", *(f"{name}: {value}" for name, value in headers.items())]
                    connection.sendall("\r\n".join([*head, "", ""]).encode() + body)
        except (OSError, ValueError):
            # The function was ended, or ended the connection itself.
            return


def read_request(reader) -> tuple[str, dict[str, str], bytes] | None:
    """Path, headers with small names and body of the next request; nothing at the end."""
    line = reader.readline()
    if not line:
        return None
    path = line.split(b" ")[1].decode()
    headers: dict[str, str] = {}
    while (line := reader.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return path, headers, reader.read(int(headers.get("content-length", 0)))
    body = b""
    while size := int(reader.readline(), 16):
        body += reader.read(size)
        reader.readline()
    reader.readline()
    return path, headers, body


def json_headers() -> dict[str, str]:
    return {"content-type": "application/x-amz-json-1.1", "x-amzn-requestid": str(uuid.uuid4())}


def invocation_headers() -> dict[str, str]:
    """Those of "Next invocation" in the guide's page; an identifier from its examples."""
    return {
        "content-type": "application/json",
        "lambda-runtime-aws-request-id": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
        "lambda-runtime-deadline-ms": str(int(time.time() * 1000) + 30_000),
        "lambda-runtime-invoked-function-arn": "arn:aws:lambda:us-east-2:123456789012:function:hook",
        "lambda-runtime-trace-id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1",
    }


def hook_event(body: str, secret: str) -> dict:
    """An Okta event hook as an HTTP API hands it over (payload format version 2.0)."""
    return {
        "version": "2.0",
        "routeKey": "POST /okta",
        "rawPath": "/okta",
        "rawQueryString": "",
        "headers": {
            "accept": "application/json",
            "authorization": secret,
            "content-length": str(len(body.encode())),
            "content-type": "application/json",
            "host": "hooks.example.com",
            "user-agent": "Okta-Integrations",
            "x-forwarded-for": "192.0.2.1",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api-id",
            "domainName": "hooks.example.com",
            "domainPrefix": "hooks",
            "http": {"method": "POST", "path": "/okta", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "Okta-Integrations"},
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "POST /okta",
            "stage": "$default",
            "time": "02/Mar/2026:12:00:00 +0000",
            "timeEpoch": 1772452800000,
        },
        "body": body,
        "isBase64Encoded": False,
    }
