/** What programs may rely on: a schema for each document that `-o json` prints. `npm run generate` writes them to docs/reference/schemas. */
import { Type, type TSchema } from 'typebox';
import { STATE_NAMES } from './follow/state.ts';
import { RULES } from './lint/rules.ts';

const Text = (description: string) => Type.String({ description });
const Whole = (description: string) => Type.Integer({ minimum: 0, description });
const OrNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const Numbers = (description: string) => Type.Record(Type.String(), Type.Number(), { description });
const OneOf = (values: readonly string[], description: string) =>
  Type.Unsafe<string>({ type: 'string', enum: [...values], description });
/** Fields may be added; none goes away or changes its meaning. */
const Fields = <T extends Record<string, TSchema>>(fields: T) =>
  Type.Object(fields, { additionalProperties: true });

const State = OneOf(STATE_NAMES, 'How far the Trial is.');
const Counts = Type.Record(Type.String(), Type.Integer({ minimum: 0 }), { description: 'Trials by state.' });
const PassAtK = Type.Record(Type.String(), Numbers('By k.'), { description: 'By agent, model and dataset.' });

const ErrorGroup = Fields({
  reason: Text('Reason of the condition, or Harbor’s name of the exception.'),
  message: Text('Of one of them.'),
  count: Whole('Trials that came to the same trouble.'),
  trials: Type.Array(Type.String(), { description: 'Names of the first ones.' }),
});

const Finding = Fields({
  rule: OneOf(Object.keys(RULES), 'As `harbor lint` calls it.'),
  severity: OneOf(['error', 'warning'], 'An error keeps the task from being run.'),
  path: Text('Relative to where the command was started.'),
  message: Text('What is there, and what was expected.'),
  line: OrNull(Whole('From 1.')),
  column: OrNull(Whole('From 1.')),
});

const HashedTask = Fields({
  name: Text('`[task].name`, else the folder’s name.'),
  task_version: Text('First 12 digits of `task_hash`.'),
  task_id: Text('`<name>@<task_version>`.'),
  task_hash: Text('SHA-256, hex.'),
  environment_hash: Text('SHA-256, hex.'),
  harbor_digest: Text('`sha256:…`, as in Harbor’s lock files.'),
  path: Text('As it was given.'),
});

const Versions = Fields({
  client: Text('Of sb.'),
  kubernetes: Type.Optional(Text('Of the API server.')),
  operator: Type.Optional(Text('Of sb-operator.')),
  customResources: Type.Optional(
    Fields({
      served: Type.Array(Type.String(), { description: 'API versions.' }),
      current: Type.Boolean({ description: 'The cluster’s know every field of this sb.' }),
    }),
  ),
  problems: Type.Array(Type.String(), { description: 'Why something is missing.' }),
});

const RunTrial = Fields({
  trial: Text('Name of the object.'),
  trial_name: Text('Harbor’s, and the name of the folder.'),
  task: Text('Its name.'),
  agent: Text('Its name.'),
  model: OrNull(Type.String()),
  state: State,
  reason: Text('Reason of the condition Succeeded.'),
  message: Text('Message of the condition.'),
  attempts: Whole('Jobs that were made.'),
  reward: OrNull(Type.Number()),
  rewards: OrNull(Numbers('By key.')),
  exception: OrNull(Type.String()),
});

const Refused = Fields({
  trial: Text('Its name.'),
  code: Text('As in docs/errors.'),
  message: Text('The API server’s.'),
});

const Submitted = Fields({
  run: Text('Its name.'),
  namespace: Text('Of its Trials.'),
  created: Whole('Trials that were created now.'),
  unchanged: Whole('Trials that were there with the same content.'),
  refused: Type.Array(Refused),
});

const Run = Fields({
  run: Text('Its name.'),
  namespace: Text('Of its Trials.'),
  folder: Text('Where the results are on this machine.'),
  total: Whole('Trials.'),
  ended: Whole('Of them.'),
  counts: Counts,
  mean: OrNull(Type.Number({ description: 'Reward over all that ended; one without counts 0.' })),
  pass_at_k: PassAtK,
  elapsed_seconds: Whole('From the first Trial’s creation.'),
  errors: Type.Array(ErrorGroup),
  refused: Type.Array(
    Fields({
      trial: Text('Its name.'),
      code: Text('As in docs/errors.'),
      message: Text('The API server’s.'),
    }),
  ),
  trials: Type.Array(RunTrial),
});

const head = { time: Text('RFC 3339.'), run: Text('Its name.') };

const RunEvent = Type.Union([
  Fields({
    event: Type.Literal('trial'),
    ...head,
    trial: Text('Name of the object.'),
    namespace: Text('Of the object.'),
    task: Text('Its name.'),
    agent: Text('Its name.'),
    model: OrNull(Type.String()),
    before: OrNull(State),
    state: State,
    reason: Text('Reason of the condition Succeeded.'),
    message: Text('Message of the condition.'),
    attempts: Whole('Jobs that were made.'),
    reward: Type.Optional(OrNull(Type.Number())),
    rewards: Type.Optional(OrNull(Numbers('By key.'))),
    exception: Type.Optional(OrNull(Type.String())),
  }),
  Fields({ event: Type.Literal('note'), ...head, message: Text('For people.') }),
  Fields({
    event: Type.Literal('summary'),
    ...head,
    total: Whole('Trials.'),
    counts: Counts,
    ended: Whole('Of them.'),
    mean: OrNull(Type.Number()),
    pass_at_k: PassAtK,
    elapsed_seconds: Whole('From the first Trial’s creation.'),
    errors: Type.Array(ErrorGroup),
  }),
]);

/** By file name: which command prints it, and what it is. `jsonl` prints the items of a list one by one. */
export const SCHEMAS: Record<string, { command: string; schema: TSchema }> = {
  'task-check': { command: 'sb task check -o json', schema: Type.Array(Finding) },
  'task-hash': { command: 'sb task hash -o json', schema: Type.Array(HashedTask) },
  version: { command: 'sb version -o json', schema: Versions },
  run: { command: 'sb cloud run -o json', schema: Run },
  'run-detached': { command: 'sb cloud run --detach -o json', schema: Submitted },
  'run-event': { command: 'sb cloud run -o jsonl, each line', schema: RunEvent },
};

/** The JSON Schema of a document, as it is published. */
export const publishedSchema = (name: string): object => {
  const { command, schema } = SCHEMAS[name] ?? { command: name, schema: Type.Unknown() };
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: command,
    ...(JSON.parse(JSON.stringify(schema)) as object),
  };
};
