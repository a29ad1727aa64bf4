/** How many default Trials the nodes and the namespace’s quota have room for. */
import type { Kind, KubeObject } from '../../../kube/types.ts';
import type { Node, Pod } from '../../../kube/kinds.ts';
import { amountOf } from '../../../crds/refusals.ts';
import { ROLES } from '../../../pods/building/layout.ts';
import { isOver } from '../../../pods/reading/state.ts';
import { DEFAULT_RESOURCES } from '../../../tasks/compile/resources.ts';
import { fine, problem, warning, type Check, type Found, type Patient } from './check.ts';

export interface ResourceQuota extends KubeObject {
  status?: { hard?: Record<string, string>; used?: Record<string, string> };
}
export const ResourceQuota: Kind<ResourceQuota> = {
  group: '',
  version: 'v1',
  kind: 'ResourceQuota',
  plural: 'resourcequotas',
  namespaced: true,
};

/** Cores, bytes, bytes, Pods. */
export interface Amounts {
  cpu: number;
  memory: number;
  'ephemeral-storage': number;
  pods: number;
}

type Requests = Record<string, string | number> | undefined;
type PodSpec = NonNullable<Pod['spec']>;

/** What the courier beside it requests, and the Pod that both are in. */
export const COURIER = { ...ROLES.courier.resources.requests, pods: 1 };

const NAMES = ['cpu', 'memory', 'ephemeral-storage', 'pods'] as const;

const combine = (of: (name: keyof Amounts) => number): Amounts =>
  Object.fromEntries(NAMES.map((name) => [name, of(name)])) as unknown as Amounts;
const plus = (a: Amounts, b: Amounts): Amounts => combine((name) => a[name] + b[name]);
const most = (a: Amounts, b: Amounts): Amounts => combine((name) => Math.max(a[name], b[name]));
const NOTHING = combine(() => 0);

const amountsOf = (requests: Requests): Amounts => combine((name) => amountOf(requests?.[name] ?? 0));

/** What a Trial's Pod requests beside what its task does: for the courier, and for our own program in the task container. */
const BESIDE = plus(amountsOf(COURIER), { ...NOTHING, memory: ROLES.task.ownMemory });

/** What a Trial's Pod requests: the task container and the courier. */
export const requestsOfTrial = (requests?: Requests): Amounts =>
  plus(amountsOf({ ...DEFAULT_RESOURCES.requests, ...requests }), BESIDE);

/** What a task may request at most for its Pod to fit on a node that has `room`, as the options of a run take it; undefined for nothing. */
export function mostFor(resource: 'cpu' | 'memory' | 'ephemeral-storage', room: number): string | undefined {
  const left = room - BESIDE[resource];
  const amount = resource === 'cpu' ? Math.floor(left * 1000 + 1e-6) / 1000 : Math.floor(left / 2 ** 20);
  if (amount <= 0) return undefined;
  return resource === 'cpu' ? String(amount) : `${amount}Mi`;
}

const DEFAULT_TRIAL = requestsOfTrial();

/** As the scheduler counts: containers and sidecars together, or the largest init container where that is more. */
export function requestsOf({ containers, initContainers = [], overhead }: PodSpec): Amounts {
  const requested = (container: { resources?: { requests?: Requests } }): Amounts =>
    amountsOf(container.resources?.requests);
  let sidecars = NOTHING;
  let start = NOTHING;
  for (const container of initContainers) {
    const own = requested(container);
    start = most(start, plus(sidecars, own));
    if (container.restartPolicy === 'Always') sidecars = plus(sidecars, own);
  }
  const running = containers.map(requested).reduce(plus, sidecars);
  return plus(plus(most(running, start), amountsOf(overhead)), { ...NOTHING, pods: 1 });
}

export const allocatable = (node: Node): Amounts => amountsOf(node.status?.allocatable);

/** How many default Trials fit into what is left. */
const trialsIn = (room: Amounts): number =>
  Math.max(0, Math.min(...NAMES.map((name) => Math.floor(room[name] / DEFAULT_TRIAL[name]))));

/** How many default Trials fit on a node, now and if nothing else were there. */
export function fitting(node: Node, pods: readonly Pod[]): { now: number; empty: number } {
  const taken = pods
    .filter((pod) => pod.spec?.nodeName === node.metadata.name && !isOver(pod))
    .map(({ spec }) => (spec ? requestsOf(spec) : NOTHING))
    .reduce(plus, NOTHING);
  const all = allocatable(node);
  return { now: trialsIn(combine((name) => all[name] - taken[name])), empty: trialsIn(all) };
}

type Tolerations = NonNullable<PodSpec['tolerations']>;
type Taint = NonNullable<NonNullable<Node['spec']>['taints']>[number];

const repels = ({ effect }: Taint): boolean => effect === 'NoSchedule' || effect === 'NoExecute';

const textOf = ({ key, value, effect }: Taint): string => `${key}${value ? `=${value}` : ''}:${effect}`;

const isTolerated = (taint: Taint, tolerations: Tolerations): boolean =>
  tolerations.some(
    ({ key, operator, value = '', effect }) =>
      (key === undefined || key === taint.key) &&
      (operator === 'Exists' || (key !== undefined && value === (taint.value ?? ''))) &&
      (effect === undefined || effect === taint.effect),
  );

/** Why a Trial never goes to a node; undefined: it may. */
export function obstacle({ spec, status }: Node, tolerations: Tolerations = []): string | undefined {
  const isReady = status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True');
  if (isReady !== true) return 'is not ready';
  if (spec?.unschedulable === true) return 'is cordoned';
  const taint = spec?.taints?.find((one) => repels(one) && !isTolerated(one, tolerations));
  return taint && `has the taint ${textOf(taint)}`;
}

/** What one default Trial counts as, by the names that quotas use. Limits: the CRD's default for disk alone. */
const ONE: Record<string, number> = {
  cpu: DEFAULT_TRIAL.cpu,
  'requests.cpu': DEFAULT_TRIAL.cpu,
  memory: DEFAULT_TRIAL.memory,
  'requests.memory': DEFAULT_TRIAL.memory,
  'requests.ephemeral-storage': DEFAULT_TRIAL['ephemeral-storage'],
  pods: 1,
  'count/pods': 1,
  'count/jobs.batch': 1,
  'count/trials.sb.abundant.ai': 1,
};

/** Whether each quota has room for one default Trial, now or ever. */
function judgeQuotas(quotas: readonly ResourceQuota[], namespace: string): Found[] {
  const found = quotas.flatMap(({ metadata: { name }, status }) =>
    Object.entries(status?.hard ?? {}).flatMap(([resource, hard]) => {
      const one = ONE[resource];
      const used = status?.used?.[resource] ?? '0';
      if (one === undefined || amountOf(hard) - amountOf(used) >= one) return [];
      const fix = `kubectl -n ${namespace} describe resourcequota ${name}    (wait, or ask for more)`;
      const isTooSmall = amountOf(hard) < one;
      return [
        (isTooSmall ? problem : warning)(
          `quota ${name} has no room for a default Trial`,
          `${resource}: ${used} of ${hard} used`,
          fix,
        ),
      ];
    }),
  );
  if (found.length > 0) return found;
  return [
    fine(
      quotas.length === 0
        ? `namespace ${namespace} has no quota`
        : `the quota of namespace ${namespace} has room`,
    ),
  ];
}

export const quota: Check<Patient> = {
  name: 'quota',
  subject: 'the quota of the namespace',
  run: async ({ session: { kube, namespace } }) =>
    judgeQuotas(await kube.list(ResourceQuota, { namespace }), namespace),
};
