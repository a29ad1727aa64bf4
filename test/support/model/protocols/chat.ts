/** OpenAI Chat Completions: https://platform.openai.com/docs/api-reference/chat; thoughts as `reasoning_content`, as others who speak it do. */
import type { ModelRequest, PastReply, Reply } from '../conversation.ts';
import { stringsIn } from '../progress.ts';
import { inputDetails, inputTokens, openaiError, openaiFailure, openaiModels, openaiTool } from './openai.ts';
import { type Body, created, frame, listIn, objectIn, pieces, type Protocol } from './protocol.ts';

const finishReasons: Record<Reply['ends'], string> = {
  stop: 'stop',
  calls: 'tool_calls',
  length: 'length',
  refusal: 'stop',
  filter: 'content_filter',
};

const past = (message: Body): PastReply => ({
  ids: listIn(message, 'tool_calls').map(({ id }) => String(id)),
  strings: stringsIn([message['content'], message['tool_calls']]),
});

function read(body: Body): ModelRequest {
  const messages = listIn(body, 'messages');
  const schema = objectIn(body, 'response_format', 'json_schema', 'schema');
  return {
    model: String(body['model']),
    stream: body['stream'] === true,
    tools: listIn(body, 'tools').map((tool) => openaiTool(objectIn(tool, 'function'))),
    past: messages.filter(({ role }) => role === 'assistant').map(past),
    prompt: stringsIn(messages.filter(({ role }) => role !== 'assistant').map(({ content }) => content)).join(
      '\n',
    ),
    ...(Object.keys(schema).length > 0 && { schema }),
    reportsUsage: body['stream'] !== true || objectIn(body, 'stream_options')['include_usage'] === true,
  };
}

const usageOf = ({ usage }: Reply): Body => ({
  prompt_tokens: inputTokens(usage),
  completion_tokens: usage.output,
  total_tokens: inputTokens(usage) + usage.output,
  prompt_tokens_details: inputDetails(usage),
  completion_tokens_details: { reasoning_tokens: usage.reasoning },
});

const calls = (reply: Reply): Body[] =>
  reply.calls.map(({ id, name, arguments: given }) => ({
    id,
    type: 'function',
    function: { name, arguments: JSON.stringify(given) },
  }));

function answer(reply: Reply): Body {
  const refused = reply.ends === 'refusal';
  const message = {
    role: 'assistant',
    content: refused || reply.text === '' ? null : reply.text,
    refusal: refused ? reply.text : null,
    ...(reply.think !== '' && { reasoning_content: reply.think }),
    ...(reply.calls.length > 0 && { tool_calls: calls(reply) }),
  };
  return {
    id: reply.id,
    object: 'chat.completion',
    created,
    model: reply.model,
    choices: [{ index: 0, message, logprobs: null, finish_reason: finishReasons[reply.ends] }],
    usage: usageOf(reply),
  };
}

/** A call as it streams: its name first, its arguments in pieces. */
function callDeltas(call: Body, index: number): Body[] {
  const { name, arguments: given } = call['function'] as Record<string, string>;
  return [
    { ...call, index, function: { name, arguments: '' } },
    ...pieces(given ?? '').map((piece) => ({ index, function: { arguments: piece } })),
  ].map((delta) => ({ tool_calls: [delta] }));
}

function deltas(reply: Reply): Body[] {
  const field = reply.ends === 'refusal' ? 'refusal' : 'content';
  return [
    { role: 'assistant', content: '' },
    ...pieces(reply.think).map((piece) => ({ reasoning_content: piece })),
    ...pieces(reply.text).map((piece) => ({ [field]: piece })),
    ...calls(reply).flatMap(callDeltas),
  ];
}

function frames(reply: Reply, { reportsUsage }: ModelRequest): string[] {
  const { id, model } = reply;
  const chunk = (choices: Body[], usage: Body | null): string =>
    frame({ id, object: 'chat.completion.chunk', created, model, choices, ...(reportsUsage && { usage }) });
  const choice = (delta: Body, finish: string | null): string =>
    chunk([{ index: 0, delta, logprobs: null, finish_reason: finish }], null);
  return [
    ...deltas(reply).map((delta) => choice(delta, null)),
    choice({}, finishReasons[reply.ends]),
    ...(reportsUsage ? [chunk([], usageOf(reply))] : []),
    'data: [DONE]\n\n',
  ];
}

export const chat: Protocol = {
  name: 'chat',
  route: (path) => (path.endsWith('/chat/completions') ? { does: 'generate' } : undefined),
  read,
  answer,
  frames,
  failure: openaiFailure,
  failedFrames: (name) => [frame({ error: openaiError(name) })],
  models: openaiModels,
};
