/** What a run may be told, by flags or by a run file. The keys are the flags' names in camelCase. */
import { Type, type TSchema } from 'typebox';
import { MODEL_ACCESS, type ModelAccess } from '../../crds/agent.ts';
import { PROVIDER_NAMES, type ProviderName } from '../../crds/providers.ts';
import { Scheduling } from '../../crds/scheduling.ts';
import { MAX_SECONDS } from '../../crds/schema.ts';
import { plain, type Documents } from './words.ts';

/** What is expected, for the message about anything else. */
const expected = (text: string) => ({ 'x-expected': text });

const Text = (what: string) => Type.String({ minLength: 1, ...expected(what) });
const Texts = (what: string) => Type.Array(Text(what), expected(`a list of ${what}`));
const Flag = Type.Boolean(expected('true or false'));
const Whole = (minimum: number, maximum: number) =>
  Type.Integer({ minimum, maximum, ...expected(`a whole number from ${minimum} to ${maximum}`) });
const Multiplier = Type.Number({
  exclusiveMinimum: 0,
  maximum: 1000,
  ...expected('a number greater than 0, at most 1000'),
});
const Seconds = Whole(1, MAX_SECONDS);
const Size = Type.String({
  pattern: '^[0-9]+(\\.[0-9]+)?(Ki|Mi|Gi|Ti|k|M|G|T)$',
  ...expected('a size with its unit, such as 512Mi or 4Gi'),
});
/** Harbor's: `auto` is what the task's amounts mean here, `ignore` takes the defaults in their place. */
export const RESOURCE_POLICIES = ['auto', 'limit', 'request', 'guarantee', 'ignore'] as const;
export type ResourcePolicy = (typeof RESOURCE_POLICIES)[number];
const Policy = Type.Unsafe<ResourcePolicy>({
  type: 'string',
  enum: [...RESOURCE_POLICIES],
  ...expected(`one of ${RESOURCE_POLICIES.join(', ')}`),
});
const Variables = Type.Record(Type.String(), Type.String(expected('a text')), expected('a table of texts'));

/** How agents come to their models, and how much of them they may use. */
const modelSettings = {
  baseUrl: Type.String({
    pattern: '^https?://[^\\s/?#@]+(/[^\\s?#@]*)?$',
    ...expected('a URL, such as https://gateway.example.com/v1'),
  }),
  modelAccess: Type.Unsafe<ModelAccess>({
    type: 'string',
    enum: [...MODEL_ACCESS],
    ...expected(`one of ${MODEL_ACCESS.join(', ')}`),
  }),
  maxTokens: Whole(1, Number.MAX_SAFE_INTEGER),
  /** US dollars. */
  maxCost: Type.Number({ exclusiveMinimum: 0, ...expected('a number of US dollars greater than 0') }),
};

const Version = Type.String({
  pattern: '^[0-9A-Za-z][0-9A-Za-z.+_-]{0,127}$',
  ...expected('a version, such as 2.1.0'),
});

const Agent = Type.Object(
  {
    name: Text('the name of an agent'),
    /** Of a custom agent: what it is called in results and tables. */
    title: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$',
        ...expected('a name of letters, digits, dots, underscores and hyphens'),
      }),
    ),
    /** Of its program; default: the one that the operator knows. */
    version: Type.Optional(Version),
    /** Of a custom agent: whose models it can use, so that it gets their keys. */
    providers: Type.Optional(
      Type.Array(
        Type.Unsafe<ProviderName>({
          type: 'string',
          enum: [...PROVIDER_NAMES],
          ...expected(`one of ${PROVIDER_NAMES.join(', ')}`),
        }),
        expected('a list of providers'),
      ),
    ),
    ...Type.Partial(Type.Object(modelSettings)).properties,
    /** Models of this agent alone; default: those of the run. */
    models: Type.Optional(Texts('models')),
    install: Type.Optional(Text('a script')),
    run: Type.Optional(Text('a script')),
    env: Type.Optional(Variables),
    timeoutSeconds: Type.Optional(Seconds),
    setupTimeoutSeconds: Type.Optional(Seconds),
    user: Type.Optional(Text('the name or number of a user')),
  },
  { additionalProperties: false, ...expected('a name, or a table with a name') },
);
/** An agent to run the tasks with. `custom` needs `run`. */
export type AgentOption = Type.Static<typeof Agent>;

