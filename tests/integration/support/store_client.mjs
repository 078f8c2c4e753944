// SPDX-License-Identifier: MIT
//
// A client of the message store in JavaScript, written from the wire description alone, and what it expects of a
// server. Only node:http, node:crypto and node:assert.
//
//     node store_client.mjs PORT TOKEN        runs all; prints a line each; exit 1 when one failed
//
// `ours` tells a server that has Millrace's extensions from one that has not.

import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import http from 'node:http';

const [port, adminToken] = [Number(process.argv[2]), process.argv[3]];
const ours = process.env.STORE_PROGRAM === undefined;
const agent = new http.Agent({ keepAlive: true, maxSockets: 50 });

/** One request; resolves with { status, headers, text, reused }. */
function request(method, path, { body, token, headers = {} } = {}) {
  return new Promise((resolve, reject) => {
    const sent = http.request({ host: '127.0.0.1', port, method, path, agent,
      headers: { ...(token ? { Authorization: `Bearer ${token}` } : {}), ...headers } }, (answer) => {
      const parts = [];
      answer.on('data', (part) => parts.push(part));
      answer.on('error', reject);
      answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers,
        text: Buffer.concat(parts).toString('utf8'), reused: sent.reusedSocket }));
    });
    sent.on('error', reject);
    if (Array.isArray(body)) for (const part of body) sent.write(part); // chunked
    sent.end(Array.isArray(body) ? undefined : body);
  });
}

class Failure extends Error {
  constructor(status, error) {
    super(`${status} ${error.code}: ${error.message}`);
    Object.assign(this, { status, code: error.code, details: error.details });
  }
}

class Store {
  constructor(token) { this.token = token; }

  async raw(...call) {
    const answer = await request('POST', '/rpc', { body: JSON.stringify(call), token: this.token });
    if (answer.status !== 200) throw new Failure(answer.status, JSON.parse(answer.text).error);
    return answer.text;
  }

  async call(...call) { return JSON.parse(await this.raw(...call)); }
  write(stream, type, data, options) { return this.call('stream.write', stream, { type, data }, options ?? {}); }

  /** Reads the event stream as a browser does; `for await` gives { event, data, id } until it is closed. */
  async subscribe(query, headers = {}) {
    const answer = await new Promise((resolve, reject) => {
      const sent = http.get({ host: '127.0.0.1', port, agent: false, path: `/subscribe?${new URLSearchParams(query)}`,
        headers: { Authorization: `Bearer ${this.token}`, Accept: 'text/event-stream', ...headers } }, resolve);
      sent.on('error', reject);
      setTimeout(() => reject(new Error('a subscription is not answered')), 5000).unref();
    });
    return new Events(answer);
  }
}

class Events {
  constructor(answer) {
    this.answer = answer;
    this.queue = [];
    this.waiting = null;
    this.ended = false;
    let rest = '';
    answer.setEncoding('utf8');
    answer.on('data', (part) => {
      rest += part;
      for (let end; (end = rest.indexOf('\n\n')) >= 0; rest = rest.slice(end + 2)) this.take(rest.slice(0, end));
    });
    const finish = () => { this.ended = true; this.wake(); };
    answer.on('end', finish);
    answer.on('error', finish);
    answer.on('close', finish);
  }

  take(text) {
    const event = { event: 'message', data: null, id: null };
    for (const line of text.split('\n')) {
      const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line);
      if (field === 'data') event.data = event.data === null ? value : `${event.data}\n${value}`;
      else if (field === 'event' || field === 'id') event[field] = value;
    }
    if (event.data !== null) { this.queue.push({ ...event, data: JSON.parse(event.data) }); this.wake(); }
  }

  wake() { this.waiting?.(); this.waiting = null; }

  /** The next event; null at the end of the stream; fails after five seconds. */
  async next(ms = 5000) {
    const deadline = Date.now() + ms;
    while (this.queue.length === 0 && !this.ended) {
      const left = deadline - Date.now();
      assert.ok(left > 0, 'no event came');
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, left);
        this.waiting = () => { clearTimeout(timer); resolve(); };
      });
    }
    return this.queue.shift() ?? null;
  }

  close() { this.answer.destroy(); }
}

