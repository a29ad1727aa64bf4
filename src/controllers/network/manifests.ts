/**
 * Pure: the two NetworkPolicies of a namespace with Trials. They choose Pods by a label that the operator puts on those of Trials, so that they
 * never change with a Trial, and no Trial costs a write. Policies add up in Kubernetes: these close everything, and open what they name.
 */
import { LABEL, NETWORKS, networkPolicyName, type PodNetwork } from '../../crds/names.ts';
import type { NetworkPolicy } from '../../kube/kinds.ts';
import { familyOf, isInternet, NOT_INTERNET, type Family } from '../../wire/ranges.ts';
import type { Destination, Surroundings } from './observed.ts';

type Egress = NonNullable<NonNullable<NetworkPolicy['spec']>['egress']>[number];
type Peer = NonNullable<Egress['to']>[number];
type Ports = NonNullable<Egress['ports']>;

export const policiesOf = (namespace: string, surroundings: Surroundings): NetworkPolicy[] =>
  NETWORKS.map((network) => policy({ namespace, network, egress: EGRESS[network](surroundings) }));

const EGRESS: Record<PodNetwork, (surroundings: Surroundings) => Egress[]> = {
  restricted: ({ broker }) => [toBroker(broker)],
  public: ({ broker, apiServers, allowed }) => [
    toBroker(broker),
    ...DNS,
    { to: [internet('ipv4', apiServers), internet('ipv6', apiServers)] },
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
    // No rule of ingress: nothing connects to a Pod of a Trial.
    policyTypes: ['Ingress', 'Egress'],
    egress: of.egress,
  },
});

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

/** Pods, Services, nodes and metadata are in the private ranges; an API server may be on the internet. */
const internet = (family: Family, apiServers: readonly string[]): Peer => ({
  ipBlock: {
    cidr: family === 'ipv4' ? '0.0.0.0/0' : '::/0',
    except: [
      ...NOT_INTERNET[family],
      ...apiServers.filter((address) => familyOf(address) === family && isInternet(address)).map(single),
    ],
  },
});

/** The range of one address. */
export const single = (address: string): string =>
  `${address}/${familyOf(address) === 'ipv4' ? '32' : '128'}`;

const to = ({ cidr, port }: Destination): Egress => ({
  to: [{ ipBlock: { cidr } }],
  ...(port !== undefined && { ports: tcp(port) }),
});
