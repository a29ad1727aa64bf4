/** A Trial in documents: one form wherever one is listed, and what single commands add to it. */
import { Type } from 'typebox';
import { Conditions } from '../../crds/conditions.ts';
import { FAULTS } from '../../crds/reasons.ts';
import { Exception, TrialStatus, Attempt } from '../../crds/trial-status.ts';
import { STATE_NAMES } from '../../results/state-names.ts';
import { Trajectory } from '../../wire/trajectory.ts';
import {
  Fields,
  Flag,
  Numbers,
  OfApi,
  OfFormat,
  OneOf,
  OrNull,
  Text,
  Texts,
  Time,
  Whole,
  type Documents,
} from './words.ts';

const State = OneOf(STATE_NAMES, 'How far the Trial is.');

/** What an agent used, in Harbor’s words. */
export const usageFields = {
  n_input_tokens: OrNull(Whole('Including cached ones.')),
  n_cache_tokens: OrNull(Whole('Read from a cache.')),
  n_output_tokens: OrNull(Whole('Written.')),
  cost_usd: OrNull(Type.Number({ description: 'US dollars; null where no price is known.' })),
};

/** The one form. */
const trialFields = {
  trial: Text('Name of the object.'),
  trial_name: Text('Harbor’s, and the name of the folder.'),
  namespace: Text('Of the object.'),
  task: Text('Its name.'),
  agent: Text('Its name.'),
  model: OrNull(Type.String()),
  state: State,
  reason: Text('Reason of the condition Succeeded.'),
  message: Text('Message of the condition.'),
  attempts: Whole('Jobs that were made.'),
  node: OrNull(Type.String({ description: 'Of the latest attempt.' })),
  created_at: Time('Of the object.'),
  finished_at: OrNull(Time('When it reached its end.')),
  reward: OrNull(Type.Number({ description: 'Of a Trial that has ended.' })),
  rewards: OrNull(Numbers('By key.')),
  exception: OrNull(Type.String({ description: 'Harbor’s name of what went wrong.' })),
  ...usageFields,
  original_reward: Type.Optional(
    Type.Number({
      description: 'Of a regrade: the reward of the Trial that was regraded, where it has one.',
    }),
  ),
};
export const TrialDocument = Fields(trialFields);
export type TrialDocument = Type.Static<typeof TrialDocument>;

const { timings, usage, integrity, logs, steps, regraded } = TrialStatus.properties;

/** `sb trial show`. */
const TrialShown = Fields({
  ...trialFields,
  run: OrNull(Text('That it is a part of.')),
  conditions: OfApi(Conditions),
  attempt_list: Type.Array(OfApi(Attempt), { description: 'The latest last.' }),
  exception_info: OrNull(OfApi(Exception)),
  exception_fault: OrNull(OneOf(FAULTS, 'Whose doing the exception is; null where it does not tell.')),
  steps: OfApi(steps),
  timings: OfApi(timings),
  usage: OrNull(OfApi(usage)),
  integrity: OrNull(OfApi(integrity)),
  regraded: OrNull(OfApi(regraded)),
  image: OrNull(Text('That was run.')),
  image_digest: OrNull(Text('`sha256:…`.')),
  task_build: OrNull(Text('TaskBuild that made the image.')),
  s3_task_uri: OrNull(Text('Where the task lies.')),
  s3_trial_uri: OrNull(Text('Where the results lie.')),
  logs: OrNull(OfApi(logs)),
});
export type TrialShown = Type.Static<typeof TrialShown>;

/** `sb trial explain`: why a Trial is where it is. All texts may come from outside: printing makes them safe. */
const Explanation = Fields({
  trial: Text('Name of the object.'),
  state: State,
  reason: Text('Reason of the condition Succeeded.'),
  where: Text('One sentence: its state.'),
  why: Texts('What is behind it, the most telling first.'),
  next: Texts('What to do: a command, or a sentence.'),
  log: Type.Optional(Fields({ title: Text('Which log it is.'), lines: Texts('Its last lines.') })),
});
export type Explanation = Type.Static<typeof Explanation>;

/** `sb trial show --steps`. */
const TrialSteps = Fields({
  trial: Text('Name of the object.'),
  trajectories: Type.Array(
    Fields({
      step: OrNull(Text('Of a task with [[steps]].')),
      trajectory: OfFormat(Trajectory),
    }),
  ),
});
export type TrialSteps = Type.Static<typeof TrialSteps>;

/** `sb trial logs`. */
const LogPart = {
  title: Text('Which file of the store or container of the Pod it is.'),
  line: Type.String({
    description: 'As it was written, without its end. One of more than 16,384 characters is several.',
  }),
};
const TrialLogs = Fields({
  trial: Text('Name of the object.'),
  notes: Texts('What there is to know about where the log comes from.'),
  parts: Type.Array(Fields({ title: LogPart.title, lines: Type.Array(LogPart.line) }), {
    description: 'In the order of the phases; with --follow one that has the lines of all containers.',
  }),
});
const LogLine = Fields({ trial: Text('Name of the object.'), ...LogPart });
export type LogLine = Type.Static<typeof LogLine>;

/** `sb trial cancel`. */
const TrialCancelled = Fields({
  trial: Text('Name of the object.'),
  namespace: Text('Of the object.'),
  state: OneOf(STATE_NAMES, 'How far it was.'),
  cancelled: Flag('It is being cancelled; false if it had ended, or the user declined.'),
});
export type TrialCancelled = Type.Static<typeof TrialCancelled>;

/** Its documents, by the name of their schema. */
export const TRIAL_DOCUMENTS = {
  'run-trial': { title: 'A Trial of a run', schema: TrialDocument },
  'trial-show': { title: 'A Trial', schema: TrialShown },
  'trial-steps': { title: 'What the agent of a Trial did', schema: TrialSteps },
  'trial-explain': { title: 'Why a Trial is where it is', schema: Explanation },
  'trial-logs': { title: 'The log of a Trial', schema: TrialLogs },
  'trial-log-line': { title: 'A line of the log of a Trial', schema: LogLine },
  'trial-cancel': { title: 'A Trial that was to be cancelled', schema: TrialCancelled },
} as const satisfies Documents;