const admin = new Store(adminToken);
let made = 0;

/** A namespace of its own for each test. */
async function fresh() {
  const { token } = await admin.call('ns.create', `node-${process.pid}-${made++}`);
  return new Store(token);
}

const refused = async (promise, status, code) => {
  await assert.rejects(promise, (error) => error.status === status && error.code === code
    || assert.fail(`expected ${status} ${code}, got ${error}`));
};

/** Which member of `size` owns a stream, computed here and not by the server. */
function member(stream, size) {
  const cardinal = stream.slice(stream.indexOf('-') + 1).split('+')[0];
  const hash = crypto.createHash('md5').update(cardinal).digest().readBigInt64BE(0);
  return Number((hash < 0n ? -hash : hash) % BigInt(size));
}

const tests = {
  async 'open endpoints answer without a token, others do not'() {
    assert.deepEqual(JSON.parse((await request('GET', '/health')).text), { status: 'ok' });
    assert.equal(typeof JSON.parse((await request('GET', '/version')).text).version, 'string');
    assert.equal((await request('GET', '/nothing')).status, 404);
    await refused(new Store(undefined).call('sys.version'), 401, 'AUTH_REQUIRED');
    await refused(new Store('rubbish').call('sys.version'), 401, 'AUTH_INVALID_TOKEN');
    await refused(new Store(adminToken.replace(/0$/, '1')).call('sys.version'), 403, 'AUTH_UNAUTHORIZED');
    const asQuery = await request('POST', `/rpc?token=${adminToken}`, { body: '["sys.version"]' });
    assert.equal(asQuery.status, 200);
  },

  async 'connections are kept'() {
    const store = await fresh();
    let reused = 0;
    for (let i = 0; i < 20; i++)
      reused += (await request('POST', '/rpc', { body: '["sys.health"]', token: store.token })).reused;
    assert.ok(reused >= 19, `only ${reused} of 20 requests came on an old connection`);
  },

  async 'what is written is read'() {
    const store = await fresh();
    const data = { text: 'ä€😀 "quoted" \\ \n\t\u0001', list: [1, [2, {}]], yes: true, nothing: null };
    assert.deepEqual(await store.write('account-1', 'Opened', data), { position: 0, globalPosition: 1 });
    await store.call('stream.write', 'account-1', { type: 'Moved', data: {}, metadata: { by: 'me' } });
    const [first, second] = await store.call('stream.get', 'account-1');
    assert.match(first[0], /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.deepEqual(first.slice(1, 6), ['Opened', 0, 1, data, null]);
    assert.match(first[6], /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
    assert.deepEqual(second.slice(1, 6), ['Moved', 1, 2, {}, { by: 'me' }]);
    assert.deepEqual(await store.call('stream.last', 'account-1'), second);
    assert.equal(await store.call('stream.version', 'account-1'), 1);
    assert.equal(await store.call('stream.version', 'account-2'), null);
    assert.deepEqual(await store.call('stream.get', 'account-2'), []);
  },

  async 'numbers keep their digits'() {
    if (!ours) return;
    const store = await fresh();
    const text = '{"big":12345678901234567890,"one":1.0,"tiny":1e-400,"long":0.1234567890123456789}';
    const written = await request('POST', '/rpc', { token: store.token,
      body: `["stream.write","n-1",{"type":"T","data":${text}}]` });
    assert.equal(written.status, 200);
    assert.ok((await store.raw('stream.get', 'n-1')).includes(text));
  },

  async 'an expected version is checked, and exactly one of ten wins'() {
    const store = await fresh();
    await store.write('a-1', 'T', {}, { expectedVersion: -1 });
    await assert.rejects(store.write('a-1', 'T', {}, { expectedVersion: 5 }), (error) =>
      error.status === 409 && error.code === 'STREAM_VERSION_CONFLICT'
      && error.details.expected === 5 && error.details.actual === 0);
    const results = await Promise.allSettled(
      Array.from({ length: 10 }, (_, i) => store.write('a-1', 'T', { i }, { expectedVersion: 0 })));
    assert.equal(results.filter((result) => result.status === 'fulfilled').length, 1);
    assert.equal(await store.call('stream.version', 'a-1'), 1);
  },

  async 'a hundred writers of a hundred streams do not disturb each other'() {
    const store = await fresh();
    const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => store.write(`s-${i}`, 'T', { i })));
    assert.ok(answers.every((answer) => answer.position === 0));
    assert.deepEqual(answers.map((answer) => answer.globalPosition).sort((a, b) => a - b),
      Array.from({ length: 100 }, (_, i) => i + 1));
  },

  async 'members of a group share a category without loss'() {
    const store = await fresh();
    for (let i = 0; i < 60; i++) await store.write(`job-${i % 20}${i % 3 ? `+${i}` : ''}`, 'T', { i });
    await store.write('other-1', 'T', {});
    const seen = [];
    for (let m = 0; m < 4; m++) {
      const messages = await store.call('category.get', 'job', { consumerGroup: { member: m, size: 4 } });
      for (const message of messages) assert.equal(member(message[1], 4), m, message[1]);
      seen.push(...messages.map((message) => message[4]));
    }
    assert.deepEqual(seen.sort((a, b) => a - b), Array.from({ length: 60 }, (_, i) => i + 1));
    assert.equal((await store.call('category.get', '')).length, 61);
    assert.equal((await store.call('category.get', 'job', { position: 31, batchSize: 7 }))[6][4], 37);
  },

  async 'a subscription has no hole between what was and what comes'() {
    const store = await fresh();
    const total = ours ? 1700 : 900;
    const lines = Array.from({ length: total }, (_, i) => JSON.stringify({ id: crypto.randomUUID(),
      stream: `feed-${i % 7}`, type: 'T', pos: Math.floor(i / 7), gpos: i + 1, data: { i }, meta: null,
      time: '2025-01-15T10:00:00Z' }));
    const report = await request('POST', '/import', { token: store.token,
      body: lines.map((line) => `${line}\n`) });
    assert.ok(report.text.includes('"done":true'), report.text);
    const events = await store.subscribe({ category: 'feed', position: 1 });
    assert.equal(events.answer.statusCode, 200);
    assert.match(events.answer.headers['content-type'], /^text\/event-stream/);
    let expected = 1, last = 0;
    const writing = (async () => { for (let i = 0; i < 100; i++) await store.write(`feed-${i % 7}`, 'T', { i }); })();
    while (last < total + 100) {
      const { event, data } = await events.next();
      assert.equal(event, 'poke');
      assert.ok(data.globalPosition <= expected, `a hole before ${data.globalPosition}`);
      expected = Math.max(expected, data.globalPosition + 1);
      last = data.globalPosition;
    }
    await writing;
    events.close();
  },

  async 'a subscriber of a group gets what its member owns'() {
    if (!ours) return;
    const store = await fresh();
    const events = await store.subscribe({ category: 'g', consumer: 1, size: 2 });
    const wanted = [];
    for (let i = 1; i <= 30; i++) {
      const { globalPosition } = await store.write(`g-${i}`, 'T', {});
      if (member(`g-${i}`, 2) === 1) wanted.push(globalPosition);
    }
    const got = [];
    while (got.length < wanted.length) got.push((await events.next()).data.globalPosition);
    assert.deepEqual(got, wanted);
    events.close();
  },

  async 'a browser goes on where it was, and may have messages instead of pokes'() {
    if (!ours) return;
    const store = await fresh();
    for (let i = 0; i < 10; i++) await store.write('b-1', 'T', { i });
    const first = await store.subscribe({ stream: 'b-1' });
    let id;
    for (let i = 0; i < 4; i++) ({ id } = await first.next());
    first.close();
    const second = await store.subscribe({ stream: 'b-1' }, { 'Last-Event-ID': id });
    assert.equal((await second.next()).data.position, 4);
    second.close();
    const bodies = await store.subscribe({ stream: 'b-1', position: 9, body: 'true' });
    assert.ok(JSON.stringify((await bodies.next()).data).includes('"i":9'));
    bodies.close();
  },

  async 'namespaces do not see each other, and end their subscriptions'() {
    const [a, b] = [await fresh(), await fresh()];
    await a.write('s-1', 'T', {});
    assert.deepEqual(await b.call('stream.get', 's-1'), []);
    assert.equal((await b.write('s-1', 'T', {})).globalPosition, 1);
    const id = Buffer.from(a.token.split('_')[1], 'base64url').toString();
    await refused(admin.call('ns.create', id), 409, 'NAMESPACE_EXISTS');
    const info = await admin.call('ns.info', id);
    assert.equal(info.messageCount, 1);
    const events = await a.subscribe({ stream: 's-1' });
    await events.next();
    await admin.call('ns.delete', id);
    if (ours) assert.equal(await events.next(), null);
    events.close();
    await refused(admin.call('ns.info', id), 404, 'NAMESPACE_NOT_FOUND');
    await refused(a.call('stream.get', 's-1'), 403, 'AUTH_UNAUTHORIZED');
  },

  async 'wrong requests are told what is wrong'() {
    const store = await fresh();
    for (const [body, status, code] of [
      ['', 400, 'INVALID_REQUEST'], ['{}', 400, 'INVALID_REQUEST'], ['[]', 400, 'INVALID_REQUEST'],
      ['[1]', 400, 'INVALID_REQUEST'], ['["no.such"]', 404, 'METHOD_NOT_FOUND'],
      ['["stream.write","a"]', 400, 'INVALID_REQUEST'], ['["stream.write","",{}]', 400, 'INVALID_REQUEST'],
      ['["stream.write","a",{"type":"T","data":[]}]', 400, 'INVALID_REQUEST'],
      ['["stream.get","a",{"batchSize":10001}]', 400, 'INVALID_REQUEST'],
      ['["category.get","a",{"consumerGroup":{"member":2,"size":2}}]', 400, 'INVALID_REQUEST'],
    ]) {
      const answer = await request('POST', '/rpc', { body, token: store.token });
      assert.deepEqual([answer.status, JSON.parse(answer.text).error?.code], [status, code], body);
    }
    assert.equal((await request('GET', '/rpc', { token: store.token })).status, 405);
    assert.equal((await request('GET', '/subscribe', { token: store.token })).status, 400);
  },

  async 'many messages are stored at once or not at all, and an id only once'() {
    if (!ours) return;
    const store = await fresh();
    const id = crypto.randomUUID();
    const first = await store.write('i-1', 'T', { a: 1 }, { id });
    const again = await store.write('i-1', 'T', { a: 1 }, { id: id.toUpperCase() });
    assert.deepEqual({ ...again }, { ...first, duplicate: true });
    await refused(store.write('i-1', 'T', { a: 2 }, { id }), 409, 'MESSAGE_ID_CONFLICT');
    const messages = Array.from({ length: 5 }, (_, i) => ({ type: 'T', data: { i } }));
    await store.call('stream.append', 'm-1', messages, { expectedVersion: -1 });
    await refused(store.call('stream.append', 'm-1', messages, { expectedVersion: -1 }), 409,
      'STREAM_VERSION_CONFLICT');
    assert.equal(await store.call('stream.version', 'm-1'), 4);
    await refused(store.call('batch.write', [['x-1', messages[0]], ['m-1', messages[0], { expectedVersion: 9 }]]),
      409, 'STREAM_VERSION_CONFLICT');
    assert.equal(await store.call('stream.version', 'x-1'), null);
    await store.call('batch.write', [['x-1', messages[0]], ['m-1', messages[0], { expectedVersion: 4 }]]);
    assert.deepEqual([await store.call('stream.version', 'x-1'), await store.call('stream.version', 'm-1')], [0, 5]);
  },
};

let failed = 0;
for (const [name, run] of Object.entries(tests)) {
  try {
    await Promise.race([run(), new Promise((_, reject) => {
      setTimeout(() => reject(new Error('it takes too long')), 60000).unref();
    })]);
    console.log(`ok      ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAILED  ${name}\n${error.stack}`);
  }
}
agent.destroy();
process.exit(failed ? 1 : 0);
