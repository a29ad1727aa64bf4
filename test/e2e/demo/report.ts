import { relative } from 'node:path';
import { conditionOf } from '../../../src/crds/conditions.ts';
import { table } from '../../../src/cli/render/output.ts';
import type { Trial } from '../../../src/crds/trial.ts';
import type { Expectation } from './plan.ts';

/** A Trial that ran, and where its files were copied to. */
export interface Result {
  trial: Trial;
  /** From its creation to its terminal condition. */
  seconds: number;
  folder: string;
  expected?: Expectation;
}

/** A table without colours or control codes. */
export const resultTable = (results: Result[]): string =>
  table(results, [
    { header: 'task', value: ({ trial }) => trial.spec.task.name },
    { header: 'agent', value: ({ trial }) => trial.spec.agent.name },
    { header: 'reward', value: ({ trial }) => trial.status?.reward, align: 'right' },
    { header: 'time', value: ({ seconds }) => `${seconds.toFixed(1)} s`, align: 'right' },
    { header: 'details', value: ({ trial }) => details(trial) },
  ]);

function details(trial: Trial): string {
  const { status, reason, message } = conditionOf(trial, 'Succeeded') ?? {};
  if (status !== 'True') return `${reason}: ${message}`;
  const { rewards = {}, exception } = trial.status ?? {};
  const keys = Object.entries(rewards).map(([key, value]) => `${key} ${value}`);
  return [
    ...(keys.length > 1 ? [keys.join(', ')] : []),
    ...(exception ? [`${exception.type}: ${exception.message}`] : []),
  ].join('; ');
}

/** Where the files of each Trial are: bucket, log, mirror. */
export function resultPlaces(results: Result[], root: string): string {
  return results
    .map(({ trial, folder }) =>
      [
        trial.metadata.name,
        `  in S3   ${trial.status?.s3TrialUri ?? '-'}`,
        `  log     ${logOf(trial)}`,
        `  copied  ${relative(root, folder)}/`,
      ].join('\n'),
    )
    .join('\n');
}

/** The courier writes it, so there is none where no Pod ran. */
const logOf = ({ status }: Trial): string =>
  (status?.podName === undefined ? undefined : status.logs?.url) ?? 'none, because no Pod ran';

/** What did not turn out as it should, a sentence each: Trials without a result, and examples with another reward than they must have. */
export function disappointments(results: Result[]): string[] {
  return results.flatMap(({ trial, expected }) => {
    const { status, reason, message } = conditionOf(trial, 'Succeeded') ?? {};
    const { name } = trial.metadata;
    if (status !== 'True') return [`${name} has no result: ${reason}: ${message}`];
    if (!expected || expected.holds(trial.status ?? {})) return [];
    return [`${name} should have ${expected.text}, and has ${JSON.stringify(trial.status?.rewards ?? {})}`];
  });
}
