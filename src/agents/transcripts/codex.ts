/** Reads what Codex 0.171 writes with `codex exec --json`. */
import { present } from '../../crds/present.ts';
import type { AgentReport, Transcript } from '../agent.ts';
import { failureOf } from './failures.ts';
import { contentText, countOf, fieldsOf, objectsIn, textOf, type Fields, wordsOf } from './json.ts';
import { reportBuilder, type ReportBuilder } from './report.ts';

export const readCodex: Transcript['read'] = (lines, given): AgentReport => {
  const report = reportBuilder('codex', given);
  const items = itemReader(report);
  for (const event of objectsIn(lines)) {
    const { type } = event;
    if (type === 'thread.started') report.describe({ sessionId: textOf(event['thread_id']) });
    else if (type === 'item.started' || type === 'item.completed')
      items(fieldsOf(event['item']), type === 'item.completed');
    // It has tried again where it says so, up to the last one, which ends the turn.
    else if (type === 'error') report.fails(failureOf(wordsOf(event['message'])));
    else if (type === 'turn.failed') report.fails(failureOf(wordsOf(fieldsOf(event['error'])['message'])));
    else if (type === 'turn.completed') readUsage(report, fieldsOf(event['usage']));
  }
  return report.done();
};

/** Those that were read from a cache are among those of the input. */
const readUsage = (report: ReportBuilder, usage: Fields): void =>
  report.uses(
    present({
      inputTokens: countOf(usage['input_tokens']),
      cacheTokens: countOf(usage['cached_input_tokens']),
      outputTokens: countOf(usage['output_tokens']),
    }),
    report.model,
  );

/** Items do not say which answer they are of: thoughts, then a text, then calls make one, and what follows a result is the next. */
function itemReader(report: ReportBuilder): (item: Fields, completed: boolean) => void {
  let answer = 0;
  let reached = 0;
  /** Takes a part of an answer; `rank`: of thoughts 1, of a text 2, of calls 3, of results 4. */
  const part = (rank: number): string => {
    if (rank < reached || (rank < 3 && rank === reached)) answer += 1;
    reached = rank;
    return `${answer}`;
  };
  const started = new Set<string>();
  return (item, completed) => {
    const { id, type, text } = item;
    // A warning of Codex itself.
    if (type === 'error') return;
    if (type === 'reasoning') {
      if (completed) report.agent({ answer: part(1), reasoning: textOf(text) });
    } else if (type === 'agent_message') {
      if (completed) report.agent({ answer: part(2), message: textOf(text) });
    } else {
      const callId = wordsOf(id);
      if (!started.has(callId))
        report.agent({
          answer: part(3),
          calls: [{ id: callId, name: nameOf(item), arguments: argumentsOf(item) }],
        });
      started.add(callId);
      if (!completed) return;
      part(4);
      started.delete(callId);
      report.result(callId, resultOf(item));
    }
  };
}

const nameOf = ({ type, server, tool }: Fields): string =>
  type === 'mcp_tool_call' ? `${textOf(server)}.${textOf(tool)}` : wordsOf(type);

/** All that an item has but its result. */
function argumentsOf(item: Fields): Fields {
  const { id: _id, type: _type, status: _status, ...rest } = item;
  const { aggregated_output: _output, exit_code: _code, result: _result, error: _error, ...given } = rest;
  return given;
}

function resultOf({ status, aggregated_output: output, exit_code: code, result, error }: Fields): string {
  const text =
    textOf(output) ?? textOf(fieldsOf(error)['message']) ?? contentText(fieldsOf(result)['content']);
  if (typeof code === 'number' && code !== 0) return `${text}\n(exit code ${code})`;
  return text === '' ? wordsOf(status) : text;
}
