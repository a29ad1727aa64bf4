import { expect } from 'chai';
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  answering,
  ask,
  events,
  json,
  KEY,
  TOKEN,
  useModelWorld,
} from '../../../test/support/model-world.ts';
import { eventuallyTrue } from '../../../test/support/eventually.ts';
import { BODY_MAX_BYTES } from './body.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
/** What buffers hold that somebody holds: how much of it is resident says as much of the collector's hurry. */
const liveBytes = (): number => {
  collect();
  return process.memoryUsage().arrayBuffers;
};

const CHAT = { model: 'gpt-5', messages: [] };
const codeIn = (body: string): unknown => {
  const { error } = JSON.parse(body) as { error: { code?: unknown; type?: unknown; status?: unknown } };
  return error.status ?? error.code ?? error.type;
};

describe('whoever has no token', () => {
  const world = useModelWorld();

  it('gets no answer but the protocol’s own 401, wherever it looks', async () => {
    const wrong = [
      {},
      { authorization: 'Bearer x' },
      { authorization: TOKEN },
      { authorization: `Basic ${TOKEN}` },
      { 'x-api-key': `${TOKEN}x` },
      { 'x-api-key': '' },
    ];
    const types = {
      anthropic: 'authentication_error',
      openai: 'invalid_api_key',
      gemini: 'UNAUTHENTICATED',
    } as const;
    for (const provider of ['anthropic', 'openai', 'gemini'] as const) {
      const { port } = await world.begin({ provider });
      for (const headers of wrong)
        for (const path of [
          '/',
          '/v1/messages',
          '/v1/chat/completions',
          `/v1/models?key=${TOKEN.toUpperCase()}`,
          '/v1/files',
        ]) {
          const { status, body } = await ask(port, path, { headers, body: CHAT });
          expect([status, codeIn(body)], path).to.deep.equal([401, types[provider]]);
          expect(body).to.not.include(TOKEN);
        }
    }
    expect(world.upstream.seen).to.deep.equal([]);
  });
});

