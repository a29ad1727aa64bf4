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

const headers = { 'x-goog-api-key': keys.alice };
const tools = [
  {
    functionDeclarations: [
      { name: 'list_background_processes', parametersJsonSchema: { type: 'object', properties: {} } },
      {
        name: 'run_shell_command',
        parameters: {
          type: 'OBJECT',
          properties: { command: { type: 'STRING' }, description: { type: 'STRING' } },
          required: ['command'],
        },
      },
    ],
  },
];

interface Part {
  text?: string;
  thought?: boolean;
  functionCall?: { id?: string; name: string; args: { command: string } };
}

interface Generated {
  candidates: { content: { parts: Part[] }; finishReason: string }[];
  usageMetadata: {
    promptTokenCount: number;
    cachedContentTokenCount: number;
    candidatesTokenCount: number;
    thoughtsTokenCount: number;
  };
}

interface Detail {
  reason?: string;
  retryDelay?: string;
  violations?: { quotaId: string }[];
}

interface ErrorBody {
  error: { code: number; status: string; details: Detail[] };
}

/** Parts of the candidate, its end and its usage, whether it came in one document or several. */
function wholeOf({ text, json }: Answer<Generated>): {
  parts: Part[];
  finish: string | undefined;
  usage: Generated['usageMetadata'];
} {
  const all = text.startsWith('data:') ? documents<Generated>(text) : [json];
  const last = all.at(-1)!;
  return {
    parts: all.flatMap(({ candidates }) => candidates[0]?.content.parts ?? []),
    finish: last.candidates[0]?.finishReason,
    usage: last.usageMetadata,
  };
}

describe('Gemini of the scripted model', () => {
  const served = useModelServer();
  const method = (stream: boolean): string => (stream ? 'streamGenerateContent?alt=sse' : 'generateContent');

  /** Speaks like a client that knows ids of calls, or like one that drops them. */
  async function converse(model: string, stream: boolean, ids: boolean): Promise<Conversation> {
    const contents: object[] = [{ role: 'user', parts: [{ text: 'Solve it.' }] }];
    const seen = noConversation();
    for (let turn = 0; turn < 10; turn++) {
      const path = `/v1beta/models/${model}:${method(stream)}`;
      const { parts, finish, usage } = wholeOf(
        await served.post<Generated>(path, { contents, tools }, headers),
      );
      const joined = (thought: boolean): string =>
        parts
          .filter((part) => 'text' in part && (part.thought ?? false) === thought)
          .map(({ text }) => text)
          .join('');
      const calls = parts.flatMap(({ functionCall }) => functionCall ?? []);
      if (joined(false)) seen.said.push(joined(false));
      if (joined(true)) seen.thought.push(joined(true));
      seen.commands.push(...calls.map(({ args }) => args.command));
      seen.ends.push(finish ?? '');
      seen.calls.push(calls.length);
      addUsage(seen.usage, {
        input: usage.promptTokenCount - usage.cachedContentTokenCount,
        output: usage.candidatesTokenCount + usage.thoughtsTokenCount,
        cacheRead: usage.cachedContentTokenCount,
        cacheWrite: 0,
        reasoning: usage.thoughtsTokenCount,
      });
      if (calls.length === 0) return seen;
      const back = calls.map(({ id, ...call }) => ({ functionCall: ids ? { id, ...call } : call }));
      const results = calls.map(({ name }) => ({ functionResponse: { name, response: { output: 'ok' } } }));
      contents.push({ role: 'model', parts: back }, { role: 'user', parts: results });
    }
    throw new Error('the conversation does not end');
  }

  it('knows tools whose list is written with an underscore', async () => {
    const [{ functionDeclarations }] = tools as [(typeof tools)[number]];
    const { parts } = wholeOf(
      await served.post<Generated>(
        '/v1beta/models/solve-edit:generateContent',
        {
          contents: [{ role: 'user', parts: [{ text: 'Solve it.' }] }],
          tools: [{ function_declarations: functionDeclarations }],
        },
        headers,
      ),
    );
    expect(parts.map(({ functionCall }) => functionCall?.name)).to.deep.equal(['run_shell_command']);
  });

  for (const [stream, ids] of [
    [true, true],
    [false, true],
    [true, false],
  ] as const) {
    it(`plays several turns ${stream ? 'with' : 'without'} streaming${ids ? '' : ' to a client that drops ids'}`, async () => {
      const seen = await converse('several-calls', stream, ids);
      const usage = { ...severalCallsUsage, input: 440, cacheWrite: 0 };
      expect(seen).to.deep.equal({ ...severalCalls, ends: Array<string>(5).fill('STOP'), usage });
      expect(served.server.totals()['alice']).to.include(severalCallsUsage);
    });
  }

  const ask = <T = Generated>(model: string, stream = false): Promise<Answer<T>> =>
    served.post<T>(`/v1beta/models/${model}:${method(stream)}`, { contents: [], tools }, headers);

  const errors: [model: string, code: number, status: string][] = [
    ['denied', 400, 'INVALID_ARGUMENT'],
    ['forbidden', 403, 'PERMISSION_DENIED'],
    ['no-such-model', 404, 'NOT_FOUND'],
    ['limited', 429, 'RESOURCE_EXHAUSTED'],
    ['too-long', 400, 'INVALID_ARGUMENT'],
    ['server-error', 500, 'INTERNAL'],
    ['overloaded', 503, 'UNAVAILABLE'],
  ];
  for (const [model, code, status] of errors) {
    it(`fails with ${code} ${status} for ${model}`, async () => {
      const answer = await ask<ErrorBody>(model, true);
      expect(answer.status).to.equal(code);
      expect(answer.json.error).to.include({ code, status });
    });
  }

  it('puts what an error means into its details', async () => {
    const detail = async (model: string): Promise<Detail | undefined> =>
      (await ask<ErrorBody>(model)).json.error.details[0];
    expect(await detail('denied')).to.include({ reason: 'API_KEY_INVALID' });
    expect(await detail('limited-twice')).to.include({ retryDelay: '1s' });
    expect((await detail('out-of-quota'))?.violations?.[0]?.quotaId).to.match(/PerDay/);
  });

  it('says how a reply ended that is none', async () => {
    for (const stream of [true, false]) {
      expect(wholeOf(await ask('refuses', stream)).finish).to.equal('SAFETY');
      expect(wholeOf(await ask('filtered', stream)).finish).to.equal('SAFETY');
      expect(wholeOf(await ask('cut-short', stream)).finish).to.equal('MAX_TOKENS');
    }
  });

  it('counts tokens and lists models, with a key in the query too', async () => {
    const query = `?key=${keys.bob}`;
    const counted = await served.post(`/v1beta/models/solve-edit:countTokens${query}`, { contents: [] });
    expect(counted.json).to.deep.equal({ totalTokens: 4 });
    const { json } = await served.get<{ models: { name: string }[] }>(`/v1beta/models${query}`);
    expect(json.models[0]?.name).to.equal('models/solve-edit');
    expect(JSON.stringify(served.server.log())).not.to.contain(keys.bob);
    expect(served.server.log().map(({ key }) => key)).to.deep.equal(['bob', 'bob']);
  });
});
