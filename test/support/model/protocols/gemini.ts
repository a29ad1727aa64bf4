/** Gemini: https://ai.google.dev/api/generate-content and https://ai.google.dev/gemini-api/docs/troubleshooting. */
import type { ModelRequest, PastReply, Reply } from '../conversation.ts';
import { stringsIn } from '../progress.ts';
import type { FailureName } from '../script.ts';
import { inputTokens } from './openai.ts';
import { type Body, frame, listIn, objectIn, pieces, type Protocol, type Route } from './protocol.ts';

const failures: Record<FailureName, [code: number, status: string, message: string]> = {
  // Gemini answers 401 to OAuth tokens alone; a key that it does not know is an invalid argument.
  auth: [400, 'INVALID_ARGUMENT', 'API key not valid. Please pass a valid API key.'],
  forbidden: [403, 'PERMISSION_DENIED', 'The caller does not have permission'],
  'no-model': [404, 'NOT_FOUND', 'The model is not found for API version v1beta.'],
  'bad-request': [400, 'INVALID_ARGUMENT', 'The scripted model refuses this request.'],
  'context-length': [
    400,
    'INVALID_ARGUMENT',
    'The input token count (1210000) exceeds the maximum number of tokens allowed (1048576).',
  ],
  'too-large': [413, 'INVALID_ARGUMENT', 'Request payload size exceeds the limit.'],
  'rate-limit': [429, 'RESOURCE_EXHAUSTED', 'Resource has been exhausted (e.g. check quota).'],
  quota: [
    429,
    'RESOURCE_EXHAUSTED',
    'You exceeded your current quota, please check your plan and billing details.',
  ],
  server: [500, 'INTERNAL', 'An internal error has occurred.'],
  overloaded: [503, 'UNAVAILABLE', 'The model is overloaded. Please try again later.'],
};

const dailyQuota = {
  '@type': 'type.googleapis.com/google.rpc.QuotaFailure',
  violations: [
    {
      quotaMetric: 'generativelanguage.googleapis.com/generate_requests_per_model_per_day',
      quotaId: 'GenerateRequestsPerDayPerProjectPerModel',
    },
  ],
};

const invalidKey = {
  '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
  reason: 'API_KEY_INVALID',
  domain: 'googleapis.com',
  metadata: { service: 'generativelanguage.googleapis.com' },
};

const detailsOf: Partial<Record<FailureName, Body>> = { quota: dailyQuota, auth: invalidKey };

function errorBody(name: FailureName, retryAfter?: number): Body {
  const [code, status, message] = failures[name];
  const details = [
    ...[detailsOf[name] ?? []].flat(),
    ...(retryAfter === undefined
      ? []
      : [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: `${retryAfter}s` }]),
  ];
  return { error: { code, message, status, ...(details.length > 0 && { details }) } };
}

const finishReasons: Record<Reply['ends'], string> = {
  stop: 'STOP',
  calls: 'STOP',
  length: 'MAX_TOKENS',
  refusal: 'SAFETY',
  filter: 'SAFETY',
};

function route(path: string): Route | undefined {
  const found = /\/models\/(.+):(generateContent|streamGenerateContent|countTokens)$/.exec(path);
  if (!found) return undefined;
  const [, model = '', method] = found;
  return method === 'countTokens'
    ? { does: 'count', model }
    : { does: 'generate', model, stream: method === 'streamGenerateContent' };
}

const past = (content: Body): PastReply => ({
  ids: listIn(content, 'parts').flatMap((part) => {
    const { id } = objectIn(part, 'functionCall');
    return typeof id === 'string' ? [id] : [];
  }),
  strings: stringsIn(content['parts']),
});

/** Gemini takes names in either way of writing them; LiteLLM writes these with an underscore. */
function declared(body: Body): Body[] {
  return listIn(body, 'tools').flatMap((tool) =>
    ['functionDeclarations', 'function_declarations'].flatMap((name) => listIn(tool, name)),
  );
}

function read(body: Body, { model = '', stream = false }: Route): ModelRequest {
  const contents = listIn(body, 'contents');
  const config = objectIn(body, 'generationConfig');
  const schema = config['responseJsonSchema'] ?? config['responseSchema'];
  return {
    model,
    stream,
    tools: declared(body).map(({ name, parametersJsonSchema, parameters }) => ({
      name: String(name),
      parameters: (parametersJsonSchema ?? parameters) as Body | undefined,
    })),
    past: contents.filter(({ role }) => role === 'model').map(past),
    prompt: stringsIn([body['systemInstruction'], contents.filter(({ role }) => role !== 'model')]).join(
      '\n',
    ),
    ...(schema !== undefined && { schema: schema as Body }),
    reportsUsage: true,
  };
}

/** Gemini counts cached tokens among the prompt, but thoughts beside the candidates. */
function usageOf({ usage }: Reply): Body {
  return {
    promptTokenCount: inputTokens(usage),
    cachedContentTokenCount: usage.cacheRead,
    candidatesTokenCount: usage.output - usage.reasoning,
    thoughtsTokenCount: usage.reasoning,
    totalTokenCount: inputTokens(usage) + usage.output,
  };
}

function parts(reply: Reply, cut: (text: string) => string[]): Body[] {
  return [
    ...cut(reply.think).map((text) => ({ text, thought: true })),
    ...cut(reply.text).map((text) => ({ text })),
    ...reply.calls.map(({ id, name, arguments: args }) => ({ functionCall: { id, name, args } })),
  ];
}

const document = (reply: Reply, candidate: Body, usage: Body): Body => ({
  candidates: [{ index: 0, ...candidate }],
  usageMetadata: usage,
  modelVersion: reply.model,
  responseId: reply.id,
});

const finish = ({ ends }: Reply): Body => ({
  finishReason: finishReasons[ends],
  ...(finishReasons[ends] === 'SAFETY' && {
    safetyRatings: [{ category: 'HARM_CATEGORY_DANGEROUS_CONTENT', probability: 'HIGH', blocked: true }],
  }),
});

function answer(reply: Reply): Body {
  const content = { role: 'model', parts: parts(reply, (text) => (text === '' ? [] : [text])) };
  return document(reply, { content, ...finish(reply) }, usageOf(reply));
}

function frames(reply: Reply): string[] {
  const sofar = { promptTokenCount: inputTokens(reply.usage), totalTokenCount: inputTokens(reply.usage) };
  const last = { content: { role: 'model', parts: [{ text: '' }] }, ...finish(reply) };
  return [
    ...parts(reply, pieces).map((part) =>
      document(reply, { content: { role: 'model', parts: [part] } }, sofar),
    ),
    document(reply, last, usageOf(reply)),
  ].map((data) => frame(data));
}

export const gemini: Protocol = {
  name: 'gemini',
  route,
  read,
  answer,
  frames,
  failure: (name, retryAfter) => ({ status: failures[name][0], body: errorBody(name, retryAfter) }),
  failedFrames: (name) => [frame(errorBody(name))],
  count: (tokens) => ({ totalTokens: tokens }),
  models: (names) => ({
    models: names.map((name) => ({
      name: `models/${name}`,
      displayName: name,
      inputTokenLimit: 1_048_576,
      outputTokenLimit: 65_536,
      supportedGenerationMethods: ['generateContent', 'countTokens'],
    })),
  }),
};
