/** Everything about a Trial that a failed test's reader wants to see. */
import { dump } from 'js-yaml';
import { CONTAINERS } from '../../../src/wire/pod-paths.ts';
import { OPERATOR, OPERATOR_SELECTOR } from '../../../src/installation/names.ts';
import { Event, Pod } from '../../../src/kube/kinds.ts';
import { Trial as TrialKind } from '../../../src/crds/kinds.ts';
import type { KubeObject, ObjectKey } from '../../../src/kube/types.ts';
import { kubectl } from '../../support/cluster.ts';
import { world } from './world.ts';

const section = (title: string, text: string): string => `--- ${title}\n${text.trimEnd()}\n`;
const yaml = (value: unknown): string => dump(value, { lineWidth: 160, noRefs: true, skipInvalid: true });

/** The Trial's YAML, its Pods' status, events, the courier's and the task's log, and what the operator said of it. */
export async function diagnose(key: ObjectKey): Promise<string> {
  const parts = await Promise.all([trialPart(key), podParts(key), eventPart(key), operatorPart(key)]);
  return parts.flat().join('');
}

/** Without what nobody wants to read. */
const unmanaged = ({ metadata, ...rest }: KubeObject): object => ({
  ...rest,
  metadata: { ...metadata, managedFields: undefined },
});

const orElse = <T>(work: Promise<T>): Promise<T | undefined> => work.catch(() => undefined);

async function trialPart(key: ObjectKey): Promise<string> {
  const trial = (await orElse(world().kube.get(TrialKind, key))) ?? world().trials.get(key);
  return section(`Trial ${key.namespace}/${key.name}`, trial ? yaml(unmanaged(trial)) : 'it does not exist');
}

async function podParts({ namespace, name }: ObjectKey): Promise<string[]> {
  const pods = (await orElse(world().kube.list(Pod, { namespace }))) ?? [];
  const own = pods.filter(({ metadata }) => isOf(metadata.name, name));
  if (own.length === 0) return [section('Pods', 'there is none')];
  return (await Promise.all(own.map(podPart))).flat();
}

async function podPart(pod: Pod): Promise<string[]> {
  const { namespace = '', name } = pod.metadata;
  const log = (container: string): Promise<string> =>
    world()
      .kube.log({ namespace, name }, { container, tailLines: 60 })
      .catch((error: unknown) => String(error));
  return [
    section(`status of Pod ${name} on ${pod.spec?.nodeName}`, yaml(pod.status)),
    section(`log of ${name}, courier`, await log(CONTAINERS.courier)),
    section(`log of ${name}, task`, await log(CONTAINERS.task)),
  ];
}

async function eventPart({ namespace, name }: ObjectKey): Promise<string> {
  const events = (await orElse(world().kube.list(Event, { namespace }))) ?? [];
  const lines = events
    .filter(({ involvedObject }) => isOf(involvedObject.name, name))
    .map(({ lastTimestamp, involvedObject, reason, message }) =>
      [lastTimestamp, `${involvedObject.kind}/${involvedObject.name}`, reason, message].join('  '),
    );
  return section('events', lines.sort().join('\n') || 'there are none');
}

/** The object itself, or a child of it: `<trial>`, `<trial>-1`, `<trial>-1-abcde`. */
const isOf = (name: string, trial: string): boolean =>
  name === trial || (name.startsWith(`${trial}-`) && /^\d+(-\w+)?$/.test(name.slice(trial.length + 1)));

async function operatorPart({ name }: ObjectKey): Promise<string> {
  const { stdout } = await kubectl([
    'logs',
    '-n',
    OPERATOR.namespace,
    '-l',
    OPERATOR_SELECTOR,
    '--tail=3000',
    '--prefix',
  ]);
  const lines = stdout.split('\n').filter((line) => line.includes(name));
  return section('what the operator said of it', lines.slice(-30).join('\n') || 'nothing');
}
