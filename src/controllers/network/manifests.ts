/**
 * Pure: the NetworkPolicies of a namespace with Trials or Sandboxes. They choose Pods by labels that the operator puts on those of Trials and
 * Sandboxes, so that they never change with one, and none costs a write. Policies add up in Kubernetes: the first two close everything, and open
 * what they name; the others open one port besides, at which the broker enters.
 */
import { ENTRY_POLICIES, LABEL, NETWORKS, networkPolicyName, type PodNetwork } from '../../crds/names.ts';
import type { NetworkPolicy } from '../../kube/kinds.ts';
import { addressOf } from '../../wire/addresses.ts';
import { SANDBOX_PORT, TRIAL_ENTRY_PORT, type Entered } from '../../wire/sandbox/names.ts';
import { isPublic, NEVER_REACHED, PRIVATE, type EgressRule } from '../../wire/egress.ts';
import type { Surroundings } from './observed.ts';

type Egress = NonNullable<NonNullable<NetworkPolicy['spec']>['egress']>[number];
type Peer = NonNullable<Egress['to']>[number];
type Ports = NonNullable<Egress['ports']>;

/** What the Pods of Trials and Sandboxes may connect to. */
export const policiesOf = (namespace: string, surroundings: Surroundings): NetworkPolicy[] =>
  NETWORKS.map((network) => policy({ namespace, network, egress: EGRESS[network](surroundings) }));

const EGRESS: Record<PodNetwork, (surroundings: Surroundings) => Egress[]> = {
  restricted: ({ broker }) => [toBroker(broker)],
  public: ({ broker, apiServers, allowed }) => [
    toBroker(broker),
    ...DNS,
    { to: internet(apiServers) },
    ...allowed.map(to),
  ],
};

const policy = (of: { namespace: string; network: PodNetwork; egress: Egress[] }): NetworkPolicy => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: {
    name: networkPolicyName(of.network),
    namespace: of.namespace,
    labels: { [LABEL.network]: of.network },
  },
  spec: {
    podSelector: { matchLabels: { [LABEL.network]: of.network } },
    // No rule of ingress: nothing connects to a Pod, but for what another policy allows.
    policyTypes: ['Ingress', 'Egress'],
    egress: of.egress,
  },
});

const ENTRIES = {
  sandboxes: { label: LABEL.sandbox, port: SANDBOX_PORT, mark: 'entry' },
  trials: { label: LABEL.trial, port: TRIAL_ENTRY_PORT, mark: 'trials-entry' },
} as const;

/** The broker connects to the courier of a Sandbox, or of a Trial that is entered: nobody else, and to no other port. */
export function entryPolicyOf(entered: Entered, namespace: string, { broker }: Surroundings): NetworkPolicy {
  const { label, port, mark } = ENTRIES[entered];
  // Kubernetes' own name of the field; the client's types call it `_from`.
  const rule = { from: [inNamespace(broker.namespace, broker.labels)], ports: tcp(port) };
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: ENTRY_POLICIES[entered], namespace, labels: { [LABEL.network]: mark } },
    spec: {
      podSelector: { matchExpressions: [{ key: label, operator: 'Exists' }] },
      policyTypes: ['Ingress'],
      ingress: [rule],
    },
  };
}

const tcp = (port: number): Ports => [{ protocol: 'TCP', port }];

const inNamespace = (namespace: string, labels: Record<string, string>): Peer => ({
  namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
  podSelector: { matchLabels: labels },
});

const toBroker = ({ namespace, labels, port }: Surroundings['broker']): Egress => ({
  to: [inNamespace(namespace, labels)],
  ports: tcp(port),
});

const NAMES: Ports = [
  { protocol: 'UDP', port: 53 },
  { protocol: 'TCP', port: 53 },
];

/** The cluster's name servers, under the labels that kubeadm and EKS give them, and where a cache of names on every node listens. */
const DNS: Egress[] = [
  { to: [inNamespace('kube-system', { 'k8s-app': 'kube-dns' })], ports: NAMES },
  { to: [{ ipBlock: { cidr: '169.254.20.10/32' } }], ports: NAMES },
];

const V4 = [...NEVER_REACHED, ...PRIVATE].filter((range) => !range.includes(':'));
const V6 = [...NEVER_REACHED, ...PRIVATE].filter((range) => range.includes(':'));

/** What leads to all of IPv4 in a cluster without it (RFC 6052): a range of IPv4 as it is reached there. */
const NAT64 = { cidr: '64:ff9b::/96', bits: 96 };
const throughNat64 = (range: string): string => {
  const [address = '', bits] = range.split('/');
  const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
  const [high, low] = [(a << 8) | b, (c << 8) | d].map((part) => part.toString(16));
  return `64:ff9b::${high === '0' ? '' : `${high}:${low}`}/${NAT64.bits + Number(bits)}`;
};

/** Pods, Services, nodes and metadata are in the private ranges; an API server may be on the internet. */
function internet(apiServers: readonly string[]): Peer[] {
  const isPublicOne = (text: string): boolean => {
    const address = addressOf(text);
    return address !== undefined && isPublic(address);
  };
  const own = apiServers.filter(isPublicOne).map(single);
  const [own4, own6] = [
    own.filter((range) => !range.includes(':')),
    own.filter((range) => range.includes(':')),
  ];
  return [
    { ipBlock: { cidr: '0.0.0.0/0', except: [...V4, ...own4] } },
    { ipBlock: { cidr: '::/0', except: [...V6, ...own6] } },
    { ipBlock: { cidr: NAT64.cidr, except: [...V4, ...own4].map(throughNat64) } },
  ];
}

/** The range of one address. */
export const single = (address: string): string => `${address}/${address.includes(':') ? '128' : '32'}`;

const to = ({ cidr, port }: EgressRule): Egress => ({
  to: [{ ipBlock: { cidr } }],
  ...(port !== undefined && { ports: tcp(port) }),
});
