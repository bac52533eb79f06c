// What the door for Okta does, in Node with the AWS SDK. Its own loop around the Runtime API in place of Lambda's interface client
// leaves out what that would cost.

import { createHash, timingSafeEqual } from "node:crypto";
import { Agent, request } from "node:http";

import { SendMessageBatchCommand, SQSClient } from "@aws-sdk/client-sqs";
import { GetParameterCommand, SSMClient } from "@aws-sdk/client-ssm";

const URGENT = new Set([
    "application.user_membership.deprovision",
    "application.user_membership.remove",
    "application.user_membership.revoke",
    "group.application_assignment.remove",
    "user.lifecycle.deactivate",
    "user.lifecycle.delete.completed",
    "user.lifecycle.delete.initiated",
    "user.lifecycle.suspend",
]);
const QUEUES = { urgent: process.env.ROLLCALL_QUEUE_URGENT, bulk: process.env.ROLLCALL_QUEUE_BULK };

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new Agent({ keepAlive: true });

function runtime(method, path, body) {
    return new Promise((resolve, reject) => {
        const headers = body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
        const call = request({ host, port, method, path: `/2018-06-01/runtime/${path}`, headers, agent }, (answer) => {
            const parts = [];
            answer.on("data", (part) => parts.push(part));
            answer.on("end", () => resolve({ headers: answer.headers, body: Buffer.concat(parts) }));
        });
        call.on("error", reject);
        call.end(body);
    });
}

const sqs = new SQSClient({});
const ssm = new SSMClient({});
const name = process.env.ROLLCALL_HOOK_SECRET.slice("ssm:".length);
const parameter = await ssm.send(new GetParameterCommand({ Name: name, WithDecryption: true }));
const digest = (text) => createHash("sha256").update(text).digest();
const secret = digest(parameter.Parameter.Value);

async function hook(event) {
    if (!timingSafeEqual(digest(event.headers.authorization ?? ""), secret)) {
        return { statusCode: 401 };
    }
    const body = event.isBase64Encoded ? Buffer.from(event.body, "base64").toString() : event.body;
    const lanes = new Map();
    for (const one of JSON.parse(body).data.events) {
        const lane = URGENT.has(one.eventType) ? "urgent" : "bulk";
        const signal = {
            key: `okta-main:${one.uuid}`,
            source: "okta-main",
            format: "okta_log_event",
            received_at: new Date().toISOString(),
            body: { inline: JSON.stringify(one) },
        };
        lanes.set(lane, [...(lanes.get(lane) ?? []), JSON.stringify({ signal })]);
    }
    const sends = [...lanes].map(async ([lane, messages]) => {
        const Entries = messages.map((message, index) => ({ Id: String(index), MessageBody: message }));
        const answer = await sqs.send(new SendMessageBatchCommand({ QueueUrl: QUEUES[lane], Entries }));
        return (answer.Successful ?? []).length === messages.length;
    });
    const taken = (await Promise.all(sends)).every(Boolean);
    return { statusCode: taken ? 200 : 503 };
}

for (;;) {
    const next = await runtime("GET", "invocation/next");
    const id = next.headers["lambda-runtime-aws-request-id"];
    const answer = await hook(JSON.parse(next.body));
    await runtime("POST", `invocation/${id}/response`, JSON.stringify(answer));
}
