/** Reads what Qwen Code 0.24 writes with `--output-format stream-json`, and its retries, which it writes as plain text. */
import { present } from '../../crds/present.ts';
import type { AgentReport, Transcript } from '../agent.ts';
import { failureOf } from './failures.ts';
import { countOf, eventsIn, fieldsOf, textOf, type Fields } from './json.ts';
import { reportBuilder, type ReportBuilder } from './report.ts';
import { messageReader } from './stream-json.ts';
import type { Counts } from './usage.ts';

const RETRY = /^Retrying in \d+s \(attempt \d+\/\d+\): (.+)$/;

export const readQwenCode: Transcript['read'] = (lines, given): AgentReport => {
  const report = reportBuilder('qwen-code', given);
  let answer = 0;
  // Text and calls of an answer are messages of their own.
  const messages = messageReader(report, { answerOf: () => `${answer}`, countsOf: openaiCounts });
  let total: Counts | undefined;
  for (const event of eventsIn(lines)) {
    if (typeof event === 'string') readRetry(report, event);
    else if (event['type'] === 'result') {
      total = openaiCounts(fieldsOf(event['usage']));
      const failure = textOf(fieldsOf(event['error'])['message']);
      if (failure !== undefined) report.fails(failureOf(failure));
    } else if (event['subtype'] === 'init') describe(report, event);
    else if (messages.read(event) && event['type'] === 'user') answer += 1;
  }
  if (total) report.uses(total, report.model);
  else for (const { model, counts } of messages.used()) report.uses(counts, model);
  return report.done();
};

function readRetry(report: ReportBuilder, line: string): void {
  const [, failure] = RETRY.exec(line) ?? [];
  if (failure !== undefined) report.fails(failureOf(failure));
}

const describe = (
  report: ReportBuilder,
  { session_id: session, qwen_code_version: version, model }: Fields,
): void => report.describe({ sessionId: textOf(session), version: textOf(version), model: textOf(model) });

/** Those that were read from a cache are among those of the input. */
const openaiCounts = (usage: Fields): Counts =>
  present({
    inputTokens: countOf(usage['input_tokens']),
    cacheTokens: countOf(usage['cache_read_input_tokens']),
    outputTokens: countOf(usage['output_tokens']),
  });
