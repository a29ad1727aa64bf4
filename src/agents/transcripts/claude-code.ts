/** Reads what Claude Code 2.1 writes with `--output-format stream-json --verbose`. */
import { present } from '../../crds/present.ts';
import type { AgentFailure, AgentReport, Transcript } from '../agent.ts';
import { failureOf, typeInWords } from './failures.ts';
import {
  contentText,
  costOf,
  countOf,
  fieldsOf,
  objectsIn,
  sumOf,
  textOf,
  type Fields,
  wordsOf,
} from './json.ts';
import { reportBuilder, type ReportBuilder } from './report.ts';
import { anthropicCounts, messageReader } from './stream-json.ts';
import type { Counts } from './usage.ts';

export const readClaudeCode: Transcript['read'] = (lines, given): AgentReport => {
  const report = reportBuilder('claude-code', given);
  const messages = messageReader(report, {
    answerOf: ({ message }) => wordsOf(fieldsOf(message)['id']),
    countsOf: answerCounts,
  });
  let total: Fields | undefined;
  for (const event of objectsIn(lines)) {
    if (event['type'] === 'result') {
      total = fieldsOf(event['modelUsage']);
      readResult(report, event);
    } else if (event['type'] === 'system') readSystem(report, event);
    else if (isApiError(event)) readApiError(report, event);
    else messages.read(event);
  }
  // Of the whole session, sub-agents included; the latest counts.
  if (total)
    for (const [model, used] of Object.entries(total)) report.uses(modelCounts(fieldsOf(used)), model);
  else for (const { model, counts } of messages.used()) report.uses(counts, model);
  return report.done();
};

/** What an answer wrote is not in its events: their number is that of its beginning. */
const answerCounts = (usage: Fields): Counts => {
  const { outputTokens: _, ...counts } = anthropicCounts(usage);
  return counts;
};

const modelCounts = (used: Fields): Counts =>
  present({
    inputTokens: sumOf(used['inputTokens'], used['cacheReadInputTokens'], used['cacheCreationInputTokens']),
    cacheTokens: countOf(used['cacheReadInputTokens']),
    outputTokens: countOf(used['outputTokens']),
    // Of a model that it does not know, it takes the price of another.
    costUsd: used['costBasis'] === 'unknown' ? undefined : costOf(used['costUSD']),
  });

function readSystem(report: ReportBuilder, event: Fields): void {
  const { subtype, session_id: session, claude_code_version: version, model } = event;
  if (subtype === 'init')
    report.describe({ sessionId: textOf(session), version: textOf(version), model: textOf(model) });
  if (subtype === 'api_retry') report.fails(retryFailure(event));
}

/** `error_status` is null where there was no answer at all. */
function retryFailure({ error_status: status, error, attempt }: Fields): AgentFailure {
  const message = `call of the model failed (${textOf(error) ?? 'unknown'}${typeof status === 'number' ? `, status ${status}` : ''}), attempt ${countOf(attempt) ?? '?'}`;
  return status === null ? { type: 'NetworkConnectionError', message } : failureOf(message, countOf(status));
}

/** Claude Code says by a message of its own, as if of the agent, that it gave up a call. */
const isApiError = (event: Fields): boolean =>
  event['is_api_error_message'] === true && typeof event['parent_tool_use_id'] !== 'string';

function readApiError(report: ReportBuilder, event: Fields): void {
  const text = contentText(fieldsOf(event['message'])['content']);
  report.system(text, event['timestamp']);
  report.fails(failureOf(text, countOf(event['api_error_status'])));
}

/** The end. That it reached a limit of its own, of turns for example, is no failure of the model. */
function readResult(report: ReportBuilder, event: Fields): void {
  const text = wordsOf(event['result']);
  const status = countOf(event['api_error_status']);
  if (event['stop_reason'] === 'refusal')
    report.fails({ ...failureOf(text), type: 'AgentSafetyRefusalError' });
  else if (event['is_error'] === true && (status !== undefined || typeInWords(text)))
    report.fails(failureOf(text, status));
}
