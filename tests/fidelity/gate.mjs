// A validating proxy before the simulated Okta: Prism judges every call and every answer by Okta's OpenAPI document.
//
//     node gate.mjs TOOLS DOCUMENT RECORD
//
// prints its address in a line of JSON, takes the simulator's address as a line of its input, and ends when its input closes. Every
// exchange becomes a line of JSON in RECORD, with whatever Prism found.
//
// It is Prism's own engine (`prism proxy` is made of it), with two things done otherwise than on its command line:
//
// * Bytes go through as they are. Prism's own forwarder writes bodies anew and joins repeated headers into one, so that a client
//   would be checked against something else than the simulator.
// * Every violation is written down, however many. `prism proxy` names them in a header of 8 KiB and cuts what is longer, or, with
//   `--errors`, answers in the vendor's place from the first on, and nothing behind it is seen any more.
import { appendFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import readline from 'node:readline';

const [tools, document, record] = process.argv.slice(2);
const require = createRequire(path.join(path.resolve(tools), 'node_modules/'));
const { createInstance, getHttpOperationsFromSpec } = require('@stoplight/prism-http');

const silent = { child: () => silent, success() {}, trace() {}, debug() {}, info() {}, warn() {}, error() {}, fatal() {} };
const SEVERITY = ['error', 'warning', 'information', 'hint'];
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding']);
writeFileSync(record, '');

let lead;
const behind = new Promise((resolve) => (lead = resolve));
const lines = readline.createInterface({ input: process.stdin });
lines.on('line', (line) => lead(new URL(line.trim())));
lines.on('close', () => process.exit(0));

async function whole(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Sends a request on as it came, but for the host, and gives the answer as it came. */
function forward(request, body, upstream) {
  return new Promise((resolve, reject) => {
    const headers = [];
    for (let at = 0; at < request.rawHeaders.length; at += 2) {
      const name = request.rawHeaders[at].toLowerCase();
      if (!HOP_BY_HOP.has(name)) headers.push(request.rawHeaders[at], name === 'host' ? upstream.host : request.rawHeaders[at + 1]);
    }
    const chunked = request.headers['transfer-encoding'] !== undefined;
    if (chunked) headers.push('content-length', String(body.length));
    const onward = http.request(
      { host: upstream.hostname, port: upstream.port, method: request.method, path: request.url, headers, agent: false },
      async (answer) => {
        try {
          resolve({ status: answer.statusCode, headers: answer.headers, raw: answer.rawHeaders, body: await whole(answer) });
        } catch (error) {
          reject(error);
        }
      },
    );
    onward.on('error', reject);
    onward.end(body.length ? body : undefined);
  });
}

/** A body as Prism reads it: JSON where it says so, else text. */
function read(body, type) {
  if (!/^application\/([\w.+-]+\+)?json\b/i.test(type ?? '')) return body.toString();
  return JSON.parse(body.toString());
}

function plain(headers) {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]));
}

/** What kind of value is at a place, `null` told apart: most of what the document gets wrong is that something may be null. */
function kind(whole_, at) {
  const found = at.reduce((value, part) => value?.[part], whole_);
  return found === null ? 'null' : Array.isArray(found) ? 'array' : typeof found;
}

const operations = getHttpOperationsFromSpec(document);

/** Executes one call and says what Prism finds in it. */
async function judge(request, body) {
  const upstream = await behind;
  let answer;
  const prism = createInstance(
    { isProxy: true, mock: false, errors: false, checkSecurity: true, validateRequest: true, validateResponse: true, upstream },
    {
      logger: silent,
      forward: () => () => async () => {
        try {
          answer = await forward(request, body, upstream);
          const read_ = answer.body.length ? read(answer.body, answer.headers['content-type']) : '';
          return { _tag: 'Right', right: { statusCode: answer.status, headers: plain(answer.headers), body: read_ } };
        } catch (left) {
          return { _tag: 'Left', left };
        }
      },
    },
  );
  const url = new URL(request.url, 'http://gate.example');
  const query = {};
  for (const name of url.searchParams.keys()) {
    const values = url.searchParams.getAll(name);
    query[name] = values.length === 1 ? values[0] : values;
  }
  const input = {
    method: request.method.toLowerCase(),
    url: { path: url.pathname, query },
    headers: plain(request.headers),
    body: body.length ? read(body, request.headers['content-type']) : null,
  };
  const judged = await prism.request(input, await operations)();
  if (judged._tag === 'Left') throw judged.left;
  const { output, validations } = judged.right;
  const name = (side, whole_) => (one) => {
    const at = (one.path ?? []).map(String);
    return { side, at, severity: SEVERITY[one.severity], code: one.code ?? null, message: one.message, found: kind(whole_, at) };
  };
  return { answer, violations: [...validations.input.map(name('request', input)), ...validations.output.map(name('response', output))] };
}

const server = http.createServer(async (request, response) => {
  const line = { method: request.method, target: request.url, by: request.headers['user-agent'] ?? '', dpop: 'dpop' in request.headers };
  try {
    const body = await whole(request);
    const { answer, violations } = await judge(request, body);
    const links = [].concat(answer.headers.link ?? []);
    appendFileSync(record, JSON.stringify({ ...line, status: answer.status, violations, links }) + '\n');
    const headers = [];
    for (let at = 0; at < answer.raw.length; at += 2) {
      if (!HOP_BY_HOP.has(answer.raw[at].toLowerCase())) headers.push(answer.raw[at], answer.raw[at + 1]);
    }
    if (!('content-length' in answer.headers) && answer.status !== 204) headers.push('content-length', String(answer.body.length));
    response.sendDate = false;
    response.writeHead(answer.status, headers);
    response.end(answer.body);
  } catch (error) {
    // Nobody judged this call: that is a finding, too.
    appendFileSync(record, JSON.stringify({ ...line, status: null, violations: [], links: [], trouble: String(error.stack ?? error) }) + '\n');
    request.socket.destroy();
  }
});
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}` })));
