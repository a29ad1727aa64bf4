/**
 * `task.toml`, schema 1.4, as Harbor 0.25 reads it: its field names, its defaults. Unknown keys are allowed everywhere and kept.
 * `expected` is what a problem report says about a field whose value does not fit.
 */
import Type from 'typebox';

const expected = (what: string) => ({ expected: what });

const Text = (what = 'a string') => Type.String(expected(what));
const Texts = (what = 'a list of strings') =>
  Type.Array(Type.String(expected('a string')), { default: [], ...expected(what) });
const Seconds = (options: object = {}) =>
  Type.Number({
    exclusiveMinimum: 0,
    seconds: true,
    ...expected('a number of seconds greater than 0'),
    ...options,
  });
const Pause = (options: object = {}) =>
  Type.Number({ minimum: 0, seconds: true, ...expected('a number of seconds, 0 or more'), ...options });
const Count = (minimum: number, what: string) =>
  Type.Integer({ minimum, ...expected(`a whole number of ${what}, ${minimum} or more`) });
const OneOf = <const T extends string>(values: readonly T[], options: object = {}) =>
  Type.Unsafe<T>({
    type: 'string',
    enum: [...values],
    ...expected(`one of ${values.join(', ')}`),
    ...options,
  });
const User = Type.Union([Type.String({ minLength: 1 }), Type.Integer({ minimum: 0 })], {
  ...expected('a user name or a number, 0 or more'),
});
const Env = Type.Record(Type.String(), Text(), { default: {}, ...expected('a table of strings') });
const table = expected('a table');
const tables = expected('a list of tables');

const NETWORK_MODES = ['public', 'no-network', 'allowlist'] as const;
const allowedHosts = {
  allowed_hosts: Type.Optional(Type.Array(Text(), expected('a list of hosts'))),
};
const phaseNetwork = { network_mode: Type.Optional(OneOf(NETWORK_MODES)), ...allowedHosts };

const Package = Type.Object(
  {
    name: Type.String({
      // Harbor's ORG_NAME_PATTERN, and no `..`
      pattern: '^(?!.*\\.\\.)[a-zA-Z0-9][a-zA-Z0-9._-]*/[a-zA-Z0-9][a-zA-Z0-9._-]*$',
      maxLength: 200,
      ...expected('org/name of letters, digits, dots, hyphens and underscores, at most 200'),
    }),
    version: Type.Optional(Type.String({ minLength: 1, ...expected('a string that is not empty') })),
    description: Type.String({ default: '', ...expected('a string') }),
    authors: Type.Array(Type.Object({ name: Text(), email: Type.Optional(Text()) }, table), {
      default: [],
      ...tables,
    }),
    keywords: Texts(),
  },
  table,
);

const Agent = Type.Object(
  { timeout_sec: Type.Optional(Seconds()), user: Type.Optional(User), ...phaseNetwork },
  { default: {}, ...table },
);

const Healthcheck = Type.Object(
  {
    command: Text('a shell command'),
    interval_sec: Pause({ default: 5 }),
    timeout_sec: Seconds({ default: 30 }),
    start_period_sec: Pause({ default: 0 }),
    start_interval_sec: Pause({ default: 5 }),
    retries: Type.Integer({ minimum: 0, default: 3, ...expected('a whole number, 0 or more') }),
  },
  table,
);

const Tpu = Type.Object(
  {
    type: Type.String({ minLength: 1, ...expected('the name of an accelerator') }),
    topology: Type.String({
      pattern: '^\\s*[1-9]\\d*(x[1-9]\\d*)+\\s*$',
      ...expected('dimensions such as "2x4"'),
    }),
  },
  table,
);

const McpServer = Type.Object(
  {
    name: Text(),
    transport: OneOf(['sse', 'streamable-http', 'stdio'], { default: 'sse' }),
    url: Type.Optional(Text()),
    command: Type.Optional(Text()),
    args: Texts(),
    headers: Env,
  },
  table,
);

