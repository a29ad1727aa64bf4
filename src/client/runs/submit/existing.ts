/** What of a run is in the cluster already. */
import { isDeepStrictEqual } from 'node:util';
import Value from 'typebox/value';
import { Trial as TrialKind } from '../../../crds/kinds.ts';
import { LABEL } from '../../../crds/names.ts';
import { MUTABLE, TrialSpec, type Trial } from '../../../crds/trial.ts';
import { listAll } from '../../../kube/cache/list.ts';
import { isRecord } from '../../../text/json.ts';
import { CliError } from '../../failures/error.ts';
import type { RunPlan, TrialManifest } from '../plan/types.ts';
import type { Session } from '../../session/types.ts';

const SHOWN = 5;

/**
 * Names of the plan's Trials that are there as they are wanted. Throws CliError SB-E038 where one of them is there otherwise: a Trial cannot
 * be changed, and the run would be a mixture of both. Read page by page; nothing of an object is kept but its name.
 */
export async function findUnchanged(
  { kubeParts, namespace }: Pick<Session, 'kubeParts' | 'namespace'>,
  plan: RunPlan,
  signal: AbortSignal,
): Promise<Set<string>> {
  const wanted = new Map(
    plan.tasks.flatMap(({ trials }) => trials).map((trial) => [trial.metadata.name, trial]),
  );
  const unchanged = new Set<string>();
  const others = new Map<string, string[]>();
  const look = ({ metadata: { name }, spec }: Trial): void => {
    const trial = wanted.get(name);
    if (!trial) return;
    const differences = specDifferences(trial.spec, spec);
    if (differences.length === 0) unchanged.add(name);
    else others.set(name, differences);
  };
  await listAll<Trial>({
    transport: kubeParts.transport,
    resource: TrialKind,
    options: { namespace: plan.namespace ?? namespace, labelSelector: `${LABEL.run}=${plan.run}` },
    signal,
    onStart: () => undefined,
    onObject: look,
  });
  if (others.size > 0) throw otherContent(plan.run, others);
  return unchanged;
}

function otherContent(run: string, others: Map<string, string[]>): CliError {
  const lines = [...others].map(
    ([name, fields]) => `Trial ${name} is there with another ${fields.join(', ')}`,
  );
  const more = lines.length > SHOWN ? [`… and ${lines.length - SHOWN} more`] : [];
  return new CliError('SB-E038', {
    what: `cannot add to the run ${run}`,
    why: [...lines.slice(0, SHOWN), ...more].join('\n'),
    fix: `give another --run-name, or remove the run first: sb run delete ${run}`,
  });
}

/** What a refusal of the API server says about one Trial; the rest of the run is not touched by it. */
export function refusal({ metadata: { name } }: Pick<TrialManifest, 'metadata'>, cause: Error): CliError {
  const why = cause.message.replace(/^[A-Z]+ \/\S+: /, '');
  const changed = /(\w+) is immutable/.exec(why);
  if (changed)
    return new CliError('SB-E038', {
      what: `cannot change the Trial ${name}`,
      why: `it is there with another ${changed[1]}, and a Trial cannot be changed: ${why}`,
      fix: `give another --run-name, or remove it first: kubectl delete trial ${name}`,
      cause,
    });
  return new CliError('SB-E040', {
    what: `cannot create the Trial ${name}`,
    why,
    fix: 'change what the cause names in task.toml or in the options of the run, then run the same command again',
    cause,
  });
}

/** Paths of the fields in which two specs differ, once the API's defaults are filled in; empty: they are the same. At most `max`. */
export function specDifferences(wanted: object, found: object, max = 3): string[] {
  return differing(complete(wanted), complete(found)).slice(0, max);
}

/** As the API server stores it. A field that this `sb` does not know is of a newer operator, which gave it a default. */
function complete(spec: object): object {
  const known = Object.entries(spec).filter(
    ([name]) => name in TrialSpec.properties && !MUTABLE.includes(name),
  );
  const defaulted = Value.Default(TrialSpec, structuredClone(Object.fromEntries(known))) as object;
  return Object.fromEntries(Object.entries(defaulted).filter(([name]) => !MUTABLE.includes(name)));
}

type Table = Record<string, unknown>;

function differing(a: object, b: object): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((key) => {
    const [left, right] = [(a as Table)[key], (b as Table)[key]];
    if (isDeepStrictEqual(left, right)) return [];
    const [ofLeft, ofRight] = [left ?? {}, right ?? {}];
    if (!isRecord(ofLeft) || !isRecord(ofRight)) return [key];
    return differing(ofLeft, ofRight).map((path) => `${key}.${path}`);
  });
}
