import { expect } from 'chai';
import {
  addUsage,
  type Answer,
  type Conversation,
  documents,
  keys,
  noConversation,
  severalCalls,
  severalCallsUsage,
  useModelServer,
} from '../testing.ts';

const headers = { 'x-api-key': keys.alice, 'anthropic-version': '2023-06-01' };
const bash = {
  name: 'Bash',
  description: 'Executes a bash command.',
  input_schema: {
    type: 'object',
    properties: { command: { type: 'string' }, timeout: { type: 'number' }, description: { type: 'string' } },
    required: ['command'],
  },
};

interface Block {
  type: string;
  id: string;
  text: string;
  thinking: string;
  signature: string;
  input: { command: string };
}

interface Message {
  content: Block[];
  stop_reason: string;
  usage: {
    input_tokens: number;
    output_tokens: number;
    cache_read_input_tokens: number;
    cache_creation_input_tokens: number;
    output_tokens_details: { thinking_tokens: number };
  };
}

interface Delta {
  text?: string;
  thinking?: string;
  signature?: string;
  partial_json?: string;
}

type StreamEvent =
  | { type: 'message_start'; message: Message }
  | { type: 'content_block_start'; index: number; content_block: Block }
  | { type: 'content_block_delta'; index: number; delta: Delta }
  | { type: 'content_block_stop'; index: number }
  | { type: 'message_delta'; delta: { stop_reason: string }; usage: Message['usage'] }
  | { type: 'ping' | 'message_stop' | 'error' };

interface ErrorBody {
  type: string;
  error: { type: string; message: string };
}

/** A message put together from its stream, as the vendor's SDK does it. */
function assembled(stream: string): Message {
  const events = documents<StreamEvent>(stream);
  const started = events.find((event) => event.type === 'message_start');
  const ended = events.find((event) => event.type === 'message_delta');
  const blocks = events.filter((event) => event.type === 'content_block_start');
  const deltas = events.filter((event) => event.type === 'content_block_delta');
  return {
    ...started!.message,
    content: blocks.map((block) => {
      const own = deltas.filter(({ index }) => index === block.index).map(({ delta }) => delta);
      return wholeBlock(block.content_block, own);
    }),
    stop_reason: ended!.delta.stop_reason,
    usage: ended!.usage,
  };
}

function wholeBlock(start: Block, deltas: Delta[]): Block {
  const joined = (field: keyof Delta): string => deltas.map((delta) => delta[field] ?? '').join('');
  return start.type === 'tool_use'
    ? { ...start, input: JSON.parse(joined('partial_json')) as Block['input'] }
    : { ...start, text: joined('text'), thinking: joined('thinking'), signature: joined('signature') };
}

const messageOf = ({ text, json }: Answer<Message>): Message =>
  text.startsWith('event:') ? assembled(text) : json;

