/**
 * The network controller: keeps the NetworkPolicies of every namespace with Trials or Sandboxes as they shall be. Its keys are namespaces. They
 * stay when the last of those goes, for they choose nothing else; namespaces that are being deleted are left alone. Whether the policies stand is
 * asked by whoever makes a Pod that needs them.
 */
import type { Trial } from '../../crds/trial.ts';
import { ENTRY_POLICIES, NETWORK_POLICIES } from '../../crds/names.ts';
import type { Sandbox } from '../../crds/sandbox.ts';
import type { WatchedStore } from '../../kube/cache/cache.ts';
import { isAlreadyExists, isForbidden, isInvalid } from '../../kube/errors.ts';
import type { Namespace } from '../../kube/kinds.ts';
import { NetworkPolicy } from '../../kube/kinds.ts';
import { feed, type ControlOptions } from '../../kube/operator.ts';
import type { KubeClient, KubeObject, ObjectKey, Permission, Reconcile } from '../../kube/types.ts';
import type { PoliciesSeen } from '../../pods/policies.ts';
import { nextAction, type NetworkAction } from './decide.ts';
import { AGAIN_MS, observe, policiesIn, type NetworkSources } from './observe.ts';

export interface NetworkDeps extends NetworkSources {
  kube: Pick<KubeClient, 'get' | 'create' | 'replace'>;
  standing: Standing;
}

/** What this controller does at the API server. */
export const permissions: Permission[] = [
  { group: '', resources: ['namespaces'], verbs: ['get', 'list', 'watch'] },
  { group: 'sb.abundant.ai', resources: ['trials', 'sandboxes'], verbs: ['get', 'list', 'watch'] },
  { group: 'networking.k8s.io', resources: ['networkpolicies'], verbs: ['get', 'list', 'watch', 'create'] },
  {
    group: 'networking.k8s.io',
    resources: ['networkpolicies'],
    verbs: ['update'],
    names: [...NETWORK_POLICIES],
  },
  // Where the API server is.
  {
    group: 'discovery.k8s.io',
    resources: ['endpointslices'],
    verbs: ['get'],
    names: ['kubernetes'],
    scope: 'beyond',
  },
];

/** How the policies of every namespace stand: what this process wanted of them last, held against what the cache has now. */
export class Standing {
  readonly #policies: NetworkSources['policies'];
  readonly #wanted = new Map<string, readonly NetworkPolicy[]>();
  readonly #refused = new Map<string, string>();

  constructor(policies: NetworkSources['policies']) {
    this.#policies = policies;
  }

  /** Those that a Pod of a Trial needs, or of a Sandbox, which is to be entered besides. */
  of(namespace: string, kind: 'Trial' | 'Sandbox' = 'Trial'): PoliciesSeen {
    const message = this.#refused.get(namespace);
    if (message !== undefined) return { kind: 'refused', message };
    const wanted = this.#wanted.get(namespace);
    if (!wanted || (kind === 'Sandbox' && !wanted.some(isEntry))) return { kind: 'awaited' };
    const found = policiesIn(this.#policies, namespace);
    const isInPlace = nextAction({ isUsed: true, wanted, found }).kind === 'rest';
    return { kind: isInPlace ? 'inPlace' : 'awaited' };
  }

  want(namespace: string, wanted: readonly NetworkPolicy[]): void {
    this.#refused.delete(namespace);
    this.#wanted.set(namespace, wanted);
  }

  refuse(namespace: string, message: string): void {
    this.#refused.set(namespace, message);
  }

  forget(namespace: string): void {
    this.#refused.delete(namespace);
    this.#wanted.delete(namespace);
  }
}

const isEntry = ({ metadata }: NetworkPolicy): boolean => metadata.name === ENTRY_POLICIES.sandboxes;

/** Index of objects by their namespace. */
export const byNamespace = ({ metadata }: KubeObject): string[] => [metadata.namespace ?? ''];

const namespaceOf = ({ metadata }: KubeObject): ObjectKey[] => [
  { namespace: '', name: metadata.namespace ?? '' },
];

/** Namespaces looked at at the same time. */
const WORKERS = 4;

/** The controller and what wakes it: Trials and Sandboxes that come or go, and policies that change. */
export function networkControl(
  deps: NetworkDeps & {
    namespaces: WatchedStore<Namespace>;
    trials: WatchedStore<Trial>;
    sandboxes: WatchedStore<Sandbox>;
    policies: WatchedStore<NetworkPolicy>;
  },
): ControlOptions<Namespace> {
  const { namespaces, trials, sandboxes, policies } = deps;
  return {
    name: 'network',
    store: namespaces,
    matters: () => false,
    also: [
      feed({ store: trials, keys: namespaceOf, matters: () => false }),
      feed({ store: sandboxes, keys: namespaceOf, matters: () => false }),
      feed({ store: policies, keys: namespaceOf }),
    ],
    reconcile: networkController(deps),
    concurrency: WORKERS,
  };
}

/** The reconcile function of namespaces. */
export function networkController(deps: NetworkDeps): Reconcile {
  return async ({ name }) => {
    const seen = await observe(deps, name);
    if (!seen.isUsed) {
      deps.standing.forget(name);
      return undefined;
    }
    deps.standing.want(name, seen.wanted);
    await act(deps, name, nextAction(seen));
    return { requeueAfterMs: AGAIN_MS };
  };
}

async function act(deps: NetworkDeps, namespace: string, action: NetworkAction): Promise<void> {
  switch (action.kind) {
    case 'put':
      try {
        await Promise.all([
          ...action.missing.map((policy) => create(deps.kube, policy)),
          ...action.changed.map((policy) => deps.kube.replace(NetworkPolicy, policy)),
        ]);
      } catch (error) {
        if (!isForbidden(error) && !isInvalid(error)) throw error;
        deps.standing.refuse(namespace, error.message);
      }
      return;
    case 'rest':
      return;
    default:
      action satisfies never;
  }
}

/** One of that name that the cache does not show has lost its label. */
async function create(kube: NetworkDeps['kube'], policy: NetworkPolicy): Promise<void> {
  try {
    await kube.create(NetworkPolicy, policy);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    const { namespace = '', name } = policy.metadata;
    const { resourceVersion = '' } = (await kube.get(NetworkPolicy, { namespace, name }))?.metadata ?? {};
    await kube.replace(NetworkPolicy, { ...policy, metadata: { ...policy.metadata, resourceVersion } });
  }
}