export const RunOptions = Type.Object(
  {
    tasks: Texts('paths'),
    include: Texts('patterns'),
    exclude: Texts('patterns'),
    limit: Whole(1, 1_000_000),
    skipInvalid: Flag,
    /** Default: oracle. */
    agents: Type.Array(Agent, expected('a list of agents')),
    models: Texts('models'),
    agentVersion: Version,
    ...modelSettings,
    attempts: Whole(1, 10_000),
    /** Values may be `${VAR}` or `${VAR:-default}`. */
    agentEnv: Variables,
    verifierEnv: Variables,
    /** A later file goes before an earlier one. */
    envFile: Texts('paths'),
    /** Variables of the caller's environment that tasks and the run file may ask for by `${VAR}`. */
    allowEnv: Type.Array(
      Type.String({ pattern: '^[^=*?{}$,\\s]+$', ...expected('the name of one variable') }),
      expected('a list of names of variables'),
    ),
    timeoutMultiplier: Multiplier,
    agentTimeoutMultiplier: Multiplier,
    verifierTimeoutMultiplier: Multiplier,
    agentSetupTimeoutMultiplier: Multiplier,
    environmentBuildTimeoutMultiplier: Multiplier,
    cpus: Type.String({
      pattern: '^[0-9]+(\\.[0-9]+|m)?$',
      ...expected('a number of CPUs, such as 2, 0.5 or 500m'),
    }),
    memory: Size,
    storage: Size,
    /** What becomes of a task's CPUs and memory; Harbor's names. */
    cpuEnforcementPolicy: Policy,
    memoryEnforcementPolicy: Policy,
    forceBuild: Flag,
    /** Ends what agents leave running before the tests appear. */
    stopBackgroundProcesses: Flag,
    /** Has the tests run in a container of their own, whatever the tasks say. */
    separateVerifier: Flag,
    uploadResults: Flag,
    maxAttempts: Whole(1, 10),
    ttlSecondsAfterFinished: Whole(0, MAX_SECONDS),
    scheduling: Type.Object(Scheduling.properties, { additionalProperties: false, ...expected('a table') }),
    // What follows is for the command, not for the Trials.
    provision: Flag,
    newNodes: Flag,
    runName: Text('a name'),
    context: Text('the name of a context'),
    namespace: Text('the name of a namespace'),
    jobsDir: Text('a path'),
    detach: Flag,
    follow: Flag,
    quiet: Flag,
    failUnder: Type.Number(expected('a number')),
    waitTimeout: Type.String({
      pattern: '^[0-9]+(\\.[0-9]+)?(s|m|h|d)$',
      ...expected('a duration, such as 90s, 30m or 2h'),
    }),
  },
  { additionalProperties: false, ...expected('a table of options') },
);
/** What a run is told. Everything has a default but `tasks`. */
export type RunOptions = Partial<Type.Static<typeof RunOptions>>;

/** As `RunOptions`, for a check: nothing is required. */
export const SomeRunOptions = Type.Partial(RunOptions, {
  additionalProperties: false,
  ...expected('a table of options'),
});

interface Schema {
  type?: string;
  items?: Schema;
  properties?: Record<string, Schema>;
}

const either = (...anyOf: object[]): Schema => ({ anyOf }) as Schema;

/** What is expected, where editors show it. */
const described = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(described);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) =>
      key === 'x-expected' ? ['description', inner] : [key, described(inner)],
    ),
  );
};

/** `PORT: 80` and `DEBUG: true` mean texts. */
const VariablesInFile = plain(
  Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()]), {
    description: 'a table of texts',
  }),
) as Schema;

/** One thing stands for a list of it. */
const oneOrMore = (list: Schema): Schema => either(list.items ?? {}, list);

/** An agent’s name stands for the agent. */
function agents(list: Schema): Schema {
  const agent = list.items ?? {};
  const table = { ...agent, properties: { ...agent.properties, env: VariablesInFile } };
  return oneOrMore({ ...list, items: either({ type: 'string', minLength: 1 }, table) });
}

function shortened([name, schema]: [string, Schema]): [string, Schema] {
  if (name === 'agents') return [name, agents(schema)];
  if (name === 'agentEnv' || name === 'verifierEnv') return [name, VariablesInFile];
  if (name === 'cpus') return [name, either(schema, { type: 'number', exclusiveMinimum: 0 })];
  return [name, schema.type === 'array' ? oneOrMore(schema) : schema];
}

const options = described(plain(SomeRunOptions)) as Schema;

/** The file of `sb cloud run -c`: the options, with the short ways of writing that plan/check-options.ts writes out. */
const RunFile = {
  ...options,
  properties: Object.fromEntries(Object.entries(options.properties ?? {}).map(shortened)),
} as TSchema;

/** Its documents, by the name of their schema. */
export const RUN_FILE_DOCUMENTS = {
  'run-file': { title: 'Options of a run', schema: RunFile },
} as const satisfies Documents;
