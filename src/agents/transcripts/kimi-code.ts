import { present } from '../../crds/present.ts';
import type { AgentFailure, AgentGiven, AgentReport } from '../agent.ts';
import { failureOfEnd, metricsOf } from './answered.ts';
import type { Said } from './conversation.ts';
import { failureOf } from './failures.ts';
import { contentText, countOf, fieldsOf, objectsIn, objectsOf, sumOf, textOf, type Fields } from './json.ts';
import { reportBuilder, type ReportBuilder } from './report.ts';
import type { Counts } from './usage.ts';

/**
 * What `kimi --output-format stream-json` prints while it runs, messages as Chat Completions has them, and after it the records of its session,
 * which say more. Where it did not come to its end there are only the messages.
 */
export function readKimiCode(
  lines: Iterable<string>,
  given: Pick<AgentGiven, 'model' | 'version'>,
): AgentReport {
  const [printed, recorded] = [reportBuilder('kimi-code', given), reportBuilder('kimi-code', given)];
  for (const line of objectsIn(lines)) {
    if (textOf(line['role']) !== undefined) print(printed, line);
    else record(recorded, line);
  }
  const report = recorded.done();
  return report.trajectory || report.failure ? report : printed.done();
}

function print(report: ReportBuilder, message: Fields): void {
  const { role, content } = message;
  if (role === 'tool') report.result(textOf(message['tool_call_id']), contentText(content));
  if (role !== 'assistant') return;
  const calls = objectsOf(message['tool_calls']).map((call) => {
    const { name, arguments: given } = fieldsOf(call['function']);
    return { id: textOf(call['id']) ?? '', name: textOf(name) ?? '', arguments: given };
  });
  report.agent({ message: contentText(content), calls });
}

/** A sub-agent's records are after those of the agent itself; only what it used counts. */
function record(report: ReportBuilder, { type, agentId, ...of }: Fields): void {
  if (type === 'usage.record') return report.uses(usedBy(fieldsOf(of['usage'])));
  if (agentId !== 'main') return;
  if (type === 'turn.prompt') report.user(contentText(of['input']), of['time']);
  if (type === 'context.append_loop_event') happened(report, fieldsOf(of['event']), of['time']);
  if (type === 'turn.ended' && of['error'] !== undefined) report.fails(failureIn(fieldsOf(of['error'])));
}

function happened(report: ReportBuilder, event: Fields, time: unknown): void {
  const part = fieldsOf(event['part']);
  const answer = { answer: textOf(event['stepUuid']) ?? textOf(event['uuid']), time };
  switch (event['type']) {
    case 'content.part':
      return report.agent({ ...answer, message: textOf(part['text']), reasoning: textOf(part['think']) });
    case 'tool.call': {
      const { toolCallId, name, args } = event;
      return report.agent({
        ...answer,
        calls: [{ id: textOf(toolCallId) ?? '', name: textOf(name) ?? '', arguments: args }],
      });
    }
    case 'tool.result':
      return report.result(textOf(event['toolCallId']), contentText(fieldsOf(event['result'])['output']));
    case 'step.end':
      return finished(report, event, answer);
  }
}

/** Input is counted without what the cache had. */
const usedBy = (usage: Fields): Counts =>
  present({
    inputTokens: sumOf(usage['inputOther'], usage['inputCacheRead'], usage['inputCacheCreation']),
    cacheTokens: countOf(usage['inputCacheRead']),
    outputTokens: countOf(usage['output']),
  });

/** What all answers used is recorded apart, those of sub-agents and summaries too. */
function finished(report: ReportBuilder, event: Fields, answer: Said): void {
  // An answer that failed has none.
  if (event['usage'] === undefined) return;
  report.agent({ ...answer, metrics: metricsOf(usedBy(fieldsOf(event['usage']))) });
  const failure = failureOfEnd(textOf(event['rawFinishReason']));
  if (failure) report.fails(failure);
}

function failureIn({ code, message, details }: Fields): AgentFailure {
  const failure = failureOf(textOf(message) ?? '', countOf(fieldsOf(details)['statusCode']));
  const isUnknown = failure.type === 'UnknownApiError';
  // It summarizes a conversation only where it outgrew the model's context.
  return code === 'compaction.failed' && isUnknown
    ? { ...failure, type: 'ContextWindowExceededError' }
    : failure;
}
