/** Every read of the network controller: caches for what is in a namespace; what policies are made of is asked for again every half minute. */
import { NETWORK_POLICIES } from '../../crds/names.ts';
import type { Sandbox } from '../../crds/sandbox.ts';
import type { Trial } from '../../crds/trial.ts';
import { EndpointSlice } from '../../kube/kinds.ts';
import type { Namespace, NetworkPolicy } from '../../kube/kinds.ts';
import type { KubeClient, Store } from '../../kube/types.ts';
import type { ArtifactStore } from '../../providers/artifact-store/port.ts';
import { addressOf } from '../../wire/addresses.ts';
import { isPublic, type EgressRule } from '../../wire/egress.ts';
import { ENTERED } from '../../wire/sandbox/names.ts';
import { entryPolicyOf, policiesOf, single } from './manifests.ts';
import type { ObservedNamespace, Surroundings } from './observed.ts';

export interface SurroundingsSources {
  kube: Pick<KubeClient, 'get'>;
  broker: Surroundings['broker'];
  artifacts: Pick<ArtifactStore, 'origins'>;
  /** What the installation allows. */
  allowed: readonly EgressRule[];
  /** IP addresses of a host. */
  addressesOf: (host: string) => Promise<string[]>;
  /** Milliseconds that never jump. */
  monotonic: () => number;
}

export interface NetworkSources {
  namespaces: Store<Namespace>;
  /** Indexed by `namespace`. */
  trials: Store<Trial>;
  /** Indexed by `namespace`. */
  sandboxes: Store<Sandbox>;
  policies: Store<NetworkPolicy>;
  surroundings: () => Promise<Surroundings>;
}

export async function observe(sources: NetworkSources, name: string): Promise<ObservedNamespace> {
  const { namespaces, trials, sandboxes } = sources;
  // One that the cache does not know is new.
  const isEnding = namespaces.get({ namespace: '', name })?.metadata.deletionTimestamp !== undefined;
  const hasSandboxes = sandboxes.by('namespace', name).length > 0;
  const hasTrials = trials.by('namespace', name).length > 0;
  const isUsed = !isEnding && (hasSandboxes || hasTrials);
  if (!isUsed) return { isUsed, wanted: [], found: new Map() };
  const surroundings = await sources.surroundings();
  const entries = ENTERED.filter((kind) => (kind === 'trials' ? hasTrials : hasSandboxes)).map((kind) =>
    entryPolicyOf(kind, name, surroundings),
  );
  return {
    isUsed,
    wanted: [...policiesOf(name, surroundings), ...entries],
    found: policiesIn(sources.policies, name),
  };
}

/** Our policies of a namespace, by name. */
export function policiesIn(policies: Store<NetworkPolicy>, namespace: string): Map<string, NetworkPolicy> {
  const found = NETWORK_POLICIES.flatMap((name) => policies.get({ namespace, name }) ?? []);
  return new Map(found.map((policy) => [policy.metadata.name, policy]));
}

/** Addresses change without a word to us; what is private is closed whatever they are. */
export const AGAIN_MS = 30_000;

/** What policies are made of, at most half a minute old. Rejects where the store's name or the API server's addresses cannot be had. */
export function surroundingsReader(sources: SurroundingsSources): () => Promise<Surroundings> {
  let last: { at: number; read: Promise<Surroundings> } | undefined;
  return () => {
    const now = sources.monotonic();
    if (last && now - last.at < AGAIN_MS) return last.read;
    const read = readSurroundings(sources);
    last = { at: now, read };
    read.catch(() => (last = undefined));
    return read;
  };
}

async function readSurroundings(sources: SurroundingsSources): Promise<Surroundings> {
  const origins = await sources.artifacts.origins();
  const [apiServers, ...stores] = await Promise.all([
    apiServerAddresses(sources.kube),
    ...origins.map((origin) => storeRules(sources, origin)),
  ]);
  return { broker: sources.broker, apiServers, allowed: [...stores.flat(), ...sources.allowed] };
}

async function apiServerAddresses(kube: Pick<KubeClient, 'get'>): Promise<string[]> {
  const slice = await kube.get(EndpointSlice, { namespace: 'default', name: 'kubernetes' });
  return (slice?.endpoints ?? []).flatMap(({ addresses }) => addresses).toSorted();
}

/** A store on the internet is open already. */
async function storeRules({ addressesOf }: SurroundingsSources, origin: string): Promise<EgressRule[]> {
  const { hostname, port } = new URL(`tcp://${origin}`);
  const addresses = await addressesOf(hostname.replace(/^\[|\]$/g, ''));
  return addresses
    .flatMap((text) => addressOf(text) ?? [])
    .filter((address) => !isPublic(address))
    .map(({ text }) => ({ cidr: single(text), port: Number(port) }))
    .toSorted((a, b) => a.cidr.localeCompare(b.cidr));
}
