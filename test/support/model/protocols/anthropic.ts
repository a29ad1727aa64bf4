/** Anthropic Messages: https://docs.anthropic.com/en/api/messages and /en/api/errors. */
import type { ModelRequest, PastReply, Reply } from '../conversation.ts';
import { stringsIn } from '../progress.ts';
import type { FailureName } from '../script.ts';
import { type Body, frame, listIn, objectIn, pieces, type Protocol, retryAfterHeader } from './protocol.ts';

const failures: Record<FailureName, [status: number, type: string, message: string]> = {
  auth: [401, 'authentication_error', 'invalid x-api-key'],
  forbidden: [
    403,
    'permission_error',
    'Your API key does not have permission to use the specified resource.',
  ],
  'no-model': [404, 'not_found_error', 'model: not found'],
  'bad-request': [400, 'invalid_request_error', 'messages: the scripted model refuses this request'],
  'context-length': [400, 'invalid_request_error', 'prompt is too long: 210000 tokens > 200000 maximum'],
  'too-large': [413, 'request_too_large', 'Request exceeds the maximum size'],
  'rate-limit': [
    429,
    'rate_limit_error',
    "This request would exceed your organization's rate limit of 50 requests per minute.",
  ],
  quota: [
    400,
    'invalid_request_error',
    'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.',
  ],
  server: [500, 'api_error', 'Internal server error'],
  overloaded: [529, 'overloaded_error', 'Overloaded'],
};

const errorBody = (name: FailureName): Body => {
  const [, type, message] = failures[name];
  return { type: 'error', error: { type, message }, request_id: 'req_scripted' };
};

const stopReasons: Record<Reply['ends'], string> = {
  stop: 'end_turn',
  calls: 'tool_use',
  length: 'max_tokens',
  refusal: 'refusal',
  filter: 'refusal',
};

const past = (message: Body): PastReply => ({
  ids: listIn(message, 'content').flatMap(({ type, id }) => (type === 'tool_use' ? [String(id)] : [])),
  strings: stringsIn(message['content']),
});

function read(body: Body): ModelRequest {
  const messages = listIn(body, 'messages');
  const schema = [
    objectIn(body, 'output_config', 'format', 'schema'),
    objectIn(body, 'output_format', 'schema'),
  ].find((found) => Object.keys(found).length > 0);
  return {
    model: String(body['model']),
    stream: body['stream'] === true,
    tools: listIn(body, 'tools').map(({ name, input_schema: parameters }) => ({
      name: String(name),
      parameters: parameters as Body | undefined,
    })),
    past: messages.filter(({ role }) => role === 'assistant').map(past),
    prompt: [
      ...stringsIn(body['system']),
      ...stringsIn(messages.filter(({ role }) => role !== 'assistant')),
    ].join('\n'),
    ...(schema && { schema }),
    reportsUsage: true,
  };
}

function usageOf({ usage }: Reply): Body {
  return {
    input_tokens: usage.input,
    cache_creation_input_tokens: usage.cacheWrite,
    cache_read_input_tokens: usage.cacheRead,
    output_tokens: usage.output,
    output_tokens_details: { thinking_tokens: usage.reasoning },
  };
}

function blocks({ think, text, calls }: Reply): Body[] {
  return [
    ...(think === '' ? [] : [{ type: 'thinking', thinking: think, signature: 'c2NyaXB0ZWQ=' }]),
    ...(text === '' ? [] : [{ type: 'text', text }]),
    ...calls.map(({ id, name, arguments: input }) => ({ type: 'tool_use', id, name, input })),
  ];
}

const envelope = (reply: Reply): Body => ({
  id: reply.id,
  type: 'message',
  role: 'assistant',
  model: reply.model,
  content: blocks(reply),
  stop_reason: stopReasons[reply.ends],
  stop_sequence: null,
  usage: usageOf(reply),
});

const event = (type: string, fields: Body = {}): string => frame({ type, ...fields }, type);

/** A block as it starts, and the changes that make it whole. */
function opened(block: Body): { start: Body; deltas: Body[] } {
  switch (block['type']) {
    case 'text':
      return {
        start: { type: 'text', text: '' },
        deltas: pieces(String(block['text'])).map((text) => ({ type: 'text_delta', text })),
      };
    case 'thinking':
      return {
        start: { type: 'thinking', thinking: '', signature: '' },
        deltas: [
          ...pieces(String(block['thinking'])).map((thinking) => ({ type: 'thinking_delta', thinking })),
          { type: 'signature_delta', signature: block['signature'] },
        ],
      };
    default:
      return {
        start: { ...block, input: {} },
        deltas: pieces(JSON.stringify(block['input'])).map((json) => ({
          type: 'input_json_delta',
          partial_json: json,
        })),
      };
  }
}

function blockFrames(block: Body, index: number): string[] {
  const { start, deltas } = opened(block);
  return [
    event('content_block_start', { index, content_block: start }),
    ...deltas.map((delta) => event('content_block_delta', { index, delta })),
    event('content_block_stop', { index }),
  ];
}

function started(message: Body): string[] {
  const usage = { ...(message['usage'] as Body), output_tokens: 1 };
  return [
    event('message_start', { message: { ...message, content: [], stop_reason: null, usage } }),
    event('ping'),
  ];
}

function frames(reply: Reply): string[] {
  const message = envelope(reply);
  return [
    ...started(message),
    ...blocks(reply).flatMap(blockFrames),
    event('message_delta', {
      delta: { stop_reason: message['stop_reason'], stop_sequence: null },
      usage: message['usage'],
    }),
    event('message_stop'),
  ];
}

export const anthropic: Protocol = {
  name: 'anthropic',
  route: (path) => {
    if (path.endsWith('/messages/count_tokens')) return { does: 'count' };
    return path.endsWith('/messages') ? { does: 'generate' } : undefined;
  },
  read,
  answer: envelope,
  frames,
  failure: (name, retryAfter) => ({
    status: failures[name][0],
    body: errorBody(name),
    headers: { 'request-id': 'req_scripted', ...retryAfterHeader(retryAfter) },
  }),
  failedFrames: (name, { model }) => [
    ...started({
      id: 'msg_failed',
      type: 'message',
      role: 'assistant',
      model,
      stop_sequence: null,
      usage: { input_tokens: 1 },
    }),
    frame(errorBody(name), 'error'),
  ],
  count: (tokens) => ({ input_tokens: tokens }),
  models: (names) => ({
    data: names.map((id) => ({ type: 'model', id, display_name: id, created_at: '2025-11-24T00:00:00Z' })),
    has_more: false,
    first_id: names[0] ?? null,
    last_id: names.at(-1) ?? null,
  }),
};
