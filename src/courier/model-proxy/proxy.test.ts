import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
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

const USED = { prompt_tokens: 100, completion_tokens: 20, prompt_tokens_details: { cached_tokens: 40 } };
const CHAT = { model: 'gpt-5', messages: [] };
const counted = (inputTokens: number, cacheTokens: number, outputTokens: number) => ({
  inputTokens,
  cacheTokens,
  outputTokens,
});

describe('the way to the model', () => {
  const world = useModelWorld();
  const { upstream } = world;

  it('puts the key in place of the token, and takes calls to the base URL alone', async () => {
    upstream.handle = answering(world, (response) => json(response, { usage: USED }));
    const agent = await world.begin();
    const { status, body } = await agent.ask('/v1/chat/completions?x=1', {
      body: CHAT,
      headers: { 'x-mine': 'kept', cookie: 'c', 'x-api-key': 'other' },
    });
    expect([status, JSON.parse(body)]).to.deep.equal([200, { usage: USED }]);
    expect(upstream.seen).to.deep.equal([
      { method: 'POST', url: '/there/chat/completions?x=1', authorization: `Bearer ${KEY}` },
    ]);
    expect(world.heads[0]).to.include({ 'x-mine': 'kept', 'accept-encoding': 'identity' });
    expect(world.heads[0]).to.not.have.any.keys('cookie', 'x-api-key');
    expect(await agent.end()).to.deep.equal({
      usage: {
        ...counted(100, 40, 20),
        costUsd: (60 * 1.25 + 40 * 0.125 + 20 * 10) / 1e6,
        models: [
          { model: 'gpt-5', ...counted(100, 40, 20), costUsd: (60 * 1.25 + 40 * 0.125 + 20 * 10) / 1e6 },
        ],
        countedBy: 'Courier',
      },
    });
  });

  const places: [
    string,
    'anthropic' | 'gemini',
    string,
    Record<string, string>,
    (seen: { url: string }) => unknown,
  ][] = [
    ['x-api-key', 'anthropic', '/v1/messages', { 'x-api-key': TOKEN }, () => world.heads[0]?.['x-api-key']],
    [
      'Authorization',
      'anthropic',
      '/v1/messages',
      { authorization: `bearer ${TOKEN}` },
      () => world.heads[0]?.authorization?.slice(7),
    ],
    [
      'x-goog-api-key',
      'gemini',
      '/v1beta/models/m:generateContent',
      { 'x-goog-api-key': TOKEN },
      () => world.heads[0]?.['x-goog-api-key'],
    ],
    [
      'the query',
      'gemini',
      `/v1beta/models/m:generateContent?alt=sse&key=${TOKEN}`,
      {},
      ({ url }) => /[?&]key=([^&]*)$/.exec(url)?.[1],
    ],
  ];
  for (const [place, provider, path, headers, keyIn] of places)
    it(`takes the token from ${place}, and puts the key there`, async () => {
      upstream.handle = answering(world, (response) => json(response, {}));
      const { port } = await world.begin({ provider });
      expect((await ask(port, path, { headers, body: { model: 'm' } })).status).to.equal(200);
      expect(keyIn(upstream.seen[0] ?? { url: '' })).to.equal(KEY);
      expect(JSON.stringify([upstream.seen, world.heads])).to.not.include(TOKEN);
    });

  it('needs no key where the gateway needs none', async () => {
    upstream.handle = answering(world, (response) => json(response, {}));
    const agent = await world.begin({}, { key: undefined });
    await agent.ask('/v1/chat/completions', { body: CHAT });
    expect(world.heads[0]).to.not.have.any.keys('authorization');
  });

  const protocols: [string, 'anthropic' | 'openai' | 'gemini', string, object, object[], object][] = [
    [
      'Anthropic Messages',
      'anthropic',
      '/v1/messages',
      {
        usage: {
          input_tokens: 10,
          cache_read_input_tokens: 70,
          cache_creation_input_tokens: 20,
          output_tokens: 9,
        },
      },
      [
        {
          type: 'message_start',
          message: {
            usage: {
              input_tokens: 10,
              cache_read_input_tokens: 70,
              cache_creation_input_tokens: 20,
              output_tokens: 1,
            },
          },
        },
        { type: 'content_block_delta' },
        { type: 'message_delta', usage: { output_tokens: 9 } },
        { type: 'message_stop' },
      ],
      counted(100, 70, 9),
    ],
    [
      'OpenAI Responses',
      'openai',
      '/v1/responses',
      { usage: { input_tokens: 50, input_tokens_details: { cached_tokens: 5 }, output_tokens: 7 } },
      [
        { type: 'response.created', response: { usage: null } },
        {
          type: 'response.completed',
          response: {
            usage: { input_tokens: 50, input_tokens_details: { cached_tokens: 5 }, output_tokens: 7 },
          },
        },
      ],
      counted(50, 5, 7),
    ],
    [
      'OpenAI Chat Completions',
      'openai',
      '/v1/chat/completions',
      { usage: { prompt_tokens: 50, prompt_cache_hit_tokens: 5, completion_tokens: 3, total_tokens: 57 } },
      [
        { choices: [{ delta: { content: 'a' } }], usage: null },
        { choices: [], usage: { prompt_tokens: 50, cached_tokens: 5, completion_tokens: 7 } },
      ],
      counted(50, 5, 7),
    ],
    [
      'Gemini',
      'gemini',
      '/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse',
      [
        { usageMetadata: { promptTokenCount: 50 } },
        {
          usageMetadata: {
            promptTokenCount: 50,
            cachedContentTokenCount: 5,
            candidatesTokenCount: 3,
            thoughtsTokenCount: 4,
          },
        },
      ],
      [
        { usageMetadata: { promptTokenCount: 50, candidatesTokenCount: 1 } },
        {
          usageMetadata: {
            promptTokenCount: 50,
            cachedContentTokenCount: 5,
            candidatesTokenCount: 3,
            thoughtsTokenCount: 4,
          },
        },
      ],
      counted(50, 5, 7),
    ],
  ];
  for (const [name, provider, path, whole, parts, expected] of protocols)
    for (const stream of [false, true])
      it(`counts what ${name} tells, ${stream ? 'in a stream' : 'at once'}`, async () => {
        upstream.handle = answering(world, (response) =>
          stream ? events(response, ...parts) : json(response, whole),
        );
        const agent = await world.begin({ provider });
        const { status } = await agent.ask(path, {
          body: { model: 'm', stream, stream_options: { include_usage: true } },
        });
        expect(status).to.equal(200);
        const { usage, failure } = await agent.end();
        expect(usage).to.deep.include(expected);
        expect(failure).to.equal(undefined);
      });

  it('asks streams of Chat Completions for their usage, and keeps that from who has not', async () => {
    const first = { choices: [{ delta: { content: 'a' } }] };
    upstream.handle = answering(world, (response) =>
      events(response, first, { choices: [], usage: USED }, '[DONE]'),
    );
    const agent = await world.begin();
    const asked = { ...CHAT, stream: true };
    expect((await agent.ask('/v1/chat/completions', { body: asked })).body).to.equal(
      `data: ${JSON.stringify(first)}\n\ndata: [DONE]\n\n`,
    );
    expect(JSON.parse(world.bodies[0] ?? '')).to.deep.equal({
      ...asked,
      stream_options: { include_usage: true },
    });
    const own = { ...asked, stream_options: { include_usage: true } };
    expect((await agent.ask('/v1/chat/completions', { body: own })).body).to.include('"usage"');
    // The same to its last letter, but for space.
    expect(world.bodies[1]?.replace(/ +(?=}$)/, '')).to.equal(JSON.stringify(own));
    expect((await agent.end()).usage).to.deep.include(counted(200, 80, 40));
  });

  it('passes bytes on as they come', async () => {
    const seen: string[] = [];
    let go = (): void => {};
    upstream.handle = (request, response) => {
      request.resume();
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: {"choices":[1]}\n\ndata: {"half":');
      go = () => void response.end('1}\n\n');
    };
    const { port } = await world.begin({ provider: 'anthropic' });
    const { request } = await import('node:http');
    const asked = request(
      { port, path: '/v1/messages', method: 'POST', headers: { 'x-api-key': TOKEN } },
      (answer) => answer.setEncoding('utf8').on('data', (text: string) => seen.push(text)),
    );
    asked.end(JSON.stringify({ model: 'm' }));
    await eventuallyTrue('half an event is there', () => seen.join('').endsWith('"half":'));
    go();
    await eventuallyTrue('all is there', () => seen.join('').endsWith('1}\n\n'));
  });

  it('lets nobody in between the phases of agents', async () => {
    const agent = await world.begin();
    await agent.end();
    const failed = await agent
      .ask('/v1/chat/completions', { body: CHAT })
      .catch(({ code }: NodeJS.ErrnoException) => code);
    expect(failed).to.equal('ECONNRESET');
    expect(upstream.seen).to.deep.equal([]);
    const again = agent.proxy.during(() => agent.ask('/v1/chat/completions', { body: CHAT }));
    expect((await again).done.status).to.equal(200);
  });

  it('cuts what an agent left running, and counts it', async () => {
    upstream.handle = (request, response) => {
      request.resume();
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (let index = 0; index < 50; index += 1) response.write('data: {"choices":[{}]}\n\n');
    };
    const agent = await world.begin();
    const cut = agent
      .ask('/v1/chat/completions', { body: { ...CHAT, stream: true } })
      .catch((error: Error) => error);
    await eventuallyTrue('it is asked', () => upstream.seen.length === 1);
    await sleep(100);
    const { usage, failure } = await agent.end();
    expect(await cut).to.be.instanceOf(Error);
    expect(usage).to.deep.include({
      inputTokens: Math.ceil(JSON.stringify({ ...CHAT, stream: true }).length / 4),
      outputTokens: 47,
    });
    expect(failure).to.equal(undefined);
  });

  it('counts by its size what tells of no tokens', async () => {
    upstream.handle = answering(world, (response) => json(response, { choices: 'x'.repeat(3986) }));
    const agent = await world.begin({ name: 'unknown' });
    await agent.ask('/v1/chat/completions', { body: { model: 'unknown' } });
    expect((await agent.end()).usage).to.deep.equal({
      ...counted(5, 0, 1000),
      models: [{ model: 'unknown', ...counted(5, 0, 1000) }],
      countedBy: 'Courier',
    });
  });
});

