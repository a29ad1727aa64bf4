/** A run in documents: one form wherever one is told of, and what single commands add to it. */
import { Type } from 'typebox';
import { FAULTS } from '../../crds/reasons.ts';
import { STATE_NAMES } from '../../results/state-names.ts';
import { TrialDocument, usageFields } from './trial.ts';
import { Fields, Flag, Numbers, OneOf, OrNull, Text, Texts, Time, Whole, type Documents } from './words.ts';

const name = { run: Text('Its name.'), namespace: Text('Of its Trials.') };

const groupFields = {
  reason: Text('Reason of the condition, or Harbor’s name of the exception.'),
  message: Text('Of one of them.'),
  count: Whole('Trials that came to the same trouble.'),
  trials: Texts('Names of the first ones.'),
};

const summaryFields = {
  state: OneOf(['running', 'ended'], '`running` while a Trial of it has not ended.'),
  total: Whole('Trials.'),
  ended: Whole('Of them.'),
  counts: Type.Unsafe<Record<(typeof STATE_NAMES)[number], number>>(
    Type.Object(Object.fromEntries(STATE_NAMES.map((state) => [state, Type.Integer({ minimum: 0 })])), {
      additionalProperties: true,
      description: 'Trials by state.',
    }),
  ),
  mean: OrNull(Type.Number({ description: 'Reward over all that ended; one without counts 0.' })),
  pass_at_k: Type.Record(Type.String(), Numbers('By k.'), {
    description: 'By agent, model and dataset; only where every task was tried at least twice.',
  }),
  model_failures: Whole('Trials that met a failure of their model’s provider.'),
  by_agent: Type.Array(
    Fields({
      agent: Text('Its name.'),
      model: OrNull(Type.String()),
      eval: Text('Harbor’s name of agent, model and dataset.'),
      ended: Whole('Trials that have ended.'),
      passed: Whole('Of them, those with full reward.'),
      mean: Type.Number({ description: 'Reward over all that ended.' }),
      ...usageFields,
      n_priced: Whole('Trials whose cost is known.'),
      cost_per_passed: OrNull(
        Type.Number({
          description: 'US dollars; null where the cost of a Trial is not known, or none passed.',
        }),
      ),
    }),
    { description: 'Agents and models, and what they used as far as it is known.' },
  ),
  created_at: OrNull(Time('Of the first Trial.')),
  elapsed_seconds: Whole('From the first Trial’s creation to the last end, or to now.'),
  regrade: Type.Optional(
    Fields(
      {
        compared: Whole('Trials with a reward before and after; the means are over these.'),
        up: Whole('With a higher reward than before.'),
        down: Whole('With a lower one.'),
        mean_original: Type.Number({ description: 'Of the Trials that were regraded.' }),
        mean_regraded: Type.Number({ description: 'Of the regrades.' }),
      },
      { description: 'Only of a run that regraded others, once there is something to compare.' },
    ),
  ),
};

/** What is told of every run. */
const RunSummaryDocument = Fields(summaryFields);
export type RunSummaryDocument = Type.Static<typeof RunSummaryDocument>;

/** Trials that came to the same trouble. */
const ErrorGroup = Fields(groupFields);
export type ErrorGroup = Type.Static<typeof ErrorGroup>;

/** The same by what they have in common. */
const ErrorClass = Fields({
  class: Text('The most telling word there is: `ImagePullBackOff`, `Insufficient cpu`, `OOMKilled`.'),
  ...groupFields,
  trials: Texts('Names of all, in order.'),
  fault: Type.Optional(
    OneOf(
      FAULTS,
      'Missing where the Trials have not ended, or have a reward and an exception that does not tell.',
    ),
  ),
  ended: Flag('The Trials have ended.'),
  shared: Texts('`same digest sha256:…`, `same node n`, … where there are at least two.'),
});
export type ErrorClass = Type.Static<typeof ErrorClass>;

/** `sb run ls`: a run as its Trials tell of it; those that were deleted are not counted. */
const RunRow = Fields({ ...name, ...summaryFields, errors: Type.Array(ErrorGroup) });
export type RunRow = Type.Static<typeof RunRow>;

/** `sb run show`. */
const RunShown = Fields({
  ...name,
  ...summaryFields,
  errors: Type.Array(ErrorClass),
  trials: Type.Array(TrialDocument),
});
export type RunShown = Type.Static<typeof RunShown>;

const Refused = Fields({
  trial: Text('Its name.'),
  code: Text('As in docs/errors.'),
  message: Text('The API server’s.'),
});

