/** What a run and its objects are called: always a name that Kubernetes takes, and the same for the same wish. */
import { basename } from 'node:path';
import { bounded, sha256 } from '../../../crds/names.ts';
import { CliError } from '../../failures/error.ts';

/** A label value: the run's name is one on each of its objects. */
const RUN_NAME = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;

/** Lower-case letters, digits and single hyphens, at most `max` of them; `otherwise` where nothing is left of the text. */
function slug(text: string, max: number, otherwise: string): string {
  const plain = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-/, '')
    .slice(0, max)
    .replace(/-$/, '');
  return plain || otherwise;
}

/** `<folder name>-<yyyymmdd-hhmmss>`, in UTC. */
export function defaultRunName(path: string, now: Date): string {
  const stamp = now.toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
  return `${slug(basename(path), 40, 'run')}-${stamp}`;
}

/** Throws CliError SB-E034 for a name that is no label value. */
export function checkRunName(name: string): string {
  if (RUN_NAME.test(name)) return name;
  throw new CliError('SB-E034', {
    what: `cannot name a run ${JSON.stringify(name)}`,
    why: 'expected 1 to 63 letters, digits, dots, underscores and hyphens, with a letter or digit at both ends',
    fix: `--run-name ${slug(name, 63, 'my-run')}`,
  });
}

/** What makes one Trial of a run another than the others. */
interface TrialIdentity {
  run: string;
  /** `<name>@<version>`. */
  taskId: string;
  agent: string;
  model?: string | undefined;
  /** From 1. */
  attempt: number;
}

/** Forty bits: among 10,000 Trials of one task two share them once in 20,000 runs. */
const DIGITS = 10;

/** `<task ≤ 24>-<agent[-6 hex of the model]>-<10 hex of everything>`, at most 52 characters, so that a Job can be called after it. */
export function trialObjectName(identity: TrialIdentity): string {
  const { run, taskId, agent, model, attempt } = identity;
  const name = taskId.slice(0, taskId.lastIndexOf('@'));
  const task = slug(name.slice(name.lastIndexOf('/') + 1), 24, 'task');
  const whole = sha256(JSON.stringify([run, taskId, agent, model ?? null, attempt]));
  const who = [slug(agent, 8, 'agent'), ...(model === undefined ? [] : [sha256(model).slice(0, 6)])];
  return [task, ...who, whole.slice(0, DIGITS)].join('-');
}

/** Name of a build of a run's own. */
export const buildObjectName = (run: string, taskId: string): string =>
  `${slug(taskId.slice(taskId.lastIndexOf('/') + 1), 38, 'task')}-${sha256(JSON.stringify([run, taskId])).slice(0, DIGITS)}`;

/** `<run>-env`; a run's name may have letters that a Secret's may not. */
export function secretObjectName(run: string): string {
  const plain = slug(run, 63, 'run');
  return `${bounded(plain === run ? plain : `${plain}-${sha256(run).slice(0, 8)}`, 59)}-env`;
}