describe('an agent with a token', () => {
  const world = useModelWorld();
  const { upstream } = world;

  it('reaches nothing but models, however it spells a path', async () => {
    const agent = await world.begin();
    const paths = [
      '/v1/files',
      '/v1/batches',
      '/v1/responses/resp_1',
      '/v1/fine_tuning/jobs',
      '/v1/organization/users',
      '/v1/embeddings',
      '/v1/chat/completions/',
      '/v1//chat/completions',
      '/v1/../admin',
      '/v1/chat/../files',
      '/v1/%2e%2e/chat/completions',
      '/v1/chat%2Fcompletions',
      '/v1/chat/completions;x',
      '/V1/chat/completions',
      '/chat/completions',
      '/there/chat/completions',
      'http://evil.test/v1/chat/completions',
      '/v1/models/..',
      '/v1/models/a/../b',
      '/v1/messages',
      '*',
    ];
    for (const path of paths)
      for (const method of ['POST', 'GET', 'DELETE', 'OPTIONS'])
        expect([path, (await agent.ask(path, { method, body: CHAT })).status]).to.deep.equal([path, 404]);
    for (const [path, method] of [
      ['/v1/chat/completions', 'GET'],
      ['/v1/models', 'DELETE'],
      ['/v1/models', 'POST'],
    ] as const)
      expect((await agent.ask(path, { method })).status).to.equal(404);
    expect(upstream.seen).to.deep.equal([]);
    const gemini = await world.begin({ provider: 'gemini' });
    for (const path of [
      '/v1beta/models/..:generateContent',
      '/v1beta/files',
      '/v1beta/models/m:batchGenerateContent',
      '/v1beta/models/m%2f..:generateContent',
      '/v1beta/cachedContents',
    ])
      expect((await gemini.ask(path, { body: CHAT })).status, path).to.equal(404);
    expect(upstream.seen).to.deep.equal([]);
  });

  it('is told of no redirection, and nothing is sent after it', async () => {
    const elsewhere: string[] = [];
    for (const status of [301, 302, 303, 307, 308]) {
      upstream.handle = answering(world, (response) =>
        response.writeHead(status, { location: `${upstream.base}/else` }).end(),
      );
      const agent = await world.begin();
      const { status: told, headers } = await agent.ask('/v1/chat/completions', { body: CHAT });
      expect([told, headers.location]).to.deep.equal([502, undefined]);
      expect((await agent.end()).failure?.message).to.match(/redirection/);
      elsewhere.push(...upstream.seen.filter(({ url }) => url === '/else').map(({ url }) => url));
    }
    expect(elsewhere).to.deep.equal([]);
  });

  it('sees nothing of the account', async () => {
    upstream.handle = answering(world, (response) => {
      response
        .setHeader('openai-organization', 'acme')
        .setHeader('anthropic-organization-id', 'acme')
        .setHeader('set-cookie', 'acme=1');
      json(response.setHeader('x-request-id', 'r1').setHeader('retry-after', '3'), {});
    });
    const { headers } = await (await world.begin()).ask('/v1/chat/completions', { body: CHAT });
    expect(headers).to.include({ 'x-request-id': 'r1', 'retry-after': '3' });
    expect(JSON.stringify(headers)).to.not.include('acme');
  });

  it('smuggles no request behind another', async () => {
    const { port } = await world.begin();
    const body = JSON.stringify(CHAT);
    const heads = [
      `content-length: ${body.length}\r\ntransfer-encoding: chunked`,
      `content-length: ${body.length}\r\ncontent-length: 5`,
      'transfer-encoding: gzip, chunked',
      `content-length: ${body.length}\r\nx: a\rhost: b`,
      `content-length: ${body.length}\r\n folded: 1`,
    ];
    for (const head of heads) {
      const socket = connect({ port, host: '127.0.0.1' });
      socket.on('error', () => {});
      socket.write(
        `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TOKEN}\r\n${head}\r\n\r\n${body}GET /v1/files HTTP/1.1\r\nhost: x\r\n\r\n`,
      );
      expect(await text(socket).catch(() => ''), head).to.match(/^(HTTP\/1\.1 4\d\d|$)/);
    }
    expect(upstream.seen.filter(({ url }) => url !== '/there/chat/completions')).to.deep.equal([]);
  });

  it('has its connection’s own headers stay behind, and cannot name the length one of them', async () => {
    upstream.handle = answering(world, (response) => json(response, {}));
    const agent = await world.begin();
    await agent.ask('/v1/chat/completions', {
      body: CHAT,
      headers: {
        connection: 'close, x-secret, content-length',
        'x-secret': '1',
        te: 'trailers',
        'x-forwarded-for': '1.1.1.1',
      },
    });
    expect(world.heads[0]).to.not.have.any.keys('x-secret', 'te', 'x-forwarded-for');
    expect(JSON.parse(world.bodies[0] ?? '')).to.deep.equal(CHAT);
  });

  const bodies: [string, string | Buffer][] = [
    ['names its model twice', '{"model":"cheap","model":"dear"}'],
    ['hides whether it streams', '{"model":"m","str\\u0065am":true}'],
    ['is in UTF-16', Buffer.from('{"model":"m"}', 'utf16le')],
    ['is followed by another', '{"model":"m"}{"model":"n"}'],
    ['names no model', '{"messages":[]}'],
    ['is no object', '["model"]'],
    ['does not end', '{"model":"m"'],
    ['is empty', ''],
  ];
  for (const [what, body] of bodies)
    it(`cannot have a body answered that ${what}`, async () => {
      let answered = 0;
      upstream.handle = answering(world, () => (answered += 1));
      const { status } = await (await world.begin()).ask('/v1/chat/completions', { body });
      expect([status, answered]).to.deep.equal([400, 0]);
    });

  it('cannot have a compressed body passed on', async () => {
    const { status } = await (
      await world.begin()
    ).ask('/v1/chat/completions', { body: CHAT, headers: { 'content-encoding': 'zstd' } });
    expect([status, upstream.seen]).to.deep.equal([400, []]);
  });

  const web: ['anthropic' | 'openai' | 'gemini' | 'openrouter', string, object][] = [
    [
      'anthropic',
      '/v1/messages',
      { tools: [{ name: 'x' }, { type: 'web_search_20250305', name: 'web_search' }] },
    ],
    ['anthropic', '/v1/messages', { mcp_servers: [{ url: 'https://evil.test' }] }],
    ['openai', '/v1/responses', { tools: [{ type: 'web_search', type2: 'function' }, { type: 'function' }] }],
    ['openai', '/v1/responses', { tools: [{ type: 'mcp', server_url: 'https://evil.test' }] }],
    ['openai', '/v1/responses', { tools: [{ type: ['web_search'] }] }],
    ['openai', '/v1/chat/completions', { web_search_options: {} }],
    ['openai', '/v1/chat/completions', { model: 'gpt-4o-search-preview' }],
    ['openrouter', '/api/v1/chat/completions', { plugins: [{ id: 'web', pad: 'x'.repeat(20_000) }] }],
    ['openrouter', '/api/v1/chat/completions', { model: 'a/b:online' }],
    ['gemini', '/v1beta/models/m:generateContent', { tools: [{ googleSearch: {} }] }],
    [
      'gemini',
      '/v1beta/models/m:generateContent',
      { tools: [{ functionDeclarations: [] }, { url_context: {} }] },
    ],
  ];
  for (const [provider, path, body] of web)
    it(`has no provider reach the internet for it where it may not: ${JSON.stringify(body).slice(0, 60)}`, async () => {
      let answered = 0;
      upstream.handle = answering(world, (response) => ((answered += 1), json(response, {})));
      const closed = await world.begin({ provider }, { webTools: false });
      expect((await closed.ask(path, { body: { model: 'm', ...body } })).status).to.equal(400);
      const escaped = JSON.stringify({ model: 'm', ...body })
        .replace('"tools"', '"t\\u006fols"')
        .replace('"type"', '"typ\\u0065"');
      if (escaped.includes('\\u')) expect((await closed.ask(path, { body: escaped })).status).to.equal(400);
      expect(answered).to.equal(0);
      const own = {
        model: 'm',
        tools: [{ type: 'function', function: { name: 'web_search', type: 'mcp' } }],
        plugins: [],
        enable_search: false,
      };
      expect((await closed.ask(path, { body: own })).status).to.equal(200);
      const open = await world.begin({ provider });
      expect((await open.ask(path, { body: { model: 'm', ...body } })).status).to.equal(200);
    });

  it('sends no giant, announced or not', async () => {
    const agent = await world.begin();
    const said = await agent
      .ask('/v1/chat/completions', { headers: { 'content-length': String(BODY_MAX_BYTES + 1) } })
      .catch(({ code }: NodeJS.ErrnoException) => code);
    expect(said).to.satisfy(
      (one: unknown) => one === 'ECONNRESET' || (one as { status: number }).status === 413,
    );
    const before = liveBytes();
    let most = 0;
    const socket = connect({ port: agent.port, host: '127.0.0.1' }).on('error', () => {});
    upstream.handle = (request) => void request.resume();
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TOKEN}\r\ntransfer-encoding: chunked\r\n\r\n`,
    );
    const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(2 ** 20, ' '), Buffer.from('\r\n')]);
    const heard = text(socket).catch(() => '');
    let go = (): void => {};
    for (const event of ['drain', 'close']) socket.on(event, () => go());
    for (let sent = 0; !socket.destroyed && sent < 80; sent += 1) {
      const next = new Promise<void>((resolve) => (go = resolve));
      if (!socket.write(chunk)) await next;
      if (sent % 10 === 9) most = Math.max(most, liveBytes() - before);
    }
    expect(await heard).to.match(/^(HTTP\/1\.1 413|$)/);
    expect(most).to.be.within(1, BODY_MAX_BYTES / 2);
  });

  it('holds a place no longer than it takes to send a head', async function () {
    this.timeout(20_000);
    const { port } = await world.begin();
    const began = performance.now();
    const slow = connect({ port, host: '127.0.0.1' }).on('error', () => {});
    slow.write('POST /v1/chat/completions HTTP/1.1\r\n');
    const dripping = setInterval(() => slow.write('x: 1\r\n'), 500);
    slow.resume();
    await once(slow, 'close');
    clearInterval(dripping);
    expect(performance.now() - began).to.be.within(9000, 15_000);
  });

  it('is read no faster than the provider takes it, and answered no faster than it reads', async () => {
    let written = 0;
    upstream.handle = (request, response) => {
      request.resume();
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const part = Buffer.from(`data: {"x":"${'x'.repeat(65_536)}"}\n\n`);
      const pour = (): void => {
        while (!response.destroyed && response.write(part)) written += part.length;
        written += part.length;
      };
      response.on('drain', pour);
      pour();
    };
    const { port } = await world.begin({ provider: 'anthropic' });
    const socket = connect({ port, host: '127.0.0.1' }).on('error', () => {});
    const body = '{"model":"m"}';
    socket
      .pause()
      .write(
        `POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: ${TOKEN}\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      );
    await eventuallyTrue('it flows', () => written > 0);
    let before = -1;
    while (written !== before) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    expect(written).to.be.below(32 * 2 ** 20);
    socket.destroy();
  });

  it('hears of no key that the provider repeats', async () => {
    const { scrubber } = await import('../record/scrub.ts');
    upstream.handle = answering(world, (response) => json(response, { error: `Incorrect key ${KEY}` }, 401));
    const agent = await world.begin({}, { clean: () => scrubber([KEY]).stream() });
    const { status, body } = await agent.ask('/v1/chat/completions', { body: CHAT });
    expect([status, body.includes(KEY)]).to.deep.equal([401, false]);
  });
});

