/** What of a run is in the cluster already. */
import { Trial as TrialKind } from '../../../crds/kinds.ts';
import { LABEL } from '../../../crds/names.ts';
import type { Trial } from '../../../crds/trial.ts';
import { listAll } from '../../../kube/cache/list.ts';
import { CliError } from '../../failures/error.ts';
import type { RunPlan, TrialManifest } from '../plan/types.ts';
import type { Session } from '../../session/types.ts';
import { specDifferences } from './same-spec.ts';

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
