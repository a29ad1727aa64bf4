/** `sb trial show` and `sb trial explain`: one Trial, as much of it as somebody reads, and why it is where it is. */
import { faultOfException } from '../../crds/agent-failures.ts';
import { shownName } from '../../crds/agents.ts';
import { conditionOf } from '../../crds/conditions.ts';
import { findingText } from '../../crds/findings.ts';
import type { Fault } from '../../crds/reasons.ts';
import { PHASES, type TrialStatus } from '../../crds/trial-status.ts';
import type { Trial } from '../../crds/trial.ts';
import { lineOf } from '../../client/runs/follow/line.ts';
import { lineDocument } from '../../client/runs/documents.ts';
import { usageText } from '../render/contenders.ts';
import { printDocument } from '../render/output.ts';
import { safeJson, safeLine } from '../../text/safe.ts';
import { style } from '../render/style.ts';
import { duration, figure } from '../../text/figures.ts';
import { runOf } from '../../client/runs/find/runs.ts';
import { usageFields } from '../../results/usage.ts';
import type { TrialShown, TrialSteps } from '../../client/documents/trial.ts';
import { trajectoriesOf } from '../../client/logs/trajectory.ts';
import type { Session } from '../../client/session/types.ts';
import { trajectoryLines } from '../render/trajectory.ts';
import type { Io, OutputFormat, Terminal } from '../types.ts';

export async function showTrial(
  terminal: Terminal,
  { trial, format, now }: { trial: Trial; format: OutputFormat; now: Date },
): Promise<void> {
  switch (format) {
    case 'json':
    case 'yaml':
      return printDocument(terminal, format, documentOf(trial));
    case 'jsonl':
      return terminal.out(`${safeJson(documentOf(trial))}\n`);
    case 'name':
      return terminal.out(`${trial.metadata.name}\n`);
    case 'table':
    case 'wide':
      return terminal.out(page(terminal, trial, { now, wide: format === 'wide' }));
    default:
      format satisfies never;
  }
}

/** `sb trial show --steps`: what the agent did, as people read it or as it is stored. */
export async function showSteps(
  session: Session,
  { trial, format, full, io, jobsDir }: StepsOptions,
): Promise<void> {
  const found = await trajectoriesOf(trial, { store: () => session.store(), jobsDir });
  const { terminal } = io;
  const { name } = trial.metadata;
  const document: TrialSteps = {
    trial: name,
    trajectories: found.map(({ step, trajectory }) => ({ step: step ?? null, trajectory })),
  };
  if (format === 'json' || format === 'yaml') return printDocument(terminal, format, document);
  if (format === 'jsonl') return terminal.out(`${safeJson(document)}\n`);
  if (format === 'name') return terminal.out(`${name}\n`);
  const styles = style({ color: terminal.color && terminal.outIsTTY });
  for (const one of found) for (const line of trajectoryLines(one, { full, styles })) terminal.out(line);
}

interface StepsOptions {
  trial: Trial;
  format: OutputFormat;
  full: boolean;
  io: Io;
  /** Absolute. */
  jobsDir: string;
}

/** The form that it has everywhere, and everything that status tells beyond it. */
function documentOf(trial: Trial): TrialShown {
  const { status = {}, spec } = trial;
  return {
    ...lineDocument(lineOf(trial)),
    run: runOf(trial) || (spec.run ?? null),
    ...resultOf(status),
    ...placesOf(status),
  };
}

const resultOf = ({
  conditions,
  attempts,
  exception,
  steps,
  timings,
  usage,
  integrity,
  regraded,
}: TrialStatus) => ({
  conditions: conditions ?? [],
  attempt_list: attempts ?? [],
  exception_info: exception ?? null,
  ...faultIn(exception),
  steps: steps ?? [],
  timings: timings ?? {},
  usage: usage ?? null,
  integrity: integrity ?? null,
  regraded: regraded ?? null,
});

const faultIn = (exception: TrialStatus['exception']) => ({
  exception_fault: faultOfException(exception?.type) ?? null,
});

const placesOf = ({ image, imageDigest, taskBuild, s3TaskUri, s3TrialUri, logs }: TrialStatus) => ({
  image: image ?? null,
  image_digest: imageDigest ?? null,
  task_build: taskBuild ?? null,
  s3_task_uri: s3TaskUri ?? null,
  s3_trial_uri: s3TrialUri ?? null,
  logs: logs ?? null,
});

type Row = readonly [label: string, value: string | undefined];

function page(terminal: Terminal, trial: Trial, { now, wide }: { now: Date; wide: boolean }): string {
  const { strong } = style({ color: terminal.color && terminal.outIsTTY });
  return [...identityRows(trial), ...statusRows(trial, now), ...(wide ? conditionRows(trial) : [])]
    .flatMap(([label, value]) =>
      value === undefined || value === '' ? [] : [`${strong(label.padEnd(14))} ${safeLine(value)}\n`],
    )
    .join('');
}

