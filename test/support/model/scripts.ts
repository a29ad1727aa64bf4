/** Scripts that every agent is tried against; the name is what a Trial has as its model. */
import type { ScriptSources, Turn } from './script.ts';

const solve: Turn[] = [
  {
    edit: { path: 'answer.txt', text: 'solved\n' },
    usage: { input: 100, output: 20, cacheWrite: 40 },
  },
  { say: 'Done.', usage: { input: 30, output: 7, cacheRead: 140 } },
];

export const standardScripts: ScriptSources = {
  /** Writes `answer.txt` and says so. */
  'solve-edit': solve,
  /** Looks around with two calls at once, thinks, writes, checks, ends. */
  'several-calls': [
    {
      say: 'I look around first.',
      shell: ['echo first > first.txt', 'echo second > second.txt'],
      usage: { input: 200, output: 30 },
    },
    {
      think: 'Both files are needed.',
      shell: 'cat first.txt second.txt > both.txt',
      usage: { input: 50, output: 40, cacheRead: 200, reasoning: 15 },
    },
    { shell: 'cat no-such-file', usage: { input: 20, output: 10, cacheRead: 250 } },
    ...solve,
  ],
  /** Fifty calls that sleep: for limits of time and for Trials that are stopped. */
  'keeps-working': [{ shell: 'sleep 1; date >> worked.txt', repeat: 50 }],
  'limited-twice': [{ fail: 429, times: 2, retryAfter: 1 }, ...solve],
  'limited-without-hint': [{ fail: 429, times: 1 }, ...solve],
  limited: [{ fail: 429 }],
  /** Gets half of the work done before the limit. */
  'limited-late': [solve[0]!, { fail: 429, retryAfter: 1 }],
  'out-of-quota': [{ fail: 'quota' }],
  'overloaded-once': [{ fail: 529, times: 1 }, ...solve],
  overloaded: [{ fail: 529 }],
  'overloaded-midstream': [{ fail: 529, midstream: true, times: 1 }, ...solve],
  'server-error': [{ fail: 500 }],
  denied: [{ fail: 401 }],
  forbidden: [{ fail: 403 }],
  'bad-request': [{ fail: 400 }],
  'too-long': [{ fail: 'context-length' }],
  /** What comes of an agent that makes its conversation shorter and tries again. */
  'too-long-once': [{ fail: 'context-length', times: 1 }, ...solve],
  'too-long-late': [solve[0]!, { fail: 'context-length' }],
  'cut-once': [{ cut: true, times: 1 }, ...solve],
  'cut-always': [{ cut: true }, ...solve],
  'dropped-once': [{ drop: true, times: 1 }, ...solve],
  'dropped-always': [{ drop: true }, ...solve],
  stalls: [{ stall: 600 }, ...solve],
  slow: [{ shell: 'echo solved > answer.txt', delay: 20 }],
  refuses: [{ say: 'I will not do that.', ends: 'refusal', repeat: 20 }],
  filtered: [{ ends: 'filter', repeat: 20 }],
  /** The reply reaches the limit of tokens. */
  'cut-short': [{ say: 'The first thing that I would', ends: 'length' }],
  'unknown-tool': [{ call: { tool: 'no_such_tool', arguments: { reason: 'scripted' } } }, ...solve],
};
