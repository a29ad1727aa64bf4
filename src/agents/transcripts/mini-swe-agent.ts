import { parsedJson } from '../../text/json.ts';
import { present } from '../../crds/present.ts';
import type { AgentGiven, AgentReport } from '../agent.ts';
import { answered, failureOfEnd } from './answered.ts';
import { failureOf } from './failures.ts';
import { contentText, costOf, countOf, fieldsOf, objectsOf, textOf, type Fields } from './json.ts';
import { reportBuilder, type ReportBuilder } from './report.ts';
import type { Counts } from './usage.ts';

/** mini-swe-agent's trajectory: one JSON document, written anew after each step. */
export function readMiniSweAgent(
  lines: Iterable<string>,
  given: Pick<AgentGiven, 'model' | 'version'>,
): AgentReport {
  const report = reportBuilder('mini-swe-agent', given);
  const { info, messages } = fieldsOf(parsedJson([...lines].join('\n')));
  report.describe({ version: textOf(fieldsOf(info)['mini_version']) });
  for (const message of objectsOf(messages)) {
    const extra = fieldsOf(message['extra']);
    // An answer that could not be used is with what the program says of it.
    if (extra['response'] !== undefined) said(report, extra);
    if (message['role'] === 'exit') ended(report, extra);
    else if (message['role'] === 'tool')
      report.result(textOf(message['tool_call_id']), contentText(message['content']));
    else if (message['role'] !== 'assistant') stated(report, message, extra);
  }
  return report.done();
}

const stated = (report: ReportBuilder, { role, content }: Fields, extra: Fields): void =>
  report[role === 'system' ? 'system' : 'user'](contentText(content), timeIn(extra));

/** Seconds in the file. */
const timeIn = ({ timestamp }: Fields): number | undefined =>
  typeof timestamp === 'number' ? timestamp * 1000 : undefined;

/** `extra` of a message has the answer as LiteLLM gave it. */
function said(report: ReportBuilder, extra: Fields): void {
  const { choices, model, usage } = fieldsOf(extra['response']);
  const [choice = {}] = objectsOf(choices);
  const message = fieldsOf(choice['message']);
  answered(
    report,
    {
      message: contentText(message['content']),
      reasoning: textOf(message['reasoning_content']),
      calls: objectsOf(message['tool_calls']).map(callOf),
      model: textOf(model),
      time: timeIn(extra),
    },
    usedBy(fieldsOf(usage), extra),
  );
  const failure = failureOfEnd(textOf(choice['finish_reason']));
  if (failure) report.fails(failure);
}

function callOf(call: Fields): { id: string; name: string; arguments: unknown } {
  const { name, arguments: given } = fieldsOf(call['function']);
  return { id: textOf(call['id']) ?? '', name: textOf(name) ?? '', arguments: given };
}

/** Input includes what the cache had. A model whose price is unknown costs 0. */
const usedBy = (usage: Fields, { cost }: Fields): Counts =>
  present({
    inputTokens: countOf(usage['prompt_tokens']),
    cacheTokens: countOf(fieldsOf(usage['prompt_tokens_details'])['cached_tokens']),
    outputTokens: countOf(usage['completion_tokens']),
    costUsd: costOf(cost) || undefined,
  });

/** Exceptions of LiteLLM's are of the model; what else ends it is not. */
function ended(report: ReportBuilder, { exception_str: exception }: Fields): void {
  const text = textOf(exception) ?? '';
  if (text.startsWith('litellm.')) report.fails(failureOf(text));
}