function identityRows(trial: Trial): Row[] {
  const { task, run, agent } = trial.spec;
  return [
    ['Trial', trial.metadata.name],
    ['Run', runOf(trial) || run],
    ['Task', `${task.name}${task.version === undefined ? '' : `@${task.version}`}`],
    ['Agent', [shownName(agent), agent.model].filter(Boolean).join(' ')],
  ];
}

function statusRows(trial: Trial, now: Date): Row[] {
  const { state, reason, message, endedAt, createdAt } = lineOf(trial);
  const { status = {} } = trial;
  return [
    ['State', `${state}: ${reason}: ${message}`],
    ['Reward', rewardOf(status)],
    ['Regrade of', regradedText(status)],
    ...stepRows(status),
    ['Exception', exceptionText(status)],
    ['Used', usedText(status)],
    ['Took', duration((endedAt ?? now.getTime()) - createdAt)],
    ['Phases', phasesOf(status.timings)],
    ['Attempts', attemptsOf(trial)],
    ['Image', status.image],
    ['TaskBuild', status.taskBuild],
    ...integrityRows(status),
    ['Files', status.s3TrialUri],
    ['Log', status.logs?.url],
  ];
}

/** With whose doing it is, where the exception tells. */
function exceptionText({ exception }: TrialStatus): string | undefined {
  if (!exception) return undefined;
  const fault = faultOfException(exception.type);
  return `${exception.type}${fault === undefined ? '' : ` (${WHOSE[fault]})`}: ${exception.message}`;
}

const WHOSE: Record<Fault, string> = {
  agent: 'the agent’s doing',
  verifier: 'the tests’ doing',
  definition: 'key or model are wrong',
  infrastructure: 'the cluster’s doing',
  model: 'the model’s provider; counted apart',
  user: 'a user’s doing',
};

/** Tokens and cost, by model where there are several, and whose word it is. */
function usedText({ usage }: TrialStatus): string | undefined {
  if (!usage) return undefined;
  const { models = [], countedBy } = usage;
  const parts = models.length < 2 ? [] : models.map((one) => `${one.model}: ${usageText(usageFields(one))}`);
  const who = countedBy === undefined ? '' : ` (counted by the ${countedBy.toLowerCase()})`;
  return `${[usageText(usageFields(usage)), ...parts].join('; ')}${who}`;
}

/** The Trial that was judged again, and its own reward. */
function regradedText({ regraded }: TrialStatus): string | undefined {
  if (!regraded) return undefined;
  const before = regraded.reward === undefined ? 'without a reward' : `reward ${rewardOf(regraded)}`;
  return `${regraded.trial}, ${before}: ${regraded.uri}`;
}

/** One line a step. */
const stepRows = ({ steps = [] }: TrialStatus): Row[] => {
  const width = Math.max(...steps.map(({ name }) => name.length));
  return steps.map(({ name, reward, reason = '' }, index) => {
    const how = [reward === undefined ? '' : figure(reward), reason].filter((text) => text !== '');
    return [index === 0 ? 'Steps' : ' ', `${name.padEnd(width)}  ${how.join('  ') || 'not judged'}`];
  });
};

/** One line a finding. */
const integrityRows = ({ integrity }: TrialStatus): Row[] => [
  ['Integrity', integrity?.verdict],
  ...(integrity?.findings ?? []).map((finding): Row => [' ', findingText(finding)]),
];

function rewardOf({ reward, rewards = {} }: Pick<TrialStatus, 'reward' | 'rewards'>): string | undefined {
  if (reward === undefined) return undefined;
  const all = Object.entries(rewards).map(([key, value]) => `${key} ${figure(value)}`);
  return all.length > 1 ? `${figure(reward)} (${all.join(', ')})` : figure(reward);
}

function phasesOf(timings: TrialStatus['timings']): string | undefined {
  const told = PHASES.flatMap((phase) => {
    const { startTime, completionTime } = timings?.[phase] ?? {};
    if (startTime === undefined || completionTime === undefined) return [];
    return [`${phase} ${duration(Date.parse(completionTime) - Date.parse(startTime))}`];
  });
  return told.length > 0 ? told.join(', ') : undefined;
}

const attemptsOf = ({ status }: Trial): string | undefined =>
  status?.attempts
    ?.map(({ number, nodeName, reason }) => {
      const how = reason ?? '';
      return [`#${number}`, nodeName && `on ${nodeName}`, how].filter(Boolean).join(' ');
    })
    .join(', ');

const conditionRows = (trial: Trial): Row[] =>
  (trial.status?.conditions ?? []).map(({ type }) => {
    const { status = '', reason = '', message = '' } = conditionOf(trial, type) ?? {};
    return [type, `${status} ${reason}: ${message}`];
  });
