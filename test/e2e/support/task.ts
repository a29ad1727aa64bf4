/** Small tasks in ConfigMaps, made of the few lines that a story is about. */
import type { ConfigMap } from '../../../src/kube/kinds.ts';

export interface TaskFiles {
  /** `tests/test.sh` without its first line; default: a reward of 1. */
  tests?: string;
  /** `solution/solve.sh` without its first line. */
  solution?: string;
  /** `task.toml`; without it the format's defaults hold. */
  toml?: string;
  instruction?: string;
  /** Further files by their keys, `__` for `/`. */
  files?: Record<string, string>;
}

export const REWARD = '/logs/verifier/reward.txt';

/** A script that ends its task with this reward. */
export const reward = (value: number | string): string => `echo ${value} > ${REWARD}`;

/** A script that writes this as `reward.json`. */
export const rewardJson = (text: string): string => `printf '%s' '${text}' > /logs/verifier/reward.json`;

/** Reward 1 where the condition of the shell holds, else 0. */
export const rewardIf = (condition: string): string =>
  `if ${condition}; then ${reward(1)}; else ${reward(0)}; fi`;

const script = (lines: string): string => `#!/bin/sh\n${lines}\n`;

/** The ConfigMap of a task. */
export function taskConfigMap(key: { namespace: string; name: string }, task: TaskFiles): ConfigMap {
  const { tests = reward(1), solution, toml, instruction = 'Do what the story says.', files } = task;
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: key,
    data: {
      'instruction.md': `${instruction}\n`,
      'tests__test.sh': script(tests),
      ...(solution !== undefined && { 'solution__solve.sh': script(solution) }),
      ...(toml !== undefined && { 'task.toml': toml }),
      ...files,
    },
  };
}
