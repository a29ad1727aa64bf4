import { setTimeout as sleep } from 'node:timers/promises';
import { conditionOf } from '../../../src/crds/conditions.ts';
import { Trial as TrialKind } from '../../../src/crds/kinds.ts';
import type { Trial } from '../../../src/crds/trial.ts';
import type { KubeClient } from '../../../src/kube/types.ts';
import { NAMESPACE } from './plan.ts';

export interface Finished {
  trial: Trial;
  /** From the first look to the terminal condition. */
  seconds: number;
}

export interface FollowOptions {
  kube: KubeClient;
  /** The run whose Trials are followed. */
  run: string;
  count: number;
  signal: AbortSignal;
  say: (line: string) => void;
}

const POLL_MS = 300;
const HEARTBEAT_MS = 30_000;

const isFinished = (trial: Trial): boolean =>
  ['True', 'False'].includes(conditionOf(trial, 'Succeeded')?.status ?? '');

/** Says every change of state of a run's Trials until all have ended, by name. Rejects with the signal's reason when that fires. */
export async function follow(options: FollowOptions): Promise<Map<string, Finished>> {
  const { kube, run, count, signal, say } = options;
  const began = Date.now();
  const finished = new Map<string, Finished>();
  const said = new Map<string, string>();
  let lastWord = began;
  const speak = (line: string): void => {
    lastWord = Date.now();
    say(line);
  };
  while (finished.size < count) {
    const trials = await kube.list(TrialKind, { namespace: NAMESPACE, fieldSelector: `spec.run=${run}` });
    for (const trial of trials) {
      const { name } = trial.metadata;
      const { key, line } = stateOf(trial);
      if (key !== (said.get(name) ?? '')) speak(`${name}: ${line}`);
      said.set(name, key);
      if (isFinished(trial) && !finished.has(name))
        finished.set(name, { trial, seconds: (Date.now() - began) / 1000 });
    }
    if (Date.now() - lastWord > HEARTBEAT_MS) speak(stillWaiting(trials));
    await sleep(POLL_MS, undefined, { signal });
  }
  return finished;
}

/** What to say of a Trial; a line is said again only where its key differs, because messages carry counters. */
export function stateOf(trial: Trial): { key: string; line: string } {
  const { status, reason = '', message = '' } = conditionOf(trial, 'Succeeded') ?? {};
  if (status === 'True') return { key: 'end', line: endOf(trial, reason) };
  if (status === 'False') return { key: 'end', line: `failed: ${reason}: ${message}` };
  if (reason === 'BuildingImage') return { key: message, line: `building the image (${message})` };
  if (reason === 'Running') return { key: reason, line: `running${placeOf(trial)}` };
  return { key: reason, line: `${reason}: ${message}` };
}

const endOf = ({ status }: Trial, reason: string): string =>
  status?.reward === undefined ? reason : `reward ${status.reward}`;

function placeOf({ status }: Trial): string {
  const node = status?.attempts?.at(-1)?.nodeName;
  return node === undefined ? '' : ` on ${node}`;
}

function stillWaiting(trials: Trial[]): string {
  const open = trials.filter((trial) => !isFinished(trial));
  const words = open.map((trial) => {
    const reason = conditionOf(trial, 'Succeeded')?.reason ?? 'no status yet; does the operator run?';
    return `${trial.metadata.name} (${reason})`;
  });
  return `… ${words.join(', ')}`;
}
