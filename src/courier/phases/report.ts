/** What an agent used, did and failed with, by what it wrote itself: so all of it is checked before it goes anywhere. */
import { readSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import type { AgentReport } from '../../agents/agent.ts';
import type { Counts } from '../../agents/transcripts/usage.ts';
import { AGENT_FAILURES } from '../../crds/agent-failures.ts';
import { present } from '../../crds/present.ts';
import { USAGE_MODELS_MAX } from '../../crds/trial-status.ts';
import type { Exception, Usage } from '../../crds/trial-status.ts';
import type { ModelSeen } from '../model-proxy/proxy.ts';
import { below, openSafely, withOpened } from '../results/safe-open.ts';
import type { Opened } from '../results/safe-open.ts';
import type { Step } from '../task/sequence.ts';

/** What is read of a transcript: its end, where it is longer. */
const READ_BYTES = 64 * 2 ** 20;
/** Of one line, in characters. */
const LINE_CHARS = 2 ** 20;
const CHUNK_BYTES = 64 * 1024;
/** Of its last line, in a message. */
const LAST_CHARS = 300;

/** What an agent says of itself. `lastLine`: of plain text, as programs write it before they give up. */
export type AgentSaid = AgentReport & { lastLine?: string };

/**
 * What can be read of the transcript of an agent; empty where there is none. `logs`: the courier's own path of `/logs`. `clean` takes secrets out of
 * whole lines: of a text that was cut, half a secret would stay.
 */
export function reportOf(
  { transcript }: NonNullable<Step['agent']>,
  logs: string,
  clean: (line: string) => string,
): AgentSaid {
  if (!transcript) return {};
  let lastLine: string | undefined;
  function* watched(lines: Iterable<string>): Generator<string> {
    for (const raw of lines) {
      const line = clean(raw);
      if (/^\s*[^\s{[]/.test(line)) lastLine = line.trim().slice(0, LAST_CHARS);
      yield line;
    }
  }
  const path = relative('/logs/agent', transcript.path);
  const { usage, ...report } = withTranscript(logs, path, (lines) => transcript.read(watched(lines))) ?? {};
  const checked = usage && checkedUsage(usage);
  return {
    ...report,
    ...(checked && { usage: { ...checked, countedBy: 'Agent' } }),
    ...present({ lastLine }),
  };
}

type Failure = NonNullable<AgentReport['failure']> & { lasting?: boolean };

/**
 * What is believed where the courier has seen the calls of the model: its own count, and its own word on what went wrong with the model, or that
 * nothing did. What an agent says of its own failures stands, and of a key or a model that was refused: that excuses no Trial from its reward.
 */
export function believed(
  { usage, failure }: ModelSeen,
  said: Pick<AgentReport, 'failure'>,
): { usage: Usage; failure?: Failure } {
  const isOwn = said.failure && AGENT_FAILURES[said.failure.type].fault !== 'model';
  const own = isOwn && said.failure?.type !== 'BudgetExceededError' ? said.failure : undefined;
  return { usage, ...present({ failure: failure ?? own }) };
}

/**
 * Why the agent ended tells more than its exit code does. Of one that was cut short the last word is that, unless the model had failed it for long
 * before.
 */
export function troubleOf(ended: Exception | undefined, failure: Failure | undefined): Exception | undefined {
  if (!failure) return ended;
  const { type, message, lasting } = failure;
  const isOpen = !ended || ended.type === 'NonZeroAgentExitCodeError';
  return isOpen || (lasting && ended.type === 'AgentTimeoutError') ? { type, message } : ended;
}

/** An exit code means little without what the program said last. */
export const withLastLine = (
  ended: Exception | undefined,
  { lastLine }: Pick<AgentSaid, 'lastLine'>,
): Exception | undefined =>
  ended?.type === 'NonZeroAgentExitCodeError' && lastLine !== undefined
    ? { ...ended, message: `${ended.message}: ${lastLine}` }
    : ended;

/** Whether what lies in place of the agent's output is the agent's own: sbd makes it, as root. Of an agent that is root nobody can tell. */
export function isReplaced(stdout: string | undefined, logs: string, agentUid: number | undefined): boolean {
  if (stdout === undefined || agentUid === undefined || agentUid === 0) return false;
  const folder = openSafely(join(logs, 'agent'), 'folder');
  if (typeof folder === 'string') return false;
  return withOpened(folder, ({ fd, stats: { uid } }) => {
    const file = openSafely(below(fd, basename(stdout)), 'file');
    if (typeof file === 'string') return file !== 'Missing';
    // Where everybody is one user, so is whoever makes the file.
    return withOpened(file, ({ stats }) => stats.uid === agentUid && uid !== agentUid);
  });
}

/** Undefined where there is no such file that can be read. */
function withTranscript<T>(logs: string, name: string, read: (lines: Iterable<string>) => T): T | undefined {
  const folder = openSafely(join(logs, 'agent'), 'folder');
  if (typeof folder === 'string') return undefined;
  return withOpened(folder, ({ fd }) => {
    const file = openSafely(below(fd, name), 'file');
    return typeof file === 'string' ? undefined : withOpened(file, (opened) => read(linesOf(opened)));
  });
}

/** Lines without their ends; of a very long one its beginning. */
function* linesOf({ fd, stats }: Opened): Generator<string> {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  const decoder = new TextDecoder();
  let at = Math.max(0, stats.size - READ_BYTES);
  // What is left of a line that began before is none.
  let skips = at > 0;
  let line = '';
  while (at < stats.size) {
    const length = readSync(fd, chunk, 0, Math.min(chunk.length, stats.size - at), at);
    if (length === 0) break;
    at += length;
    const [rest = '', ...more] = decoder.decode(chunk.subarray(0, length), { stream: true }).split('\n');
    line = grown(line, rest);
    for (const next of more) {
      if (!skips) yield line;
      skips = false;
      line = grown('', next);
    }
  }
  if (line !== '' && !skips) yield line;
}

const grown = (line: string, more: string): string =>
  line.length + more.length <= LINE_CHARS ? line + more : (line + more).slice(0, LINE_CHARS);

/** Without what is no count and no cost; undefined where nothing is left. */
function checkedUsage({ models = [], ...total }: Usage): Usage | undefined {
  const counted = models.flatMap(({ model, ...used }) => {
    const counts = countsOf(used);
    return counts && model !== '' ? [{ model: model.slice(0, 256), ...counts }] : [];
  });
  const counts = countsOf(total);
  return counts && { ...counts, ...(counted.length > 0 && { models: counted.slice(0, USAGE_MODELS_MAX) }) };
}

function countsOf({ inputTokens, cacheTokens, outputTokens, costUsd }: Counts): Counts | undefined {
  const counts = present({
    inputTokens: count(inputTokens),
    cacheTokens: count(cacheTokens),
    outputTokens: count(outputTokens),
    costUsd: costUsd !== undefined && Number.isFinite(costUsd) && costUsd >= 0 ? costUsd : undefined,
  });
  return Object.keys(counts).length > 0 ? counts : undefined;
}

const count = (tokens: number | undefined): number | undefined =>
  tokens !== undefined && Number.isSafeInteger(tokens) && tokens >= 0 ? tokens : undefined;
