import { createServer } from 'node:http';
import { once } from 'node:events';
import { expect } from 'chai';
import { startModelServer } from './server.ts';
import { type Answer, documents, keys, useModelServer } from './testing.ts';

interface Message {
  content: { type: string; text?: string }[];
  error?: { type: string };
}

const bash = {
  name: 'Bash',
  input_schema: { type: 'object', properties: { command: {} }, required: ['command'] },
};
const ofAlice = { 'x-api-key': keys.alice };

describe('the scripted model server', () => {
  const served = useModelServer({
    solve: [{ shell: 'touch answer.txt' }, { say: 'Done.' }],
    'limited-twice': [{ fail: 429, times: 2, retryAfter: 3 }, { say: 'Done.' }],
    'fails-in-turn': [{ fail: 500, times: 1 }, { fail: 529, times: 1 }, { shell: 'true' }, { cut: true }],
    dropped: [{ drop: true, times: 1 }, { say: 'Done.' }],
    cut: [{ cut: true, times: 1 }, { say: 'A reply that is long enough to be cut.' }],
    stalls: [{ stall: 0.5, times: 1 }, { say: 'Done.' }],
    'stalls-long': [{ stall: 600 }, { say: 'Done.' }],
    slow: [{ say: 'Done.', delay: 0.2 }],
    loops: [{ shell: 'date', repeat: 3 }],
    chat: { plain: true, turns: [{ fail: 401, times: 1 }, { say: 'Hello.' }, { say: 'Good-bye.' }] },
  });

  const ask = (
    model: string,
    more: object = {},
    headers: Record<string, string> = ofAlice,
  ): Promise<Answer<Message>> =>
    served.post(
      '/v1/messages',
      { model, max_tokens: 9, messages: [{ role: 'user', content: 'x' }], tools: [bash], ...more },
      headers,
    );

  it('refuses a request without a key or with a strange one, and logs no value of a key', async () => {
    const strange: Record<string, string>[] = [
      {},
      { 'x-api-key': 'strange-value' },
      { authorization: 'Bearer strange-value' },
    ];
    for (const headers of strange) {
      expect((await ask('solve', {}, headers)).status).to.equal(401);
    }
    expect((await ask('solve', {}, { authorization: `Bearer ${keys.bob}` })).status).to.equal(200);
    const text = JSON.stringify(served.server.log());
    expect(text).not.to.contain('strange-value');
    expect(text).not.to.contain(keys.bob);
    expect(served.server.log().map(({ key }) => key)).to.deep.equal([undefined, undefined, undefined, 'bob']);
    expect(Object.keys(served.server.totals())).to.deep.equal(['bob']);
  });

  it('fails as often as the script says, for each key and each suffix of the model by itself', async () => {
    const statuses = async (model: string, headers = ofAlice): Promise<number[]> => {
      const seen = [];
      for (let call = 0; call < 4; call++) seen.push((await ask(model, {}, headers)).status);
      return seen;
    };
    expect(await statuses('limited-twice')).to.deep.equal([429, 429, 200, 200]);
    expect(await statuses('limited-twice')).to.deep.equal([200, 200, 200, 200]);
    expect(await statuses('limited-twice~2')).to.deep.equal([429, 429, 200, 200]);
    expect(await statuses('limited-twice', { 'x-api-key': keys.bob })).to.deep.equal([429, 429, 200, 200]);
    expect(await statuses('fails-in-turn')).to.deep.equal([500, 529, 200, 200]);
  });

  it('says how long to wait only where the script does', async () => {
    expect((await ask('limited-twice')).headers.get('retry-after')).to.equal('3');
    expect((await ask('fails-in-turn')).headers.get('retry-after')).to.equal(null);
  });

  it('counts the faults of a later turn from there', async () => {
    const messages = [
      { role: 'user', content: 'x' },
      { role: 'assistant', content: [{ type: 'tool_use', id: 'scripted_0_0', name: 'Bash', input: {} }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'scripted_0_0', content: '' }] },
    ];
    const error = await ask('fails-in-turn', { messages }).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(TypeError);
    expect(served.server.log().at(-1)).to.include({ outcome: 'cut', turn: 1 });
  });

  it('ends the connection without a byte', async () => {
    const error: unknown = await ask('dropped').catch((reason: unknown) => reason);
    expect(error).to.have.property('message', 'fetch failed');
    expect((await ask('dropped')).json.content[0]?.text).to.equal('Done.');
  });

  for (const stream of [true, false]) {
    it(`cuts a reply in the middle ${stream ? 'of its stream' : 'of its document'}`, async () => {
      const response = await fetch(`${served.server.url}/v1/messages`, {
        method: 'POST',
        headers: ofAlice,
        body: JSON.stringify({ model: 'cut', stream, messages: [], tools: [bash] }),
      });
      const { value } = await response.body!.getReader().read();
      const half = Buffer.from(value ?? []).toString();
      expect(half).to.contain('"role":"assistant"');
      expect(half).not.to.match(/message_stop|}}$/);
      expect(served.server.log().at(-1)).to.include({ outcome: 'cut', status: 200 });
      expect(served.server.log().at(-1)).not.to.have.property('usage');
      const again = await ask('cut', { stream });
      expect(again.text).to.contain(stream ? 'message_stop' : 'to be cut.');
    });

    it(`falls silent in the middle of a reply ${stream ? 'with' : 'without'} streaming and then goes on`, async () => {
      const before = performance.now();
      const response = await fetch(`${served.server.url}/v1/messages`, {
        method: 'POST',
        headers: ofAlice,
        body: JSON.stringify({ model: 'stalls', stream, messages: [], tools: [bash] }),
      });
      expect(served.server.log().at(-1)).not.to.have.property('outcome');
      expect(await response.text()).to.contain('Do');
      expect(served.server.log().at(-1)).to.include({ outcome: 'answered' });
      expect(performance.now() - before).to.be.greaterThan(490);
    });
  }

  it('waits before the first byte of a slow answer', async () => {
    const before = performance.now();
    await ask('slow');
    expect(performance.now() - before).to.be.greaterThan(190);
  });

  it('notes a client that leaves, and closes while a reply stalls', async () => {
    const left = new AbortController();
    const asked = fetch(`${served.server.url}/v1/messages`, {
      method: 'POST',
      headers: ofAlice,
      body: JSON.stringify({ model: 'stalls-long', stream: true, messages: [], tools: [bash] }),
      signal: left.signal,
    });
    await asked;
    left.abort();
    while (served.server.log()[0]?.outcome === undefined)
      await new Promise((resolve) => void setTimeout(resolve, 5));
    expect(served.server.log()[0]).to.include({ outcome: 'abandoned', turn: 0 });
    void ask('stalls-long').catch(() => {});
  });

  it('answers a call beside the conversation without touching the script', async () => {
    const title = await ask('limited-twice', { tools: [] });
    expect(title.json.content).to.deep.equal([{ type: 'text', text: 'Scripted' }]);
    const schema = { type: 'object', properties: { title: { type: 'string' } }, required: ['title'] };
    const shaped = await ask('claude-haiku-4-5', {
      tools: [],
      output_config: { format: { type: 'json_schema', schema } },
    });
    expect(shaped.json.content[0]?.text).to.equal('{"title":"Scripted"}');
    expect((await ask('claude-haiku-4-5')).status).to.equal(404);
    expect((await ask('limited-twice')).status).to.equal(429);
    expect(served.server.log().map(({ side }) => side)).to.deep.equal([true, true, true, false]);
  });

  it('plays a plain script to a client that offers no tools', async () => {
    const messages: object[] = [{ role: 'user', content: 'x' }];
    const plain = async (): Promise<Answer<Message>> => ask('chat', { tools: undefined, messages });
    expect((await plain()).status).to.equal(401);
    expect((await plain()).json.content[0]?.text).to.equal('Hello.');
    messages.push({ role: 'assistant', content: 'Hello.' }, { role: 'user', content: 'y' });
    expect((await plain()).json.content[0]?.text).to.equal('Good-bye.');
  });

  it('does not take for progress what the agent put into the mouth of the model', async () => {
    const messages = [
      { role: 'user', content: 'An example.' },
      { role: 'assistant', content: 'Ok.' },
      { role: 'user', content: 'x' },
    ];
    expect((await ask('solve', { messages })).json.content[0]).to.include({ type: 'tool_use' });
  });

  it('says that it is done when the script has run out', async () => {
    const said = [0, 1, 2].map((turn) => ({
      role: 'assistant',
      content: [{ type: 'tool_use', id: `scripted_${turn}_0`, name: 'Bash', input: { command: 'date' } }],
    }));
    expect((await ask('loops', { messages: said.slice(0, 2) })).json.content[0]).to.include({
      type: 'tool_use',
    });
    expect((await ask('loops', { messages: said })).json.content).to.deep.equal([
      { type: 'text', text: 'Done.' },
    ]);
  });

  it('refuses what is no JSON in the shape of the protocol', async () => {
    const response = await fetch(`${served.server.url}/v1/messages`, {
      method: 'POST',
      headers: ofAlice,
      body: '{',
    });
    expect(response.status).to.equal(400);
    expect(((await response.json()) as Message).error?.type).to.equal('invalid_request_error');
  });

  it('refuses a body of more than 64 MiB', async () => {
    const response = await fetch(`${served.server.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${keys.alice}` },
      body: Buffer.alloc(64 * 1024 * 1024 + 1, ' '),
    });
    expect(response.status).to.equal(413);
  });

  it('shows its log and its totals without a key', async () => {
    await ask('anthropic/solve', { stream: true });
    const { text } = await served.get('/log');
    const entry = JSON.parse(text) as object;
    expect(text.split('\n')).to.have.length(2);
    expect(entry).to.deep.equal(served.server.log()[0]);
    expect(entry).to.deep.include({
      method: 'POST',
      path: '/v1/messages',
      protocol: 'anthropic',
      key: 'alice',
      model: 'anthropic/solve',
      script: 'solve',
      turn: 0,
      side: false,
      stream: true,
      tools: ['Bash'],
      status: 200,
      outcome: 'answered',
      usage: { input: 10, output: 5, cacheRead: 0, cacheWrite: 0, reasoning: 0 },
    });
    expect(JSON.parse((await served.get('/totals')).text)).to.deep.equal(served.server.totals());
    expect((await served.get('/healthz')).text).to.equal('ok');
  });

  it('serves many conversations side by side', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => ask(index % 2 === 0 ? 'solve' : 'slow', { stream: true })),
    );
    const kinds = answers.map(({ text }) =>
      documents<{ content_block?: { type: string } }>(text).flatMap(
        (event) => event.content_block?.type ?? [],
      ),
    );
    expect(kinds.flat()).to.deep.equal(answers.map((_, index) => (index % 2 === 0 ? 'tool_use' : 'text')));
    expect(served.server.totals()['alice']).to.include({ requests: 50, input: 500 });
  });

  it('does not start on a port that is taken', async () => {
    const other = createServer();
    await once(other.listen(0, '127.0.0.1'), 'listening');
    const { port } = other.address() as { port: number };
    const failed = await startModelServer({ scripts: {}, keys, port }).catch((error: unknown) => error);
    expect(failed).to.have.property('code', 'EADDRINUSE');
    other.close();
  });
});
