import { present } from '../../crds/present.ts';
import type { AgentGiven, AgentReport } from '../agent.ts';
import { answered, failureOfEnd } from './answered.ts';
import type { Said } from './conversation.ts';
import { failureOf } from './failures.ts';
import { costOf, countOf, fieldsOf, objectsIn, sumOf, textOf, type Fields } from './json.ts';
import { reportBuilder, type ReportBuilder } from './report.ts';

/**
 * What `opencode run --format=json` prints: a line for each part of an answer once the part is whole, and for each error that it gave up on.
 * Parts of the same answer name the same message.
 */
export function readOpencode(
  lines: Iterable<string>,
  given: Pick<AgentGiven, 'model' | 'version'>,
): AgentReport {
  const report = reportBuilder('opencode', given);
  for (const event of objectsIn(lines)) {
    report.describe({ sessionId: textOf(event['sessionID']) });
    const part = fieldsOf(event['part']);
    const answer = { answer: textOf(part['messageID']), time: event['timestamp'] };
    switch (event['type']) {
      case 'text':
        report.agent({ ...answer, message: textOf(part['text']) });
        break;
      case 'reasoning':
        report.agent({ ...answer, reasoning: textOf(part['text']) });
        break;
      case 'tool_use':
        called(report, answer, part);
        break;
      case 'step_finish':
        finished(report, answer, part);
        break;
      case 'error':
        report.fails(failureIn(fieldsOf(event['error'])));
    }
  }
  return report.done();
}

function called(report: ReportBuilder, answer: Said, part: Fields): void {
  const state = fieldsOf(part['state']);
  const id = textOf(part['callID']) ?? '';
  report.agent({ ...answer, calls: [{ id, name: textOf(part['tool']) ?? '', arguments: state['input'] }] });
  report.result(id, textOf(state['output']) ?? textOf(state['error']) ?? '');
}

/** Input is counted without what the cache had, output without reasoning. A model whose price is unknown costs 0. */
function finished(report: ReportBuilder, answer: Said, part: Fields): void {
  const tokens = fieldsOf(part['tokens']);
  const cache = fieldsOf(tokens['cache']);
  const used = present({
    inputTokens: sumOf(tokens['input'], cache['read'], cache['write']),
    cacheTokens: countOf(cache['read']),
    outputTokens: sumOf(tokens['output'], tokens['reasoning']),
    costUsd: costOf(part['cost']) || undefined,
  });
  answered(report, answer, used);
  const failure = failureOfEnd(textOf(part['reason']));
  if (failure) report.fails(failure);
}

function failureIn({ name, data }: Fields): ReturnType<typeof failureOf> {
  const { message, statusCode } = fieldsOf(data);
  return failureOf(textOf(message) ?? textOf(name) ?? '', countOf(statusCode));
}