/** How a run ended that was attended. */
const RunOutcome = Fields({
  ...name,
  folder: Text('Where the results are on this machine.'),
  ...summaryFields,
  errors: Type.Array(ErrorGroup),
  refused: Type.Array(Refused),
  trials: Type.Array(TrialDocument),
});
export type RunOutcome = Type.Static<typeof RunOutcome>;

/** What was created, where nobody waits. */
const RunSubmitted = Fields({
  ...name,
  created: Whole('Trials that were created now.'),
  unchanged: Whole('Trials that were there with the same content.'),
  refused: Type.Array(Refused),
});
export type RunSubmitted = Type.Static<typeof RunSubmitted>;

const rerunFields = {
  run: Text('Name of the new run.'),
  namespace: name.namespace,
  of: Text('The run that it repeats.'),
  created: Whole('Trials that were created now.'),
  unchanged: Whole('Trials that an earlier, interrupted command had created.'),
};

/** `sb run rerun`. */
const Rerun = Fields(rerunFields);
export type Rerun = Type.Static<typeof Rerun>;

/** `sb run regrade` and `sb trial regrade`, where nobody waits. */
const Regraded = Fields({
  ...rerunFields,
  left_out: Whole(
    'Trials of the run that cannot be regraded: they stored nothing, or their agents did not come to their end.',
  ),
});
export type Regraded = Type.Static<typeof Regraded>;

/** `sb run download`. */
const Downloaded = Fields({
  ...name,
  folder: Text('Where the results are on this machine.'),
  trials: Whole('Trials whose files are all there.'),
  files: Whole('Copied now.'),
  kept: Whole('Files that were there already.'),
  bytes: Whole('That came over the network.'),
});
export type Downloaded = Type.Static<typeof Downloaded>;

/** `sb run reindex`. */
export const Reindexed = Fields({
  ...name,
  trials: Whole('Trials in the index now.'),
  added: Whole('Of them, those that were not in it before.'),
  shards: Whole('Objects that the index consists of.'),
  unreadable: Texts('Folders of Trials without a result that could be read.'),
  result: Text('Where the aggregate is.'),
});
export type Reindexed = Type.Static<typeof Reindexed>;

/** `sb run cancel`. */
const RunCancelled = Fields({ ...name, cancelled: Whole('Trials that are being cancelled.') });
export type RunCancelled = Type.Static<typeof RunCancelled>;

/** `sb run delete`. */
const RunDeleted = Fields({
  ...name,
  trials: Whole('Trials that were deleted.'),
  builds: Whole('TaskBuilds of the run’s own that were deleted.'),
  secret: Flag('Its Secret was deleted.'),
  files: Text('Where its files stay.'),
});
export type RunDeleted = Type.Static<typeof RunDeleted>;

/** What `-o jsonl` prints while a run goes on, a line each. */
const head = { time: Time('Of the event.'), run: Text('Its name.') };

/** A Trial has come into another state, or waits for another reason. */
const TrialEvent = Fields({
  event: Type.Literal('trial'),
  ...head,
  before: OrNull(TrialDocument.properties.state),
  ...TrialDocument.properties,
});
export type TrialEvent = Type.Static<typeof TrialEvent>;

/** Something to know that is no Trial’s: a lost connection, a problem with results. */
const NoteEvent = Fields({ event: Type.Literal('note'), ...head, message: Text('For people.') });
export type NoteEvent = Type.Static<typeof NoteEvent>;

/** The last event. */
const SummaryEvent = Fields({
  event: Type.Literal('summary'),
  ...head,
  ...summaryFields,
  errors: Type.Array(ErrorGroup),
});
export type SummaryEvent = Type.Static<typeof SummaryEvent>;

const RunEvent = Type.Union([TrialEvent, NoteEvent, SummaryEvent]);

/** Its documents, by the name of their schema. */
export const RUN_DOCUMENTS = {
  run: { title: 'How a run ended, or how far it was', schema: RunOutcome },
  'run-detached': { title: 'What was created of a run', schema: RunSubmitted },
  'run-event': { title: 'Something that happened in a run', schema: RunEvent },
  'run-list': { title: 'Runs of a namespace, the newest first', schema: Type.Array(RunRow) },
  'run-show': { title: 'A run with its Trials', schema: RunShown },
  'run-rerun': { title: 'What was run again', schema: Rerun },
  'run-regrade': { title: 'What was regraded', schema: Regraded },
  'run-download': { title: 'What was copied of a run', schema: Downloaded },
  'run-reindex': { title: 'What was indexed of a run', schema: Reindexed },
  'run-cancel': { title: 'What was cancelled of a run', schema: RunCancelled },
  'run-delete': { title: 'What was deleted of a run', schema: RunDeleted },
} as const satisfies Documents;