describe('a budget', () => {
  const world = useModelWorld();
  const { upstream } = world;
  const usage = { prompt_tokens: 60, completion_tokens: 40 };

  const refusals: ['anthropic' | 'openai' | 'gemini', string, number, string][] = [
    ['anthropic', '/v1/messages', 402, 'billing_error'],
    ['openai', '/v1/chat/completions', 400, 'budget_exceeded'],
    ['openai', '/v1/responses', 400, 'budget_exceeded'],
    ['gemini', '/v1beta/models/m:generateContent', 400, 'FAILED_PRECONDITION'],
  ];
  for (const [provider, path, status, code] of refusals)
    it(`ends calls to ${path} with ${status}`, async () => {
      upstream.handle = answering(world, (response) =>
        json(response, {
          usage: { input_tokens: 99, output_tokens: 1, ...usage },
          usageMetadata: { promptTokenCount: 100 },
        }),
      );
      const agent = await world.begin({ provider, maxTokens: 100 });
      expect((await agent.ask(path, { body: CHAT })).status).to.equal(200);
      const refused = await agent.ask(path, { body: CHAT });
      expect([refused.status, codeIn(refused.body)]).to.deep.equal([status, code]);
      expect(refused.headers['x-should-retry']).to.equal('false');
      expect(upstream.seen).to.have.length(1);
      const { failure } = await agent.end();
      expect(failure).to.deep.equal({
        type: 'BudgetExceededError',
        message: 'a call of the model was refused: 100 tokens are used, and maxTokens is 100',
        lasting: true,
      });
      expect(world.notes).to.have.length(1);
    });

  it('is gone over by one call at most, however many are made at once', async () => {
    let running = 0;
    let most = 0;
    upstream.handle = answering(world, (response) => {
      running += 1;
      most = Math.max(most, running);
      setTimeout(() => {
        running -= 1;
        json(response, { usage });
      }, 10);
    });
    const agent = await world.begin({ maxTokens: 450 });
    const all = await Promise.all(
      Array.from({ length: 40 }, () => agent.ask('/v1/chat/completions', { body: CHAT })),
    );
    expect(all.filter(({ status }) => status === 200)).to.have.length(5);
    expect(all.filter(({ status }) => status === 400)).to.have.length(35);
    expect(most).to.equal(1);
    expect((await agent.end()).usage).to.deep.include({ inputTokens: 300, outputTokens: 200 });
  });

  it('lets calls run beside each other as long as all of them fit', async () => {
    const waiting: (() => void)[] = [];
    upstream.handle = answering(world, (response) => waiting.push(() => void json(response, { usage })));
    const agent = await world.begin({ maxTokens: 5_000_000 });
    const all = Array.from({ length: 40 }, () => agent.ask('/v1/chat/completions', { body: CHAT }));
    await eventuallyTrue('sixteen run', () => waiting.length === 16);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(waiting).to.have.length(16);
    for (let done = 0; done < 40; done += 1) {
      await eventuallyTrue('another runs', () => waiting.length > 0);
      waiting.shift()?.();
    }
    expect(new Set((await Promise.all(all)).map(({ status }) => status))).to.deep.equal(new Set([200]));
  });

  it('of money is that of the prices, and takes no model without one', async () => {
    upstream.handle = answering(world, (response) => json(response, { usage }));
    const prices = [{ model: 'mine', input: 1, cached: 1, output: 1 }];
    const agent = await world.begin({ name: 'mine', maxCostUsd: 0.00015, prices });
    const statuses: number[] = [];
    for (const model of ['other', 'mine', 'mine', 'mine'])
      statuses.push((await agent.ask('/v1/chat/completions', { body: { model } })).status);
    expect(statuses).to.deep.equal([400, 200, 200, 400]);
    expect((await agent.end()).usage.costUsd).to.be.closeTo(0.0002, 1e-9);
  });

  it('counts for all phases, each of which is told its own', async () => {
    upstream.handle = answering(world, (response) => json(response, { usage }));
    const agent = await world.begin({ maxTokens: 150 });
    await agent.ask('/v1/chat/completions', { body: CHAT });
    expect((await agent.end()).usage).to.include({ inputTokens: 60 });
    const next = await agent.proxy.during(async () => [
      (await agent.ask('/v1/chat/completions', { body: CHAT })).status,
      (await agent.ask('/v1/chat/completions', { body: CHAT })).status,
    ]);
    expect(next.done).to.deep.equal([200, 400]);
    expect(next.seen.usage).to.include({ inputTokens: 60 });
  });

  it('is used up by streams that are left before they tell their price', async () => {
    upstream.handle = (request, response) => {
      request.resume();
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (let index = 0; index < 60; index += 1) response.write('data: {"choices":[{}]}\n\n');
    };
    const agent = await world.begin({ maxTokens: 100 });
    let answered = 0;
    for (let call = 0; call < 5; call += 1) {
      const socket = connect({ port: agent.port, host: '127.0.0.1' }).on('error', () => {});
      const body = JSON.stringify({ ...CHAT, stream: true });
      socket.write(
        `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TOKEN}\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      );
      const [first] = (await once(socket, 'data')) as [Buffer];
      if (first.toString().startsWith('HTTP/1.1 200')) answered += 1;
      await new Promise((resolve) => setTimeout(resolve, 50));
      socket.destroy();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(answered).to.equal(2);
  });

  it('is used up by lines without an end as well', async () => {
    upstream.handle = answering(world, (response) => events(response, 'x'.repeat(2 ** 21)));
    const agent = await world.begin({ provider: 'anthropic' });
    await agent.ask('/v1/messages', { body: { model: 'm' } });
    expect((await agent.end()).usage.inputTokens).to.be.above(0);
  });
});
