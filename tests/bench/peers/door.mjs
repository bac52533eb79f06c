// A door's own work in Node: the same as src/bin/door.rs, with what the platform has. Prints the same lines.

import { createHash, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";

const SECRET = "Bearer 4f0c6f1e8f6c4b2f9f5a0d3c7e1b8a92";
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
const BATCH = 64;
const digest = (text) => createHash("sha256").update(text).digest();
const secret = digest(SECRET);

// Answers how many messages were made; they go nowhere.
function take(headers, body) {
    if (!timingSafeEqual(digest(headers.authorization ?? ""), secret)) {
        throw new Error("refused");
    }
    const lanes = new Map();
    const seen = new Set();
    for (const one of JSON.parse(body).data.events) {
        const key = `okta-main:${one.uuid}`;
        if (seen.has(key)) {
            continue;
        }
        seen.add(key);
        const signal = {
            key,
            source: "okta-main",
            format: "okta_log_event",
            received_at: new Date().toISOString(),
            body: { inline: JSON.stringify(one) },
        };
        const lane = URGENT.has(one.eventType) ? "urgent" : "bulk";
        if (!lanes.has(lane)) {
            lanes.set(lane, []);
        }
        lanes.get(lane).push(JSON.stringify({ signal }));
    }
    let taken = 0;
    for (const messages of lanes.values()) {
        taken += messages.length;
    }
    return taken;
}

const [seconds, ...files] = process.argv.slice(2);
for (const file of files) {
    const body = readFileSync(file);
    const one = () => take({ authorization: SECRET }, body.toString());
    for (let warm = 0; warm < 20 * BATCH; warm++) {
        one();
    }
    const began = process.hrtime.bigint();
    const until = BigInt(Math.round(seconds * 1e9));
    let requests = 0;
    let events = 0;
    while (process.hrtime.bigint() - began < until) {
        for (let batch = 0; batch < BATCH; batch++) {
            events += one();
        }
        requests += BATCH;
    }
    const took = Number(process.hrtime.bigint() - began) / 1e3;
    console.log(JSON.stringify({ events_a_body: events / requests, requests, us_an_event: took / events }));
}
