/**
 * Messages as Claude Code writes them with `--output-format stream-json`, and Qwen Code after it: one event a line, of which those of type
 * `assistant` and `user` hold a message of Anthropic's protocol. Those of a sub-agent name the call that began it.
 */
import { present } from '../../crds/present.ts';
import type { Conversation } from './conversation.ts';
import { contentText, countOf, fieldsOf, objectsOf, sumOf, textOf, type Fields, wordsOf } from './json.ts';
import type { ReportBuilder } from './report.ts';
import type { Counts } from './usage.ts';

/** Answers whose usage is kept apart, in case no total follows. */
const ANSWERS_MAX = 100_000;

export interface MessageReader {
  /** Whether the event is a message; then it is in the report. */
  read(event: Fields): boolean;
  /** What the messages themselves say that was used, by model: of a program that was stopped there is nothing else. */
  used(): { model: string | undefined; counts: Counts }[];
}

/** `answerOf`: the name of the answer that an event of type `assistant` is a part of. */
export function messageReader(
  report: ReportBuilder,
  { answerOf, countsOf }: { answerOf: (event: Fields) => string; countsOf: (usage: Fields) => Counts },
): MessageReader {
  const used = new Map<string, { model: string | undefined; counts: Counts }>();
  return {
    read: (event) => {
      const { type } = event;
      if (type !== 'assistant' && type !== 'user') return false;
      const parent = textOf(event['parent_tool_use_id']);
      const conversation = parent === undefined ? report : report.subAgent(parent);
      const message = fieldsOf(event['message']);
      if (type === 'user') readUser(conversation, message, event['timestamp']);
      else {
        const counts = countsOf(fieldsOf(message['usage']));
        const model = textOf(message['model']);
        // An answer comes in several events, each with the same usage.
        const key = `${parent} ${textOf(message['id'])}`;
        if (used.has(key) || used.size < ANSWERS_MAX) used.set(key, { model, counts });
        readAnswer(conversation, message, { answer: answerOf(event), counts, time: event['timestamp'] });
      }
      return true;
    },
    used: () => [...used.values()],
  };
}

function readUser(conversation: Conversation, { content }: Fields, time: unknown): void {
  if (typeof content === 'string') conversation.user(content, time);
  for (const block of objectsOf(content))
    if (block['type'] === 'tool_result')
      conversation.result(textOf(block['tool_use_id']), contentText(block['content']));
    else if (typeof block['text'] === 'string') conversation.user(block['text'], time);
}

function readAnswer(
  conversation: Conversation,
  { content, model }: Fields,
  { answer, counts, time }: { answer: string; counts: Counts; time: unknown },
): void {
  const blocks = objectsOf(content);
  const joined = (field: 'text' | 'thinking'): string =>
    blocks.flatMap((block) => (typeof block[field] === 'string' ? [block[field]] : [])).join('\n');
  const calls = blocks
    .filter(({ type }) => type === 'tool_use')
    .map(({ id, name, input }) => ({ id: wordsOf(id), name: wordsOf(name), arguments: input }));
  conversation.agent({
    answer,
    time,
    message: joined('text'),
    reasoning: joined('thinking'),
    calls,
    model: textOf(model),
    metrics: present({
      prompt_tokens: counts.inputTokens,
      cached_tokens: counts.cacheTokens,
      completion_tokens: counts.outputTokens,
    }),
  });
}

/** Tokens as Anthropic's protocol has them: no token of the input is in two of the fields. */
export const anthropicCounts = (usage: Fields): Counts =>
  present({
    inputTokens: sumOf(
      usage['input_tokens'],
      usage['cache_read_input_tokens'],
      usage['cache_creation_input_tokens'],
    ),
    cacheTokens: countOf(usage['cache_read_input_tokens']),
    outputTokens: countOf(usage['output_tokens']),
  });
