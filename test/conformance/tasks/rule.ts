/** Rules of Harbor's format, each with the smallest task that shows it and what must come of that. */
import type { TrialFailedReason } from '../../../src/crds/reasons.ts';

export const AGENTS = ['oracle', 'nop'] as const;
export type AgentName = (typeof AGENTS)[number];

/** Text, or what text alone cannot say. */
export type TaskFile = string | { text: string; mode: number } | { link: string } | { bytes: number };

/** What one agent must come to. */
export type Expected =
  /** The task is refused before anything runs, by the name of this field or file. */
  | { refused: string }
  | {
      /** Missing: there is no reward. */
      rewards?: Record<string, number>;
      /** Missing: there is one. */
      reason?: TrialFailedReason;
      /** Of `exception_info` in result.json; missing: there is none. */
      exception?: string;
    };

/** What Harbor itself comes to with one agent; see harbor.ts. */
export interface HarborRun {
  /** Missing: there is no reward. */
  rewards?: Record<string, number>;
  /** Of the Trial. */
  exception?: string;
  /** Exceptions of steps by their names, which Harbor does not take for the Trial's. */
  steps?: Record<string, string>;
  /** Those of a rule's `results` that are not as the rule has them. */
  files?: string[];
}

/** Not run: what it needs was not on the machine. */
export type HarborResult = HarborRun | 'not run here';

/** `harbor.json`. */
export interface HarborResults {
  version: string;
  tasks: Record<string, Partial<Record<AgentName, HarborResult>>>;
}

export interface Rule {
  /** Name of the task's folder. */
  task: string;
  /** One sentence. */
  rule: string;
  /** Where Harbor 0.25.0 has it: a path in its package, and what to look for there. */
  source: string;
  /** `task.toml`. Where it has no [environment] and there is no Dockerfile, the usual image is added. */
  toml?: string;
  /** `tests/test.sh` without its first line; default: a reward of 1. */
  tests?: string;
  /** `solution/solve.sh` without its first line. */
  solution?: string;
  /** Further files, or others in place of those above. */
  files?: Record<string, TaskFile>;
  /** An agent that is missing tells nothing about the rule, and does not run. */
  oracle?: Expected;
  nop?: Expected;
  /** Files of a Trial's results: what is in them, or whether they are there. Of all agents that run. */
  results?: Record<string, RegExp | boolean>;
  /** Where we do not do as Harbor does: what it does, and why we do not. */
  differs?: { harbor: string; because: string };
}

export const earns = (reward: number | Record<string, number>, exception?: string): Expected => ({
  rewards: typeof reward === 'number' ? { reward } : reward,
  ...(exception !== undefined && { exception }),
});

export const fails = (reason: TrialFailedReason, exception: string): Expected => ({ reason, exception });

export const refused = (field: string): Expected => ({ refused: field });

export const IMAGE = 'debian:bookworm-slim';
/** For a `toml` that needs more of its environment: further keys and tables follow. */
export const ENVIRONMENT = `[environment]\ndocker_image = "${IMAGE}"\n`;

const REWARD_FILE = '/logs/verifier/reward.txt';
const JSON_FILE = '/logs/verifier/reward.json';

/** Lines of a verifier. */
export const text = (contents: string): string => `printf -- '${contents}' > ${REWARD_FILE}`;
export const json = (contents: string): string => `printf -- '${contents}' > ${JSON_FILE}`;
/** Reward 1 where the condition of the shell holds, else 0; what was compared is in test-stdout.txt. */
export const checks = (condition: string): string =>
  `set -x\nif ${condition}\nthen echo 1 > ${REWARD_FILE}\nelse echo 0 > ${REWARD_FILE}\nfi`;

/** The rules of one chapter, which share a source. */
export const from = (source: string, rules: Omit<Rule, 'source'>[]): Rule[] =>
  rules.map((rule) => ({ ...rule, source }));