const environmentFields = {
  build_timeout_sec: Seconds({ default: 600 }),
  docker_image: Type.Optional(Text('the name of an image')),
  os: OneOf(['linux', 'windows'], { default: 'linux' }),
  cpus: Type.Optional(Type.Number({ exclusiveMinimum: 0, ...expected('a number of CPUs greater than 0') })),
  memory_mb: Type.Optional(Count(1, 'megabytes')),
  storage_mb: Type.Optional(Count(1, 'megabytes')),
  gpus: Type.Optional(Count(0, 'GPUs')),
  gpu_types: Type.Optional(Type.Array(Text(), expected('a list of strings'))),
  tpu: Type.Optional(Tpu),
  network_mode: OneOf(NETWORK_MODES, { default: 'public' }),
  ...allowedHosts,
  mcp_servers: Type.Array(McpServer, { default: [], ...tables }),
  env: Env,
  skills_dir: Type.Optional(Text('a path')),
  healthcheck: Type.Optional(Healthcheck),
  workdir: Type.Optional(Text('an absolute path')),
};
// No default: a verifier without an environment of its own shares the agent's.
const EnvironmentConfig = Type.Object(environmentFields, table);
export type EnvironmentConfig = Type.Static<typeof EnvironmentConfig>;

const Collect = Type.Object(
  {
    command: Text('a shell command'),
    service: Type.String({ default: 'main', ...expected('the name of a service') }),
    timeout_sec: Seconds({ default: 60 }),
    user: Type.Optional(User),
  },
  table,
);

const Verifier = Type.Object(
  {
    timeout_sec: Seconds({ default: 600 }),
    env: Env,
    user: Type.Optional(User),
    ...phaseNetwork,
    environment_mode: Type.Optional(OneOf(['shared', 'separate'])),
    environment: Type.Optional(EnvironmentConfig),
    collect: Type.Array(Collect, { default: [], ...tables }),
  },
  { default: {}, ...table },
);
export type VerifierConfig = Type.Static<typeof Verifier>;

const ArtifactTable = Type.Object({
  source: Type.String(),
  destination: Type.Optional(Type.String()),
  exclude: Type.Optional(Type.Array(Type.String())),
  service: Type.Optional(Type.String()),
});
const Artifact = Type.Union(
  [Type.String(), ArtifactTable],
  expected('a path, or a table with source and perhaps destination, exclude (a list), service'),
);
export type ArtifactConfig = Type.Static<typeof Artifact>;
const Artifacts = Type.Array(Artifact, { default: [], ...expected('a list of artifacts') });

const Step = Type.Object(
  {
    name: Text('the name of a folder under steps/'),
    agent: Agent,
    verifier: Verifier,
    min_reward: Type.Optional(
      Type.Union([Type.Number(), Type.Record(Type.String(), Type.Number())], {
        ...expected('a number, or a table of numbers by reward key'),
      }),
    ),
    healthcheck: Type.Optional(Healthcheck),
    artifacts: Artifacts,
  },
  table,
);
export type StepConfig = Type.Static<typeof Step>;

export const TaskConfig = Type.Object({
  schema_version: Type.String({ default: '1.4', ...expected('a string such as "1.4"') }),
  source: Type.Optional(Text()),
  multi_step_reward_strategy: Type.Optional(OneOf(['mean', 'final'])),
  task: Type.Optional(Package),
  metadata: Type.Record(Type.String(), Type.Unknown(), { default: {}, ...table }),
  agent: Agent,
  verifier: Verifier,
  environment: Type.Object(environmentFields, { default: {}, ...table }),
  solution: Type.Object({ env: Env }, { default: {}, ...table }),
  steps: Type.Optional(Type.Array(Step, tables)),
  artifacts: Artifacts,
});

/** A checked `task.toml` with all defaults filled in. Keys that Harbor does not know are in it too, unseen by this type. */
export type TaskConfig = Type.Static<typeof TaskConfig>;
