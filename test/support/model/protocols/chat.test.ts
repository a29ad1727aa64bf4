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

const headers = { authorization: `Bearer ${keys.alice}` };
const shell = {
  type: 'function',
  function: {
    name: 'run_shell_command',
    description: 'Runs a command.',
    parameters: {
      type: 'object',
      properties: {
        command: { type: 'string' },
        is_background: { type: 'boolean' },
        description: { type: 'string' },
      },
      required: ['command', 'is_background'],
    },
  },
};

interface Call {
  id: string;
  function: { name: string; arguments: string };
}

interface Message {
  content: string | null;
  refusal: string | null;
  reasoning_content?: string;
  tool_calls?: Call[];
}

interface CallUsage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  prompt_tokens_details: { cached_tokens: number; cache_write_tokens: number };
  completion_tokens_details: { reasoning_tokens: number };
}

interface Completion {
  choices: { message: Message; finish_reason: string }[];
  usage: CallUsage;
}

interface Chunk {
  choices: {
    delta: Partial<Omit<Message, 'tool_calls'>> & { tool_calls?: (Call & { index: number })[] };
    finish_reason: string | null;
  }[];
  usage?: CallUsage | null;
}

interface ErrorBody {
  error: { message: string; type: string; param: null; code: string | null };
}

/** The one choice of a completion, with the usage. */
interface Whole {
  message: Message;
  finish: string | undefined;
  usage: CallUsage;
}

function assembled(stream: string): Whole {
  const chunks = documents<Chunk>(stream);
  const choices = chunks.flatMap((chunk) => chunk.choices);
  const joined = (field: 'content' | 'refusal' | 'reasoning_content'): string =>
    choices.map(({ delta }) => delta[field] ?? '').join('');
  const calls: Call[] = [];
  for (const { index, ...piece } of choices.flatMap(({ delta }) => delta.tool_calls ?? [])) {
    if (piece.id) calls[index] = piece;
    else calls[index]!.function.arguments += piece.function.arguments;
  }
  return {
    message: {
      content: joined('content') || null,
      refusal: joined('refusal') || null,
      reasoning_content: joined('reasoning_content'),
      tool_calls: calls,
    },
    finish: choices.find(({ finish_reason: finish }) => finish !== null)?.finish_reason ?? undefined,
    usage: chunks.find(({ usage }) => usage)?.usage as CallUsage,
  };
}

const wholeOf = ({ text, json }: Answer<Completion>): Whole => {
  if (text.startsWith('data:')) return assembled(text);
  const [choice] = json.choices;
  return { message: choice!.message, finish: choice!.finish_reason, usage: json.usage };
};

describe('Chat Completions of the scripted model', () => {
  const served = useModelServer();

  async function converse(model: string, stream: boolean): Promise<Conversation> {
    const messages: object[] = [
      { role: 'system', content: 'You are an agent.' },
      { role: 'user', content: 'Solve it.' },
    ];
    const seen = noConversation();
    for (let turn = 0; turn < 10; turn++) {
      const body = {
        model,
        stream,
        messages,
        tools: [shell],
        ...(stream && { stream_options: { include_usage: true } }),
      };
      const { message, usage, finish } = wholeOf(await served.post('/v1/chat/completions', body, headers));
      const calls = message.tool_calls ?? [];
      if (message.content) seen.said.push(message.content);
      if (message.reasoning_content) seen.thought.push(message.reasoning_content);
      for (const call of calls) {
        const given = JSON.parse(call.function.arguments) as { command: string; is_background: boolean };
        expect(given.is_background).to.equal(false);
        seen.commands.push(given.command);
      }
      seen.ends.push(finish ?? '');
      seen.calls.push(calls.length);
      const cached = usage.prompt_tokens_details;
      addUsage(seen.usage, {
        input: usage.prompt_tokens - cached.cached_tokens - cached.cache_write_tokens,
        output: usage.completion_tokens,
        cacheRead: cached.cached_tokens,
        cacheWrite: cached.cache_write_tokens,
        reasoning: usage.completion_tokens_details.reasoning_tokens,
      });
      expect(usage.total_tokens).to.equal(usage.prompt_tokens + usage.completion_tokens);
      if (calls.length === 0) return seen;
      messages.push({ role: 'assistant', content: message.content, tool_calls: calls });
      for (const { id } of calls) messages.push({ role: 'tool', tool_call_id: id, content: 'ok' });
    }
    throw new Error('the conversation does not end');
  }

  for (const stream of [true, false]) {
    it(`plays several turns ${stream ? 'with' : 'without'} streaming`, async () => {
      const seen = await converse('openai/several-calls', stream);
      expect(seen).to.deep.equal({
        ...severalCalls,
        ends: ['tool_calls', 'tool_calls', 'tool_calls', 'tool_calls', 'stop'],
        usage: severalCallsUsage,
      });
      expect(served.server.totals()['alice']).to.include(severalCallsUsage);
    });
  }

  const ask = <T = Completion>(model: string, more: object = {}): Promise<Answer<T>> =>
    served.post<T>(
      '/v1/chat/completions',
      { model, messages: [{ role: 'user', content: 'x' }], tools: [shell], ...more },
      headers,
    );

  it('reports the usage of a stream only if asked, and logs none that it did not report', async () => {
    const unasked = await ask('solve-edit', { stream: true });
    expect(documents<Chunk>(unasked.text).filter((chunk) => 'usage' in chunk)).to.deep.equal([]);
    expect(unasked.text.endsWith('data: [DONE]\n\n')).to.equal(true);
    expect(served.server.totals()['alice']).to.include({ requests: 1, replies: 0, input: 0 });
  });

  const errors: [model: string, status: number, type: string, code: string | null][] = [
    ['denied', 401, 'invalid_request_error', 'invalid_api_key'],
    ['no-such-model', 404, 'invalid_request_error', 'model_not_found'],
    ['limited', 429, 'requests', 'rate_limit_exceeded'],
    ['out-of-quota', 429, 'insufficient_quota', 'insufficient_quota'],
    ['too-long', 400, 'invalid_request_error', 'context_length_exceeded'],
    ['server-error', 500, 'server_error', null],
    ['overloaded', 503, 'server_error', 'server_is_overloaded'],
  ];
  for (const [model, status, type, code] of errors) {
    it(`fails with ${status} and the code ${code} for ${model}`, async () => {
      const answer = await ask<ErrorBody>(model, { stream: true });
      expect(answer.status).to.equal(status);
      expect(answer.json.error).to.include({ type, code, param: null });
    });
  }

  it('says how a reply ended that is none', async () => {
    for (const stream of [true, false]) {
      const refused = wholeOf(await ask('refuses', { stream }));
      expect(refused.finish).to.equal('stop');
      expect(refused.message.refusal).to.equal('I will not do that.');
      expect(refused.message.content).to.equal(null);
      expect(wholeOf(await ask('filtered', { stream })).finish).to.equal('content_filter');
      expect(wholeOf(await ask('cut-short', { stream })).finish).to.equal('length');
    }
  });

  it('breaks off a stream that began well with an error', async () => {
    const [only, ...more] = documents<ErrorBody>((await ask('overloaded-midstream', { stream: true })).text);
    expect(more).to.deep.equal([]);
    expect(only?.error.code).to.equal('server_is_overloaded');
  });
});
