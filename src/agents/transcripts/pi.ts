import { present } from '../../crds/present.ts';
import type { AgentFailure, AgentGiven, AgentReport } from '../agent.ts';
import { answered, failureOfEnd } from './answered.ts';
import type { Call } from './conversation.ts';
import { failureOf } from './failures.ts';
import {
  contentText,
  costOf,
  countOf,
  fieldsOf,
  objectsIn,
  objectsOf,
  sumOf,
  textOf,
  type Fields,
} from './json.ts';
import { reportBuilder, type ReportBuilder } from './report.ts';
import type { Counts } from './usage.ts';

/** pi's file of a session: a line for each message, and for each try of the model that failed. */
export function readPi(lines: Iterable<string>, given: Pick<AgentGiven, 'model' | 'version'>): AgentReport {
  const report = reportBuilder('pi', given);
  for (const entry of objectsIn(lines)) {
    if (entry['type'] === 'session') report.describe({ sessionId: textOf(entry['id']) });
    if (entry['type'] !== 'message') continue;
    const message = fieldsOf(entry['message']);
    if (message['role'] === 'user') report.user(contentText(message['content']), entry['timestamp']);
    if (message['role'] === 'assistant') assistant(report, message, entry['timestamp']);
    if (message['role'] === 'toolResult')
      report.result(textOf(message['toolCallId']), contentText(message['content']));
  }
  return report.done();
}

function assistant(report: ReportBuilder, message: Fields, time: unknown): void {
  const blocks = objectsOf(message['content']);
  const used = usedBy(fieldsOf(message['usage']));
  const said = {
    message: textsIn(blocks, 'text'),
    reasoning: textsIn(blocks, 'thinking'),
    calls: blocks.filter(({ type }) => type === 'toolCall').map(callOf),
    model: textOf(message['model']),
    time,
  };
  // A try that failed has no content, or the beginning of it.
  if (blocks.length > 0) answered(report, said, used);
  else if (used.outputTokens) report.uses(used, said.model);
  const failure = failureIn(message);
  if (failure) report.fails(failure);
}

const callOf = ({ id, name, arguments: given }: Fields): Call => ({
  id: textOf(id) ?? '',
  name: textOf(name) ?? '',
  arguments: given,
});

/** What pi says of an answer that the model refused to give, or ended for its rules; its own word for why is lost. */
const UNSAID = 'An unknown error occurred';

function failureIn({ stopReason, errorMessage }: Fields): AgentFailure | undefined {
  if (stopReason !== 'error') return failureOfEnd(textOf(stopReason));
  const message = textOf(errorMessage) ?? UNSAID;
  return message === UNSAID ? { type: 'AgentSafetyRefusalError', message } : failureOf(message);
}

const textsIn = (blocks: Fields[], type: 'text' | 'thinking'): string =>
  blocks
    .filter((block) => block['type'] === type)
    .map((block) => textOf(block[type]) ?? '')
    .join('\n');

/** Input is counted without what the cache had. A model whose price is unknown costs 0. */
function usedBy(usage: Fields): Counts {
  return present({
    inputTokens: sumOf(usage['input'], usage['cacheRead'], usage['cacheWrite']),
    cacheTokens: countOf(usage['cacheRead']),
    outputTokens: countOf(usage['output']),
    costUsd: costOf(fieldsOf(usage['cost'])['total']) || undefined,
  });
}
