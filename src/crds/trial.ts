/** Trial: run this task once with this agent, and write the reward onto the object. */
import { Agent, among, RUN_REQUIRED, WITH_SCRIPTS } from './agent.ts';
import type { ObjectMeta } from '../kube/types.ts';
import { Environment, EnvVars, User } from './environment.ts';
import { immutable } from './immutable.ts';
import { Regrade } from './regrade.ts';
import { atomicList, choice, listMap, objectName, rules, seconds, text, Type } from './schema.ts';
import { Scheduling } from './scheduling.ts';
import type { TrialStatus } from './trial-status.ts';
import { Verifier } from './verifier.ts';

const Task = Type.Object(
  {
    name: text(200, 'Name of the task, in Harbor’s form `org/name` or plain.', {
      minLength: 1,
      pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?$',
    }),
    dataset: text(100, 'Dataset that the task belongs to.', {
      default: 'local',
      pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$',
    }),
    version: Type.Optional(
      text(12, 'First 12 hex digits of the task’s hash.', { pattern: '^[0-9a-f]{12}$' }),
    ),
    s3: Type.Optional(
      Type.Object(
        {
          uri: text(
            1024,
            'Prefix in the operator’s bucket, under `tasks/`, that holds `task.zip` and `metadata.json`.',
            {
              pattern: '^s3://[^/]+/.+',
            },
          ),
        },
        { description: 'A task from the bucket.' },
      ),
    ),
    configMap: Type.Optional(
      Type.Object(
        {
          name: objectName(
            'ConfigMap with the task’s files; `__` in a key stands for `/`, as in `tests__test.sh`.',
          ),
        },
        { description: 'A task small enough for a ConfigMap in the same namespace.' },
      ),
    ),
  },
  {
    description: 'What is to be done.',
    ...rules({
      rule: 'has(self.s3) != has(self.configMap)',
      message: 'give either s3 or configMap',
      reason: 'FieldValueInvalid',
    }),
  },
);

const Step = Type.Object(
  {
    name: text(255, 'Name of the step in task.toml.', { minLength: 1 }),
    agent: Type.Optional(
      Type.Object(
        {
          timeoutSeconds: Type.Optional(seconds('Timeout of the agent.', { minimum: 1 })),
          user: Type.Optional(User('User of the agent.')),
        },
        { description: 'What of `agent` is otherwise in this step.' },
      ),
    ),
    verifier: Type.Optional(
      Type.Object(
        {
          timeoutSeconds: Type.Optional(seconds('Timeout of the verifier.', { minimum: 1 })),
          env: Type.Optional(EnvVars('Variables for the verifier only, before those of all steps.')),
          user: Type.Optional(User('User of the verifier.')),
        },
        { description: 'What of `verifier` is otherwise in this step.' },
      ),
    ),
    minReward: Type.Optional(
      Type.Number({
        description:
          'If the reward is below this, the following steps do not run; default: the one in task.toml.',
      }),
    ),
    minRewards: Type.Optional(
      Type.Unsafe<Record<string, number>>({
        type: 'object',
        maxProperties: 64,
        additionalProperties: { type: 'number' },
        description: 'The same by key of the reward; a missing key is below.',
      }),
    ),
  },
  rules({
    rule: '!has(self.minReward) || !has(self.minRewards)',
    message: 'give at most one of minReward and minRewards',
    reason: 'FieldValueInvalid',
  }),
);

const REWARD_STRATEGIES = ['Mean', 'Final'] as const;
export type RewardStrategy = (typeof REWARD_STRATEGIES)[number];

const Artifact = Type.Object({
  source: text(4096, 'Path in the task container, absolute or relative to the working directory.', {
    minLength: 1,
  }),
  destination: Type.Optional(text(1024, 'Path under `output/`; default: the source’s.')),
  service: Type.Optional(
    text(40, 'Service of docker-compose.yaml that has it; default: main.', {
      pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$',
    }),
  ),
  exclude: Type.Optional(
    atomicList(text(512, 'Pattern.'), {
      maxItems: 32,
      description: 'What a folder is copied without, in patterns of `tar --exclude`.',
    }),
  ),
});

