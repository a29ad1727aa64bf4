/** OpenAI Responses: https://platform.openai.com/docs/api-reference/responses and /responses-streaming. */
import { idOf, type ModelRequest, type PastReply, type Reply, turnOfId } from '../conversation.ts';
import { stringsIn } from '../progress.ts';
import { inputDetails, inputTokens, openaiError, openaiFailure, openaiModels, openaiTool } from './openai.ts';
import { type Body, created, frame, listIn, objectIn, pieces, type Protocol } from './protocol.ts';

const isReply = ({ type, role }: Body): boolean => role === 'assistant' || type === 'function_call';

const past = (item: Body): PastReply => ({
  ids: item['type'] === 'function_call' ? [String(item['call_id'])] : [],
  strings: stringsIn([item['content'], item['arguments']]),
});

/** A conversation that the server keeps is told by the id of the reply it goes on from. */
function continued({ previous_response_id: id }: Body): PastReply[] {
  const turn = typeof id === 'string' ? turnOfId(id) : undefined;
  return turn === undefined ? [] : [{ ids: [idOf(turn, 0)], strings: [] }];
}

function read(body: Body): ModelRequest {
  const input = listIn(body, 'input');
  const schema = objectIn(body, 'text', 'format', 'schema');
  const told = typeof body['input'] === 'string' ? body['input'] : input.filter((item) => !isReply(item));
  return {
    model: String(body['model']),
    stream: body['stream'] === true,
    tools: listIn(body, 'tools').map(openaiTool),
    past: [...continued(body), ...input.filter(isReply).map(past)],
    prompt: stringsIn([body['instructions'], told]).join('\n'),
    ...(Object.keys(schema).length > 0 && { schema }),
    reportsUsage: true,
  };
}

const usageOf = ({ usage }: Reply): Body => ({
  input_tokens: inputTokens(usage),
  input_tokens_details: inputDetails(usage),
  output_tokens: usage.output,
  output_tokens_details: { reasoning_tokens: usage.reasoning },
  total_tokens: inputTokens(usage) + usage.output,
});

function message(reply: Reply): Body[] {
  const part =
    reply.ends === 'refusal'
      ? { type: 'refusal', refusal: reply.text }
      : { type: 'output_text', text: reply.text, annotations: [] };
  const status = reply.ends === 'length' ? 'incomplete' : 'completed';
  return reply.text === ''
    ? []
    : [{ type: 'message', id: `msg_${reply.id}`, role: 'assistant', status, content: [part] }];
}

function items(reply: Reply): Body[] {
  const reasoning = {
    type: 'reasoning',
    id: `rs_${reply.id}`,
    summary: [{ type: 'summary_text', text: reply.think }],
  };
  return [
    ...(reply.think === '' ? [] : [reasoning]),
    ...message(reply),
    ...reply.calls.map(({ id, name, arguments: given }) => ({
      type: 'function_call',
      id: `fc_${id}`,
      call_id: id,
      name,
      arguments: JSON.stringify(given),
      status: 'completed',
    })),
  ];
}

const incompleteReasons: Partial<Record<Reply['ends'], string>> = {
  length: 'max_output_tokens',
  filter: 'content_filter',
};

const started = (id: string, model: string): Body => ({
  id,
  object: 'response',
  created_at: created,
  status: 'in_progress',
  model,
  output: [],
  usage: null,
  error: null,
  incomplete_details: null,
});

function answer(reply: Reply): Body {
  const reason = incompleteReasons[reply.ends];
  return {
    ...started(reply.id, reply.model),
    status: reason === undefined ? 'completed' : 'incomplete',
    output: items(reply),
    usage: usageOf(reply),
    incomplete_details: reason === undefined ? null : { reason },
  };
}

/** An event before it has its number. */
type Event = Body & { type: string };

/** What comes between the start of an item and its end. */
function between(item: Body, at: Body): Event[] {
  const where = { ...at, item_id: item['id'] };
  if (item['type'] === 'function_call') {
    const given = String(item['arguments']);
    return [
      ...pieces(given).map((delta) => ({ type: 'response.function_call_arguments.delta', ...where, delta })),
      { type: 'response.function_call_arguments.done', ...where, arguments: given },
    ];
  }
  if (item['type'] === 'reasoning') return reasoningEvents(item, { ...where, summary_index: 0 });
  return textEvents(item, { ...where, content_index: 0 });
}

function textEvents(item: Body, where: Body): Event[] {
  const [part = {}] = listIn(item, 'content');
  const field = part['type'] === 'refusal' ? 'refusal' : 'text';
  const name = part['type'] === 'refusal' ? 'response.refusal' : 'response.output_text';
  const text = String(part[field]);
  return [
    { type: 'response.content_part.added', ...where, part: { ...part, [field]: '' } },
    ...pieces(text).map((delta) => ({ type: `${name}.delta`, ...where, delta })),
    { type: `${name}.done`, ...where, [field]: text },
    { type: 'response.content_part.done', ...where, part },
  ];
}

function reasoningEvents(item: Body, where: Body): Event[] {
  const [part = {}] = listIn(item, 'summary');
  const text = String(part['text']);
  return [
    { type: 'response.reasoning_summary_part.added', ...where, part: { ...part, text: '' } },
    ...pieces(text).map((delta) => ({ type: 'response.reasoning_summary_text.delta', ...where, delta })),
    { type: 'response.reasoning_summary_text.done', ...where, text },
    { type: 'response.reasoning_summary_part.done', ...where, part },
  ];
}

const empty: Record<string, Body> = {
  message: { content: [] },
  function_call: { arguments: '' },
  reasoning: { summary: [] },
};

function itemEvents(item: Body, index: number): Event[] {
  const at = { output_index: index };
  const bare = { ...item, ...empty[String(item['type'])], status: 'in_progress' };
  return [
    { type: 'response.output_item.added', ...at, item: bare },
    ...between(item, at),
    { type: 'response.output_item.done', ...at, item },
  ];
}

const numbered = (events: Event[]): string[] =>
  events.map((event, number) => frame({ ...event, sequence_number: number }, event.type));

const opening = (response: Body): Event[] => [
  { type: 'response.created', response },
  { type: 'response.in_progress', response },
];

function frames(reply: Reply): string[] {
  const response = answer(reply);
  return numbered([
    ...opening(started(reply.id, reply.model)),
    ...items(reply).flatMap(itemEvents),
    { type: `response.${String(response['status'])}`, response },
  ]);
}

export const responses: Protocol = {
  name: 'responses',
  route: (path) => {
    if (path.endsWith('/responses/input_tokens')) return { does: 'count' };
    return path.endsWith('/responses') ? { does: 'generate' } : undefined;
  },
  read,
  answer,
  frames,
  failure: openaiFailure,
  failedFrames: (name, { model }) => {
    const { code, message: text } = openaiError(name);
    const response = started('resp_failed', model);
    const error = { code: code ?? 'server_error', message: text };
    return numbered([
      ...opening(response),
      { type: 'response.failed', response: { ...response, status: 'failed', error } },
    ]);
  },
  count: (tokens) => ({ object: 'response.input_tokens', input_tokens: tokens }),
  models: openaiModels,
};
