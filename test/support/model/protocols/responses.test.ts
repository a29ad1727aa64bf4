import { expect } from 'chai';
import type { Usage } from '../script.ts';
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
const exec = {
  type: 'function',
  name: 'exec_command',
  strict: false,
  parameters: {
    type: 'object',
    properties: { cmd: { type: 'string' }, workdir: { type: 'string' }, yield_time_ms: { type: 'number' } },
    required: ['cmd'],
  },
};
const tools = [{ type: 'web_search' }, { type: 'function', name: 'write_stdin', parameters: {} }, exec];

interface Item {
  type: string;
  call_id: string;
  arguments: string;
  content: { type: string; text?: string; refusal?: string }[];
  summary: { text: string }[];
}

interface ModelResponse {
  id: string;
  status: string;
  output: Item[];
  usage: {
    input_tokens: number;
    input_tokens_details: { cached_tokens: number; cache_write_tokens: number };
    output_tokens: number;
    output_tokens_details: { reasoning_tokens: number };
  };
  error: { code: string } | null;
}

interface StreamEvent {
  type: string;
  sequence_number: number;
  response: ModelResponse;
  item: Item;
  delta: string;
}

interface ErrorBody {
  error: { type: string; code: string };
}

/** The last event's response; checks on the way that the pieces add up to the items it lists. */
function assembled(stream: string): ModelResponse {
  const events = documents<StreamEvent>(stream);
  expect(events.map(({ sequence_number: number }) => number)).to.deep.equal(events.map((_, index) => index));
  const { response } = events.at(-1)!;
  const joined = (type: string): string =>
    events
      .filter((event) => event.type === type)
      .map(({ delta }) => delta)
      .join('');
  const of = (type: string): Item[] => response.output.filter((item) => item.type === type);
  expect(joined('response.function_call_arguments.delta')).to.equal(
    of('function_call')
      .map((item) => item.arguments)
      .join(''),
  );
  const parts = of('message').flatMap(({ content }) => content);
  expect(joined('response.output_text.delta') + joined('response.refusal.delta')).to.equal(
    parts.map(({ text, refusal }) => text ?? refusal).join(''),
  );
  const done = events.filter(({ type }) => type === 'response.output_item.done').map(({ item }) => item);
  expect(done).to.deep.equal(response.output);
  return response;
}

const responseOf = ({ text, json }: Answer<ModelResponse>): ModelResponse =>
  text.startsWith('event:') ? assembled(text) : json;

function plainUsage({ input_tokens: all, input_tokens_details: of, ...rest }: ModelResponse['usage']): Usage {
  return {
    input: all - of.cached_tokens - of.cache_write_tokens,
    output: rest.output_tokens,
    cacheRead: of.cached_tokens,
    cacheWrite: of.cache_write_tokens,
    reasoning: rest.output_tokens_details.reasoning_tokens,
  };
}

function addItem(seen: Conversation, { type, content, summary, arguments: given }: Item): void {
  if (type === 'message') seen.said.push(content[0]?.text ?? '');
  if (type === 'reasoning') seen.thought.push(summary[0]?.text ?? '');
  if (type === 'function_call') seen.commands.push((JSON.parse(given) as { cmd: string }).cmd);
}

const outputOf = ({ call_id }: Item): object => ({ type: 'function_call_output', call_id, output: 'ok' });

/** What was said, with each output after its call: the other clients put outputs after all calls. */
const withOutputs = (output: Item[]): object[] =>
  output.flatMap((item) => (item.type === 'function_call' ? [item, outputOf(item)] : [item]));

/** The conversation so far: in full, or kept by the server. */
interface How {
  stream: boolean;
  kept: boolean;
}

describe('Responses of the scripted model', () => {
  const served = useModelServer();

  async function converse(model: string, { stream, kept }: How): Promise<Conversation> {
    let input: object[] = [
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Solve it.' }] },
    ];
    let previous: string | undefined;
    const seen = noConversation();
    for (let turn = 0; turn < 10; turn++) {
      const body = { model, stream, input, tools, ...(previous && { previous_response_id: previous }) };
      const { id, output, usage, status } = responseOf(
        await served.post<ModelResponse>('/v1/responses', body, headers),
      );
      const calls = output.filter(({ type }) => type === 'function_call');
      for (const item of output) addItem(seen, item);
      seen.ends.push(status);
      seen.calls.push(calls.length);
      addUsage(seen.usage, plainUsage(usage));
      if (calls.length === 0) return seen;
      previous = kept ? id : undefined;
      input = kept ? calls.map(outputOf) : [...input, ...withOutputs(output)];
    }
    throw new Error('the conversation does not end');
  }

  const whole = { ...severalCalls, ends: Array<string>(5).fill('completed'), usage: severalCallsUsage };
  for (const stream of [true, false]) {
    it(`plays several turns ${stream ? 'with' : 'without'} streaming`, async () => {
      expect(await converse('several-calls', { stream, kept: false })).to.deep.equal(whole);
      expect(served.server.totals()['alice']).to.include(severalCallsUsage);
    });
  }

  it('goes on from a reply that the client names instead of repeating what was said', async () => {
    expect(await converse('several-calls', { stream: true, kept: true })).to.deep.equal(whole);
  });

  const ask = <T = ModelResponse>(model: string, more: object = {}): Promise<Answer<T>> =>
    served.post<T>('/v1/responses', { model, input: 'Solve it.', tools, ...more }, headers);

  it('fails in the shape of OpenAI', async () => {
    const { status, json } = await ask<ErrorBody>('too-long', { stream: true });
    expect(status).to.equal(400);
    expect(json.error).to.include({ type: 'invalid_request_error', code: 'context_length_exceeded' });
    expect((await ask<ErrorBody>('out-of-quota')).json.error.code).to.equal('insufficient_quota');
  });

  it('counts tokens', async () => {
    const body = { model: 'solve-edit', input: 'Solve it.' };
    const { json } = await served.post('/v1/responses/input_tokens', body, headers);
    expect(json).to.deep.equal({ object: 'response.input_tokens', input_tokens: 11 });
  });

  it('breaks off a stream that began well with a failed response', async () => {
    const events = documents<StreamEvent>((await ask('overloaded-midstream', { stream: true })).text);
    expect(events.map(({ type }) => type)).to.deep.equal([
      'response.created',
      'response.in_progress',
      'response.failed',
    ]);
    expect(events[2]?.response).to.deep.include({ status: 'failed', output: [] });
    expect(events[2]?.response.error?.code).to.equal('server_is_overloaded');
  });

  it('says how a reply ended that is none', async () => {
    for (const stream of [true, false]) {
      const refused = responseOf(await ask('refuses', { stream }));
      expect(refused.status).to.equal('completed');
      expect(refused.output[0]?.content).to.deep.equal([{ type: 'refusal', refusal: 'I will not do that.' }]);
      const filtered = responseOf(await ask('filtered', { stream }));
      expect(filtered).to.deep.include({
        status: 'incomplete',
        incomplete_details: { reason: 'content_filter' },
      });
      const short = responseOf(await ask('cut-short', { stream }));
      expect(short).to.deep.include({
        status: 'incomplete',
        incomplete_details: { reason: 'max_output_tokens' },
      });
    }
  });
});