/** Everything but these is immutable once the Trial exists; they say how it is run and kept, not what is run. */
export const MUTABLE: readonly string[] = ['suspend', 'cancel', 'ttlSecondsAfterFinished', 'rerun'];

export const RERUNS = ['IfNotRan', 'Always'] as const;

const fields = {
  task: Task,
  environment: Environment,
  agent: Agent,
  verifier: Verifier,
  steps: Type.Optional(
    listMap(Step, 'name', {
      maxItems: 256,
      description: 'What is otherwise in some steps of a task than task.toml says.',
    }),
  ),
  rewardStrategy: Type.Optional(
    choice(
      [...REWARD_STRATEGIES],
      'What the rewards of several steps come to: Mean is their mean by key, over the steps that ran; Final is that of the last step that ran; default: the one in task.toml, else Mean.',
    ),
  ),
  artifacts: Type.Optional(
    atomicList(Artifact, { maxItems: 64, description: 'Files to keep under `output/`.' }),
  ),
  regrade: Type.Optional(Regrade),
  run: Type.Optional(
    text(63, 'Run ("job id") that the Trial belongs to.', {
      pattern: '^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$',
    }),
  ),
  maxAttempts: Type.Integer({
    minimum: 1,
    maximum: 10,
    format: 'int32',
    default: 3,
    description: 'Maximum number of attempts if infrastructure fails.',
  }),
  backoffSeconds: seconds('Pause before the second attempt; doubles with each further attempt.', {
    maximum: 3600,
    default: 10,
  }),
  startTimeoutSeconds: seconds(
    'Timeout for the Pod to start; does not count while the Trial is suspended, its image is built, or a queue (Kueue) holds its Job back.',
    { minimum: 1, default: 1800 },
  ),
  scheduling: Type.Optional(Scheduling),
  suspend: Type.Boolean({ default: false, description: 'true stops the Pod; false starts a new attempt.' }),
  cancel: Type.Boolean({
    default: false,
    description:
      'Ends the Trial. Once the operator has seen it, setting it back to false is accepted and changes nothing.',
  }),
  ttlSecondsAfterFinished: Type.Optional(
    seconds(
      'Deletes the Trial this many seconds after it ends; its files stay. A Trial that Argo CD or Flux applied is kept: they would create it again.',
    ),
  ),
  rerun: choice(
    RERUNS,
    'Whether a Trial runs whose name and spec have ended before. IfNotRan: it takes over that outcome, and nothing runs; Always: it runs. Counts until the first attempt starts.',
    { default: 'IfNotRan' },
  ),
  uploadResults: Type.Boolean({
    default: true,
    description: 'Store files in S3; false keeps only the reward on the object.',
  }),
};

const lasting = immutable(fields, { kind: 'Trial', except: MUTABLE });

export const TrialSpec = Type.Object(lasting.fields, {
  description: `What to run; immutable except ${MUTABLE.join(', ')}.`,
  ...rules(
    lasting.rule,
    {
      rule: `!(${among(WITH_SCRIPTS).replace('self', 'self.agent')}) || has(self.regrade) || has(self.agent.run)`,
      message: RUN_REQUIRED,
      reason: 'FieldValueInvalid',
      fieldPath: '.agent',
    },
    {
      rule: '!has(self.regrade) || !self.verifier.disabled',
      message: 'verifier.disabled leaves nothing to regrade',
      reason: 'FieldValueInvalid',
      fieldPath: '.verifier.disabled',
    },
  ),
});
export type TrialSpec = Type.Static<typeof TrialSpec>;

/** A Trial object. */
export interface Trial {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  spec: TrialSpec;
  status?: TrialStatus;
}
