/** What the operator reports on a Trial. */
import { attemptFields } from './attempts.ts';
import { Conditions, UNSEEN } from './conditions.ts';
import { FINDING_MESSAGE_MAX, FINDINGS, FINDINGS_MAX, VERDICTS } from './findings.ts';
import type { FindingCode } from './findings.ts';
import { Regraded } from './regrade.ts';
import { atomicList, choice, listMap, text, time, Type } from './schema.ts';

const Interval = Type.Object(
  {
    startTime: time('Begin.'),
    completionTime: Type.Optional(time('End.')),
  },
  { description: 'When the phase ran.' },
);

/** Phases of an attempt, in their order, under Harbor's names. */
export const PHASES = ['environmentSetup', 'agentSetup', 'agentExecution', 'verifier', 'upload'] as const;
export type Phase = (typeof PHASES)[number];

export const Attempt = Type.Object({
  ...attemptFields,
  admittedTime: Type.Optional(time('When a queue let its Job start; missing of one that no queue has held.')),
  taskContent: Type.Optional(
    text(64, 'Hash of the task’s ConfigMap when the Job was created; later attempts must have the same.'),
  ),
});
export type Attempt = Type.Static<typeof Attempt>;

/** A separate verifier: of the only step, or of the one with this number, counted from 1. Its container is called the same. */
export type VerifierRole = 'verifier' | `verifier-${number}`;

/** A service beside main, by its name in docker-compose.yaml. Its container is called the same. */
export type ServiceRole = `service-${string}`;

/** What a Trial runs images for. */
/** `program`: the image of the agent's own program, whose files are put into its container. */
export type ImageRole = 'agent' | 'program' | VerifierRole | ServiceRole;

/** `step`: index of the step from 0; undefined for a task without `[[steps]]`. */
export const verifierRole = (step: number | undefined): VerifierRole =>
  step === undefined ? 'verifier' : `verifier-${step + 1}`;

export const serviceRole = (service: string): ServiceRole => `service-${service}`;

/** One of each for the agent, for every separate verifier, and for every service. */
export type ByRole<T> = { agent: T; program?: T } & { [role in VerifierRole | ServiceRole]?: T };

export const isVerifierRole = (role: string): role is VerifierRole => role.startsWith('verifier');
export const isServiceRole = (role: string): role is ServiceRole => role.startsWith('service-');
const isRole = (key: string): key is ImageRole =>
  key === 'agent' || key === 'program' || isVerifierRole(key) || isServiceRole(key);

/** The agent's first, then the verifiers' in the order of their steps, then the services' in the order in which they start. */
export const rolesOf = <T>(byRole: ByRole<T>): [ImageRole, T][] =>
  Object.entries<T | undefined>(byRole).flatMap(([role, one]): [ImageRole, T][] =>
    isRole(role) && one !== undefined ? [[role, one]] : [],
  );

/** The same with something else for each. */
export const mapRoles = <T, U>(byRole: ByRole<T>, make: (one: T, role: ImageRole) => U): ByRole<U> =>
  Object.fromEntries(rolesOf(byRole).map(([role, one]) => [role, make(one, role)])) as ByRole<U>;

export const TrialImage = Type.Object({
  role: Type.Unsafe<ImageRole>(
    text(
      63,
      'What it is run for. agent: the container that the agent works in; verifier: a separate verifier; verifier-2: that of the second step; program: the agent’s own program; service-db: the service db of docker-compose.yaml.',
      { pattern: '^(agent|program|verifier(-[1-9][0-9]{0,3})?|service-[a-z0-9]([-a-z0-9]*[a-z0-9])?)$' },
    ),
  ),
  image: Type.Optional(text(1024, 'The image, by digest, once it exists.')),
  digest: Type.Optional(text(128, 'Its digest.')),
  taskBuild: Type.Optional(
    text(
      253,
      'TaskBuild that makes it, or made it; with its namespace before a slash, if that is another one.',
    ),
  ),
});
export type TrialImage = Type.Static<typeof TrialImage>;

export const Exception = Type.Object(
  {
    type: text(128, 'Name of the exception, Harbor’s where it has one.'),
    message: text(1024, 'What happened.'),
  },
  { description: 'What went wrong, even if there is a reward.' },
);

export type Exception = Type.Static<typeof Exception>;

const tokensAndCost = {
  inputTokens: Type.Optional(
    Type.Integer({ format: 'int64', description: 'Input tokens, including cached ones.' }),
  ),
  cacheTokens: Type.Optional(Type.Integer({ format: 'int64', description: 'Tokens read from a cache.' })),
  outputTokens: Type.Optional(Type.Integer({ format: 'int64', description: 'Tokens written.' })),
  costUsd: Type.Optional(
    Type.Number({ description: 'Cost in US dollars; missing where no price is known.' }),
  ),
};

/** Models in a usage; those that follow are in the total alone. */
export const USAGE_MODELS_MAX = 8;

export const COUNTED_BY = ['Agent', 'Courier'] as const;

export const Finding = Type.Object({
  code: choice(
    Object.keys(FINDINGS) as FindingCode[],
    'What kind of sign it is; docs/integrity has a page on each.',
  ),
  message: text(FINDING_MESSAGE_MAX, 'What was seen.'),
});