describe('a model that fails', () => {
  const world = useModelWorld();
  const { upstream } = world;
  const failureAfter = async (...statuses: [number, object?][]) => {
    const left = [...statuses];
    upstream.handle = answering(world, (response) => {
      const [status, error = {}] = left.shift() ?? [200];
      json(response, { error }, status);
    });
    const agent = await world.begin();
    for (const [status] of statuses)
      expect((await agent.ask('/v1/chat/completions', { body: CHAT })).status).to.equal(status);
    return (await agent.end()).failure;
  };

  it('is told by the courier, by what came last', async () => {
    expect(await failureAfter([200], [529])).to.deep.equal({
      type: 'ApiOverloadedError',
      message: 'the last call of the model failed: its provider answered with status 529',
      lasting: false,
    });
    expect(await failureAfter([429, { code: 'insufficient_quota' }])).to.include({
      type: 'ApiUsageLimitError',
    });
    expect(await failureAfter([401])).to.include({ type: 'AgentAuthenticationError' });
    expect(await failureAfter([500], [429], [429])).to.deep.include({
      type: 'ApiRateLimitError',
      lasting: true,
    });
    expect(await failureAfter([529], [529], [200])).to.equal(undefined);
  });

  it('tells the agent not to ask again with a key that is refused, where the provider says nothing of it', async () => {
    const saidOf = async (status: number, headers: Record<string, string> = {}) => {
      upstream.handle = answering(world, (response) => response.writeHead(status, headers).end());
      const agent = await world.begin();
      const answer = await agent.ask('/v1/chat/completions', { body: CHAT });
      await agent.end();
      return answer.headers['x-should-retry'];
    };
    expect(await saidOf(401)).to.equal('false');
    expect(await saidOf(401, { 'X-Should-Retry': 'true' })).to.equal('true');
    for (const status of [200, 403, 429, 529]) expect(await saidOf(status)).to.equal(undefined);
  });

  it('is not what an agent brings about by asking for nonsense', async () => {
    for (const status of [400, 404, 413, 422])
      expect(await failureAfter([status, { type: 'overloaded_error' }])).to.equal(undefined);
    expect(await failureAfter([429], [400])).to.include({ type: 'ApiRateLimitError' });
  });

  it('may do so in the middle of a stream, by its end, or by not being there', async () => {
    upstream.handle = answering(world, (response) =>
      events(
        response,
        { type: 'message_start', message: { usage: { input_tokens: 5 } } },
        { type: 'error', error: { type: 'overloaded_error' } },
      ),
    );
    const streaming = await world.begin({ provider: 'anthropic' });
    await streaming.ask('/v1/messages', { body: { model: 'm', stream: true } });
    expect((await streaming.end()).failure).to.include({ type: 'ApiOverloadedError' });
    upstream.handle = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 100 });
      response.write('{');
      setTimeout(() => response.destroy(), 50);
    };
    const cut = await world.begin();
    await cut.ask('/v1/chat/completions', { body: CHAT }).catch(() => {});
    expect((await cut.end()).failure).to.include({ type: 'ApiConnectionClosedError' });
    const nobody = await world.begin({ baseUrl: 'http://127.0.0.1:9' });
    const { status, body } = await nobody.ask('/v1/chat/completions', { body: CHAT });
    expect([status, (JSON.parse(body) as { error: { code: string } }).error.code]).to.deep.equal([
      502,
      'bad_gateway',
    ]);
    expect((await nobody.end()).failure).to.include({ type: 'NetworkConnectionError' });
  });
});
