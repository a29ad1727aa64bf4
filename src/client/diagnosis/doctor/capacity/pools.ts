/** Pure: why Karpenter or EKS Auto Mode cannot add nodes. */
import { amountOf } from '../../../../crds/refusals.ts';
import { problem, warning, type Found } from '../check-result.ts';
import type { NodeClass, NodePool, ReadyCondition } from '../kinds.ts';
import type { Pool } from './karpenter.ts';

/** `isNeeded`: Pods wait for nodes. */
export function poolTroubles(pools: readonly Pool[], isNeeded: boolean): Found[] {
  if (pools.length > 0)
    return pools.flatMap((pool) => classTrouble(pool) ?? readiness(pool.pool) ?? atLimit(pool.pool) ?? []);
  return [
    (isNeeded ? problem : warning)(
      'there is no NodePool',
      'Karpenter is installed and was not told which nodes it may add',
      'kubectl apply -f <NodePool and NodeClass>    (EKS Auto Mode: aws eks update-cluster-config with the node pool general-purpose)',
    ),
  ];
}

const notReady = (object: NodePool | NodeClass): ReadyCondition | undefined =>
  object.status?.conditions?.find(({ type, status }) => type === 'Ready' && status !== 'True');

const whyNot = ({ reason, message }: ReadyCondition): string =>
  [reason, message].filter(Boolean).join(': ') || 'it does not say why';

/** The class is the cause where it is not ready; its pool only repeats it. */
function classTrouble({ pool, nodeClass }: Pool): Found | undefined {
  const reference = pool.spec?.template?.spec?.nodeClassRef;
  if (nodeClass === undefined || reference === undefined) return undefined;
  const { name } = pool.metadata;
  const label = `${reference.kind} ${reference.name}`;
  if (nodeClass === 'missing')
    return problem(
      `NodePool ${name} adds no nodes`,
      `there is no ${label}`,
      `kubectl describe nodepool ${name}`,
    );
  const condition = notReady(nodeClass);
  const resource = `${reference.kind.toLowerCase()}.${reference.group}`;
  return (
    condition &&
    problem(`${label} is not ready`, whyNot(condition), `kubectl describe ${resource} ${reference.name}`)
  );
}

function readiness(pool: NodePool): Found | undefined {
  const { name } = pool.metadata;
  const condition = notReady(pool);
  return (
    condition &&
    problem(`NodePool ${name} is not ready`, whyNot(condition), `kubectl describe nodepool ${name}`)
  );
}

/** `cpu: 100 of 100`. */
function atLimit({ metadata: { name }, spec, status }: NodePool): Found | undefined {
  const spent = Object.entries(spec?.limits ?? {}).flatMap(([resource, limit]) => {
    const used = status?.resources?.[resource] ?? 0;
    return amountOf(used) >= amountOf(limit) ? [`${resource}: ${used} of ${limit}`] : [];
  });
  if (spent.length === 0) return undefined;
  return warning(
    `NodePool ${name} is at its limit`,
    spent.join(', '),
    `kubectl edit nodepool ${name}    (spec.limits)`,
  );
}
