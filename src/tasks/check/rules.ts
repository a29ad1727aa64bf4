/** Names of what can be wrong with a task. All but `unsupported-feature`, `carriage-return` and `missing-copy-source` are those of `harbor lint` 0.25. */

export interface Rule {
  /** `error`: the task cannot be run. `warning`: it can, and something is to be said against it. */
  severity: 'error' | 'warning';
  /** What the rule looks for, in a line. */
  about: string;
  /** Looked for only with --strict or when it is asked for, as in Harbor. */
  optional?: true;
}

export const RULES = {
  'invalid-task-config': { severity: 'error', about: 'task.toml does not keep to the format' },
  'invalid-task-files': {
    severity: 'error',
    about: 'a file is missing, unreadable or a link out of the task',
  },
  'unsupported-feature': { severity: 'error', about: 'this version of sb-operator does not run it' },
  'carriage-return': { severity: 'error', about: 'a script whose first line ends as Windows has it' },
  'missing-copy-source': { severity: 'warning', about: 'a Dockerfile copies what the context lacks' },
  'unknown-config-field': { severity: 'warning', about: 'a field of task.toml that means nothing' },
  'shared-verifier': { severity: 'warning', about: 'the verifier runs where the agent was root' },
  'root-agent': { severity: 'warning', about: 'the agent runs as root', optional: true },
  'overlapping-artifacts': { severity: 'warning', about: 'two artifacts want the same place' },
  'artifact-log-overlap': { severity: 'warning', about: 'an artifact holds the logs of agent or verifier' },
  'compose-privileged': { severity: 'warning', about: 'a service is privileged' },
  'compose-additional-capabilities': { severity: 'warning', about: 'a service asks for capabilities' },
  'compose-writable-bind-mount': { severity: 'warning', about: 'a service may write files of the host' },
  'compose-external-bind-mount': { severity: 'warning', about: 'a mount from outside the task' },
  'compose-symlink-bind-mount': { severity: 'warning', about: 'a mount through a link out of the task' },
  'unpinned-image': { severity: 'warning', about: 'an image without a digest', optional: true },
  'unpinned-python-dependency': { severity: 'warning', about: 'a Python package without an exact version' },
  'verifier-runtime-install': {
    severity: 'warning',
    about: 'a separate verifier installs pytest at each trial',
  },
  'verifier-network-download': { severity: 'warning', about: 'a separate verifier downloads at each trial' },
  'agent-image-test-leak': {
    severity: 'warning',
    about: 'tests or solution are copied into the agent’s image',
  },
} as const satisfies Record<string, Rule>;

export type RuleName = keyof typeof RULES;

export const ruleNames = Object.keys(RULES) as RuleName[];

/** One thing that is wrong with a task. */
export interface LintMessage {
  rule: RuleName;
  severity: Rule['severity'];
  /** Absolute path of the file or folder. */
  path: string;
  /** From 1; missing where it is no matter of a line. */
  line?: number;
  column?: number;
  /** A sentence: what is there, what was expected. */
  message: string;
}
