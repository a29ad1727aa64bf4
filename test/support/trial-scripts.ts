/** Scripts and Trials for scenarios. */
import { severityOf, type Severity } from '../../src/crds/findings.ts';
import type { Outcome } from '../../src/wire/outcome.ts';
import type { Files } from './folder.ts';
import { needTaskPods } from './task-pod.ts';
import { anAgent, SOLVED } from './trial-assignment.ts';
import { makeTrialRun } from './trial-run.ts';
import type { Wish } from './trial-assignment.ts';
import type { RunOptions, TrialRun } from './trial-run.ts';

export const REWARD_1 = { kind: 'rewarded', reward: 1, rewards: { reward: 1 } };

export const bash = (...lines: string[]): string => ['#!/bin/bash', ...lines, ''].join('\n');

/** A loop that writes what is new each time into a file: in one step, so that nobody reads one that is empty for the moment. */
export const beating = (file: string): string =>
  `while :; do date +%N > ${file}.new; mv ${file}.new ${file}; sleep 0.05; done`;

/** A task whose agent is this script and whose verifier that one. */
export const taskOf = (solve: string[], test: string[], toml = ''): Files => ({
  ...SOLVED,
  'task.toml': toml,
  'solution/solve.sh': bash(...solve),
  'tests/test.sh': bash(...test),
});

/** An agent of one's own. */
export const custom = (
  run: string,
  over: Partial<NonNullable<Wish['agent']>> = {},
): NonNullable<Wish['agent']> => ({
  ...anAgent({ name: 'custom', run }),
  ...over,
});

/** Messages of what looked like tampering, and of what could not be told. */
export const saidBy = (severity: Severity, { findings }: Pick<Outcome, 'findings'>): string[] =>
  findings.flatMap((finding) => (severityOf(finding) === severity ? [finding.message] : []));

/** Line of a test: the reward is 1 where the check passes. */
export const reward = (check: string): string =>
  `if ${check}; then echo 1; else echo 0; fi > /logs/verifier/reward.txt`;

/** Makes Trials that are removed after each test; skips the suite where none can run. */
export function useTrialRuns(): (options?: RunOptions) => Promise<TrialRun> {
  const runs: TrialRun[] = [];
  before(function () {
    needTaskPods(this);
  });
  afterEach(async () => {
    for (const run of runs.splice(0)) await run.remove();
  });
  return async (options = {}) => {
    const run = await makeTrialRun(options);
    runs.push(run);
    return run;
  };
}