describe('Anthropic Messages of the scripted model', () => {
  const served = useModelServer();

  async function converse(model: string, stream: boolean): Promise<Conversation> {
    const messages: unknown[] = [{ role: 'user', content: 'Solve it.' }];
    const seen = noConversation();
    for (let turn = 0; turn < 10; turn++) {
      const body = {
        model,
        max_tokens: 1000,
        stream,
        messages,
        tools: [{ type: 'web_search_20250305', name: 'web_search' }, bash],
      };
      const message = messageOf(await served.post<Message>('/v1/messages?beta=true', body, headers));
      const calls = message.content.filter(({ type }) => type === 'tool_use');
      for (const { type, text, thinking, input } of message.content) {
        if (type === 'text') seen.said.push(text);
        if (type === 'thinking') seen.thought.push(thinking);
        if (type === 'tool_use') seen.commands.push(input.command);
      }
      seen.ends.push(message.stop_reason);
      seen.calls.push(calls.length);
      addUsage(seen.usage, {
        input: message.usage.input_tokens,
        output: message.usage.output_tokens,
        cacheRead: message.usage.cache_read_input_tokens,
        cacheWrite: message.usage.cache_creation_input_tokens,
        reasoning: message.usage.output_tokens_details.thinking_tokens,
      });
      if (calls.length === 0) return seen;
      const results = calls.map(({ id }) => ({ type: 'tool_result', tool_use_id: id, content: 'ok' }));
      messages.push({ role: 'assistant', content: message.content }, { role: 'user', content: results });
    }
    throw new Error('the conversation does not end');
  }

  for (const stream of [true, false]) {
    it(`plays several turns ${stream ? 'with' : 'without'} streaming`, async () => {
      const seen = await converse('several-calls', stream);
      expect(seen).to.deep.equal({
        ...severalCalls,
        ends: ['tool_use', 'tool_use', 'tool_use', 'tool_use', 'end_turn'],
        usage: severalCallsUsage,
      });
      expect(served.server.totals()).to.deep.equal({
        alice: { requests: 5, replies: 5, failures: 0, ...severalCallsUsage },
      });
    });
  }

  const ask = <T = Message>(model: string, more: object = {}): Promise<Answer<T>> =>
    served.post<T>(
      '/v1/messages',
      { model, max_tokens: 9, messages: [{ role: 'user', content: 'x' }], tools: [bash], ...more },
      headers,
    );

  const errors: [model: string, status: number, type: string, message: RegExp][] = [
    ['denied', 401, 'authentication_error', /invalid x-api-key/],
    ['forbidden', 403, 'permission_error', /permission/],
    ['no-such-model', 404, 'not_found_error', /model/],
    ['limited', 429, 'rate_limit_error', /rate limit/],
    ['out-of-quota', 400, 'invalid_request_error', /credit balance is too low/],
    ['too-long', 400, 'invalid_request_error', /prompt is too long: \d+ tokens > \d+ maximum/],
    ['server-error', 500, 'api_error', /Internal server error/],
    ['overloaded', 529, 'overloaded_error', /Overloaded/],
  ];
  for (const [model, status, type, message] of errors) {
    it(`fails as ${type} with ${status} for ${model}`, async () => {
      const answer = await ask<ErrorBody>(model, { stream: true });
      expect(answer.status).to.equal(status);
      expect(answer.json).to.have.property('type', 'error');
      expect(answer.json.error).to.have.property('type', type);
      expect(answer.json.error.message).to.match(message);
      expect(answer.headers.get('retry-after')).to.equal(null);
    });
  }

  it('says refusal as the reason to stop', async () => {
    const { json } = await ask('refuses');
    expect(json.stop_reason).to.equal('refusal');
    expect(json.content).to.deep.equal([{ type: 'text', text: 'I will not do that.' }]);
    expect((await ask('filtered')).json).to.deep.include({ stop_reason: 'refusal', content: [] });
    expect((await ask('cut-short')).json).to.include({ stop_reason: 'max_tokens' });
  });

  it('breaks off a stream that began well with an error event', async () => {
    const first = await ask('overloaded-midstream', { stream: true });
    expect(first.status).to.equal(200);
    expect(documents<StreamEvent>(first.text).map(({ type }) => type)).to.deep.equal([
      'message_start',
      'ping',
      'error',
    ]);
    expect(messageOf(await ask('overloaded-midstream', { stream: true })).stop_reason).to.equal('tool_use');
  });

  it('counts tokens and lists models', async () => {
    const counted = await served.post(
      '/v1/messages/count_tokens',
      { model: 'solve-edit', messages: [] },
      headers,
    );
    expect(counted.json).to.deep.equal({ input_tokens: 9 });
    const { json } = await served.get<{ data: object[] }>('/v1/models', headers);
    expect(json.data[0]).to.include({ type: 'model', id: 'solve-edit' });
    expect((await served.get('/v1/models/limited', headers)).json).to.include({
      type: 'model',
      id: 'limited',
    });
  });
});
