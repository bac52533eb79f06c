// First and second delivery of an event in TypeScript's runtime with Powertools' idempotency: what delivery.py does, in Node.

import assert from "node:assert";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

process.env.AWS_LAMBDA_FUNCTION_NAME = "bench";
const [url, count, modules] = process.argv.slice(2);
// Beside the packages, which are not installed here.
const from = createRequire(pathToFileURL(`${modules}/`));
const { CreateTableCommand, DeleteTableCommand, DynamoDBClient, PutItemCommand } = from("@aws-sdk/client-dynamodb");
const { IdempotencyConfig, makeIdempotent } = from("@aws-lambda-powertools/idempotency");
const { DynamoDBPersistenceLayer } = from("@aws-lambda-powertools/idempotency/dynamodb");

const number = Number(count);
const client = new DynamoDBClient({
    endpoint: url,
    region: "us-east-1",
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
});
const table = `node-${process.hrtime.bigint()}`;
await client.send(
    new CreateTableCommand({
        TableName: table,
        BillingMode: "PAY_PER_REQUEST",
        KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
        AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
    }),
);
const payload = new URL("../../fixtures/payloads/okta/01-user-lifecycle-deactivate.json", import.meta.url);
const element = JSON.parse(readFileSync(payload)).data.events[0];
const handled = [];
const config = new IdempotencyConfig({ eventKeyJmesPath: "uuid" });
// As in a function, which knows how long it may go on.
config.registerLambdaContext({ getRemainingTimeInMillis: () => 60_000 });
const handle = makeIdempotent(
    async (event) => {
        handled.push(event.uuid);
        return { taken: event.uuid };
    },
    {
        persistenceStore: new DynamoDBPersistenceLayer({ tableName: table, awsSdkV3Client: client }),
        config,
    },
);

async function put(key, body) {
    try {
        await client.send(
            new PutItemCommand({
                TableName: table,
                Item: { id: { S: key }, body: { S: body } },
                ConditionExpression: "attribute_not_exists(id)",
            }),
        );
        return true;
    } catch (error) {
        assert.equal(error.name, "ConditionalCheckFailedException");
        return false;
    }
}

const took = {};
for (let place = 0; place < number; place++) {
    const event = { ...element, uuid: `event-${place}` };
    const body = JSON.stringify(event);
    for (const [name, call, expected] of [
        ["raw_put", () => put(`raw-${place}`, body), true],
        ["raw_put_again", () => put(`raw-${place}`, body), false],
        ["first", () => handle(event), { taken: event.uuid }],
        ["again", () => handle(event), { taken: event.uuid }],
    ]) {
        const began = performance.now();
        const answer = await call();
        const spent = performance.now() - began;
        assert.deepEqual(answer, expected, name);
        if (place >= Math.floor(number / 5)) {
            (took[name] ??= []).push(spent * 1000);
        }
    }
}
assert.equal(new Set(handled).size, number, "every event is handled");
assert.equal(handled.length, number, "and once");
const median = (all) => all.sort((one, other) => one - other)[Math.floor(all.length / 2)];
console.log(JSON.stringify(Object.fromEntries(Object.entries(took).map(([name, all]) => [name, median(all)]))));
await client.send(new DeleteTableCommand({ TableName: table }));
