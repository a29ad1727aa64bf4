import { present } from '../../crds/present.ts';
import { parsedJson } from '../../text/json.ts';
import type { AgentGiven, AgentReport } from '../agent.ts';
import { answered } from './answered.ts';
import { failureOf } from './failures.ts';
import { costOf, countOf, fieldsOf, textOf, type Fields } from './json.ts';
import { reportBuilder, type ReportBuilder } from './report.ts';
import type { Counts } from './usage.ts';

/**
 * Aider's chat history with its log of events between: two files that it only adds to, here the same one. `#### ` begins a line of the
 * instruction, `> ` one of Aider's own; the rest is the model's. The log says when an answer begins, and what it used.
 */
export function readAider(
  lines: Iterable<string>,
  given: Pick<AgentGiven, 'model' | 'version'>,
): AgentReport {
  const report = reportBuilder('aider', given);
  const history = new History(report);
  for (const line of lines) {
    const event = eventIn(line);
    if (event) history.log(event);
    else history.add(line);
  }
  history.begin();
  return report.done();
}

/** A line of the log; the model may write such a one as well. */
function eventIn(line: string): Fields | undefined {
  if (!line.startsWith('{"event": "')) return undefined;
  const event = fieldsOf(parsedJson(line));
  return textOf(event['event']) === undefined ? undefined : event;
}

/** Aider's own sentences. It names a limit that was reached without knowing which. */
const LIMIT = /^Model .{1,256} has hit a token limit!/;
const FAILED = /^(litellm\.\w|Empty response received)/;
const TOKENS = /^Tokens: .{0,64} sent/;

class History {
  readonly #report: ReportBuilder;
  #asked: string[] = [];
  /** What Aider said after an answer, of what it did with it. */
  #told: string[] = [];
  /** Undefined where none is awaited. */
  #answer: string[] | undefined;
  #tokens = '';
  #time: number | undefined;

  constructor(report: ReportBuilder) {
    this.#report = report;
  }

  log({ event, properties, time }: Fields): void {
    this.#time = typeof time === 'number' ? time * 1000 : undefined;
    if (event === 'message_send_starting') this.begin();
    if (event === 'message_send') this.#end(usedBy(fieldsOf(properties), this.#tokens));
  }

  add(line: string): void {
    if (line.startsWith('> ')) this.#tell(line.slice(2).trimEnd());
    else if (this.#answer) this.#answer.push(line);
    else if (line.startsWith('#### ')) this.#asked.push(line.slice(5).trimEnd());
  }

  /** An answer is awaited, or nothing more comes. */
  begin(): void {
    if (this.#told.length > 0) this.#report.result(undefined, this.#told.join('\n'));
    if (this.#asked.length > 0) this.#report.user(this.#asked.join('\n'), this.#time);
    [this.#asked, this.#told, this.#answer, this.#tokens] = [[], [], [], ''];
  }

  #end(used: Counts): void {
    const message = (this.#answer ?? []).join('\n').trim();
    this.#answer = undefined;
    if (message !== '') answered(this.#report, { message, time: this.#time }, used);
    // Where nothing was received, what it says that it sent is a guess.
    else if (used.outputTokens) this.#report.uses(used);
  }

  #tell(text: string): void {
    if (FAILED.test(text)) this.#report.fails(failureOf(text));
    else if (LIMIT.test(text)) this.#limit(text);
    else if (TOKENS.test(text)) this.#tokens = text;
    else (this.#answer ?? this.#told).push(text);
  }

  #limit(message: string): void {
    const hasBegun = this.#answer?.some((line) => line !== '') ?? false;
    this.#end({});
    this.#report.fails({
      type: hasBegun ? 'OutputTokenExceededError' : 'ContextWindowExceededError',
      message,
    });
  }
}

/**
 * Of an event; what the cache had is in the history alone. Input includes it, and what was written to the cache twice. A model whose price is
 * unknown costs 0.
 */
function usedBy(properties: Fields, tokens: string): Counts {
  const sent = countOf(properties['prompt_tokens']);
  return present({
    inputTokens: sent && sent - (tokensIn(tokens, 'cache write') ?? 0),
    cacheTokens: tokensIn(tokens, 'cache hit'),
    outputTokens: countOf(properties['completion_tokens']),
    costUsd: costOf(properties['cost']) || undefined,
  });
}

const SCALE: Readonly<Record<string, number>> = { '': 1, k: 1_000, M: 1_000_000 };

/** Rounded where it is more than 1,000, as in `1.2k cache hit`. */
function tokensIn(text: string, kind: string): number | undefined {
  const [, number = '', unit = ''] = new RegExp(`, ([\\d.]+)([kM]?) ${kind}`).exec(text) ?? [];
  return number === '' ? undefined : Math.round(Number(number) * (SCALE[unit] ?? 1));
}