export const Usage = Type.Object(
  {
    ...tokensAndCost,
    models: Type.Optional(
      atomicList(Type.Object({ model: text(256, 'The model.'), ...tokensAndCost }), {
        maxItems: USAGE_MODELS_MAX,
        description: 'The same by model, where more than the total is known.',
      }),
    ),
    countedBy: Type.Optional(
      choice(
        [...COUNTED_BY],
        'Agent: as the agent says, which could say anything; Courier: counted outside of the agent’s reach, in the calls of its model.',
      ),
    ),
  },
  { description: 'What the agent used.' },
);
export type Usage = Type.Static<typeof Usage>;

/** Steps in a status: all of most tasks, and a bound for the others. */
export const STATUS_STEPS_MAX = 32;

export const StepStatus = Type.Object({
  name: text(255, 'Its name.'),
  reward: Type.Optional(
    Type.Number({ description: 'Its reward; the key `reward`, else the mean of all keys.' }),
  ),
  reason: Type.Optional(text(128, 'What went wrong in it, or NotRun.')),
});
export type StepStatus = Type.Static<typeof StepStatus>;

/** `<object's name>__<seven characters of its UID>`: what a Trial is called in the bucket. */
export const TRIAL_NAME_PATTERN = '^[a-z0-9][a-z0-9.-]*__[0-9a-f]{0,7}$';

export const Adopted = Type.Object(
  {
    trial: text(100, 'What that Trial is called in the bucket.', { pattern: TRIAL_NAME_PATTERN }),
    uid: text(64, 'Its UID.'),
    finishedAt: time('When it ended.'),
  },
  { description: 'The Trial of the same name and spec whose outcome this is; nothing was run for it again.' },
);
export type Adopted = Type.Static<typeof Adopted>;

export const TrialStatus = Type.Object(
  {
    conditions: Type.Optional(Conditions),
    observedGeneration: Type.Optional(
      Type.Integer({ format: 'int64', description: 'Generation that the status describes.' }),
    ),
    reward: Type.Optional(
      Type.Number({ description: 'The reward; the key `reward`, else the mean of all keys.' }),
    ),
    rewards: Type.Optional(
      Type.Unsafe<Record<string, number>>({
        type: 'object',
        maxProperties: 64,
        additionalProperties: { type: 'number' },
        description: 'All keys of the reward file.',
      }),
    ),
    steps: Type.Optional(
      atomicList(StepStatus, {
        maxItems: STATUS_STEPS_MAX,
        description: 'How the steps of the task ended, the first of many; result.json lists more.',
      }),
    ),
    attempts: Type.Optional(
      atomicList(Attempt, {
        maxItems: 32,
        description: 'Attempts, the latest last; the oldest suspended ones are omitted.',
      }),
    ),
    images: Type.Optional(
      listMap(TrialImage, 'role', { maxItems: 272, description: 'Every image of the Trial.' }),
    ),
    image: Type.Optional(text(1024, 'Image that the agent works in, as in `images`.')),
    imageDigest: Type.Optional(text(128, 'Its digest.')),
    taskBuild: Type.Optional(text(253, 'TaskBuild that made it.')),
    jobName: Type.Optional(text(63, 'Job of the latest attempt.')),
    podName: Type.Optional(text(253, 'Pod of the latest attempt.')),
    s3TaskUri: Type.Optional(text(1024, 'Where the task lies.')),
    s3TrialUri: Type.Optional(text(1024, 'Where the results lie.')),
    logs: Type.Optional(
      Type.Object(
        {
          url: text(2048, 'The log, for a browser.'),
          group: Type.Optional(text(512, 'Log group.')),
          stream: Type.Optional(text(512, 'Log stream.')),
        },
        { description: 'Where the log of the latest attempt can be read.' },
      ),
    ),
    timings: Type.Optional(
      Type.Object(
        Object.fromEntries(PHASES.map((phase) => [phase, Type.Optional(Interval)])) as Record<
          Phase,
          ReturnType<typeof Type.Optional<typeof Interval>>
        >,
        { description: 'When each phase of the latest attempt ran.' },
      ),
    ),
    regraded: Type.Optional(Regraded),
    adopted: Type.Optional(Adopted),
    exception: Type.Optional(Exception),
    usage: Type.Optional(Usage),
    integrity: Type.Optional(
      Type.Object(
        {
          verdict: choice(
            VERDICTS,
            'Clean: nothing looked like tampering, and the agent had no means to interfere. Unknown: the agent could have interfered unnoticed. Suspicious: something looked like tampering.',
          ),
          findings: Type.Optional(
            atomicList(Finding, {
              maxItems: FINDINGS_MAX,
              description: 'Why, what looked like tampering first.',
            }),
          ),
        },
        { description: 'Whether the result can be trusted.' },
      ),
    ),
    finishedAt: Type.Optional(
      time('When the Trial ended: when its courier reported, or when the operator gave up on it.'),
    ),
  },
  {
    description: 'What the operator saw.',
    default: UNSEEN,
  },
);
export type TrialStatus = Type.Static<typeof TrialStatus>;
export type Interval = Type.Static<typeof Interval>;
