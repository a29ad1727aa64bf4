/** Reads what Gemini CLI 0.61 writes with `--output-format stream-json`, and its retries, which it writes as plain text. */
import { present } from '../../crds/present.ts';
import type { AgentReport, Transcript } from '../agent.ts';
import { failureOf } from './failures.ts';
import { countOf, eventsIn, fieldsOf, textOf, type Fields, wordsOf } from './json.ts';
import { reportBuilder, type ReportBuilder } from './report.ts';
import type { Counts } from './usage.ts';

const RETRY = /^Attempt \d+ failed(?: with status (\d+))?[.:] (.+)$/;

export const readGeminiCli: Transcript['read'] = (lines, given): AgentReport => {
  const report = reportBuilder('gemini-cli', given);
  // Answers have no names: what follows the result of a call is the next one.
  let answer = 0;
  for (const event of eventsIn(lines)) {
    if (typeof event === 'string') readRetry(report, event);
    else readerOf(wordsOf(event['type']))?.(report, event, `${answer}`);
    if (typeof event !== 'string' && event['type'] === 'tool_result') answer += 1;
  }
  return report.done();
};

function readRetry(report: ReportBuilder, line: string): void {
  const [, status, failure] = RETRY.exec(line) ?? [];
  if (failure !== undefined)
    report.fails(failureOf(failure, status === undefined ? undefined : Number(status)));
}

/** By the type of the event. */
const READERS: Record<string, (report: ReportBuilder, event: Fields, answer: string) => void> = {
  init: (report, { session_id: session, model }) =>
    report.describe({ sessionId: textOf(session), model: textOf(model) }),
  message: (report, { role, content, timestamp: time }, answer) => {
    if (role === 'user') report.user(wordsOf(content), time);
    else report.agent({ answer, time, message: wordsOf(content) });
  },
  tool_use: (report, { tool_id: id, tool_name: name, parameters, timestamp: time }, answer) => {
    const call = { id: wordsOf(id), name: wordsOf(name), arguments: parameters };
    report.agent({ answer, time, calls: [call] });
  },
  tool_result: (report, { tool_id: id, output, error }) =>
    report.result(textOf(id), textOf(output) ?? wordsOf(fieldsOf(error)['message'])),
  error: (report, { severity, message }) => {
    if (severity === 'error') report.fails(failureOf(wordsOf(message)));
  },
  result: readResult,
};

const readerOf = (type: string) => (Object.hasOwn(READERS, type) ? READERS[type] : undefined);

function readResult(report: ReportBuilder, { stats, status, error }: Fields): void {
  for (const [model, used] of Object.entries(fieldsOf(fieldsOf(stats)['models'])))
    report.uses(countsOf(fieldsOf(used)), model);
  const failure = textOf(fieldsOf(error)['message']);
  if (status === 'error' && failure !== undefined) report.fails(failureOf(failure));
}

/** What it thought is in the total alone. */
function countsOf(used: Fields): Counts {
  const [input, total] = [countOf(used['input_tokens']), countOf(used['total_tokens'])];
  return present({
    inputTokens: input,
    cacheTokens: countOf(used['cached']),
    outputTokens: countOf((total ?? 0) - (input ?? 0)) ?? countOf(used['output_tokens']),
  });
}
