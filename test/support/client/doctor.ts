/** Objects of a cluster in which nothing is wrong, and an API server that answers with them. */
import { AGENTS_NAMESPACE, GROUP, networkPolicyName, NETWORKS, VERSION } from '../../../src/crds/names.ts';
import { agentsNamespace } from '../../../src/installation/operator.ts';
import type { Lease, Node, Pod } from '../../../src/kube/kinds.ts';
import type { KubeClient, KubeObject } from '../../../src/kube/types.ts';
import { ApiError } from '../../../src/kube/errors.ts';
import type { Check, Found, Patient } from '../../../src/client/diagnosis/doctor/check.ts';
import { healthy, type Answer, type FixedApi } from './api.ts';

export const node = (
  name: string,
  changes: Partial<NonNullable<Node['status']>> = {},
  spec: Node['spec'] = {},
): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name },
  spec,
  status: {
    allocatable: { cpu: '2', memory: '4096Mi', 'ephemeral-storage': '40Gi', pods: '110' },
    conditions: [
      { type: 'DiskPressure', status: 'False' },
      { type: 'Ready', status: 'True' },
    ],
    ...changes,
  },
});

export const pod = (
  name: string,
  spec: Partial<NonNullable<Pod['spec']>>,
  status: Pod['status'] = {},
): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default' },
  spec: { containers: [{ name: 'operator' }], ...spec },
  status,
});

export const lease = (renewTime: Date, holderIdentity = 'sb-operator-0'): Lease => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name: 'sb-operator', namespace: 'sb-system' },
  spec: { holderIdentity, leaseDurationSeconds: 15, renewTime: renewTime.toISOString() },
});

const SYSTEM = 'namespaces/sb-system';

export const OPERATOR = `/apis/apps/v1/${SYSTEM}/statefulsets/sb-operator`;
const OPERATOR_PODS = `/api/v1/${SYSTEM}/pods`;
const LEASE = `/apis/coordination.k8s.io/v1/${SYSTEM}/leases/sb-operator`;
export const ENDPOINTS = `/apis/discovery.k8s.io/v1/${SYSTEM}/endpointslices`;
export const NODES = '/api/v1/nodes';
export const configzOf = (name: string): string => `${NODES}/${name}/proxy/configz`;
export const REVIEWS = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
const IDENTITY = '/apis/authentication.k8s.io/v1/selfsubjectreviews';

const list = (...items: object[]): Answer => ({ metadata: {}, items });
const inDefault = (group: string, plural: string): string => `/${group}/namespaces/default/${plural}`;

/** Answers of a cluster that has everything and room for it; `certificate`: PEM of the broker's. */
export const everythingFine = (certificate: string): FixedApi['answers'] => ({
  ...healthy(),
  [IDENTITY]: () => ({
    metadata: { creationTimestamp: new Date().toISOString() },
    status: { userInfo: { username: 'jane' } },
  }),
  [OPERATOR]: { metadata: { name: 'sb-operator' }, spec: { replicas: 2 }, status: { readyReplicas: 2 } },
  [OPERATOR_PODS]: list(),
  '/api/v1/configmaps': list(),
  [LEASE]: () => lease(new Date()),
  [ENDPOINTS]: list({
    metadata: { name: 'a' },
    endpoints: [{ conditions: { ready: true } }, { conditions: { ready: true } }],
  }),
  [`/api/v1/${SYSTEM}/secrets/sb-broker-tls`]: {
    metadata: { name: 'sb-broker-tls' },
    data: { 'tls.crt': Buffer.from(certificate).toString('base64') },
  },
  [inDefault(`apis/${GROUP}/${VERSION}`, 'trials')]: list(),
  [inDefault(`apis/${GROUP}/${VERSION}`, 'taskbuilds')]: list(),
  ...Object.fromEntries(
    NETWORKS.map(networkPolicyName).map((name) => [
      `${inDefault('apis/networking.k8s.io/v1', 'networkpolicies')}/${name}`,
      { metadata: { name } },
    ]),
  ),
  [inDefault('api/v1', 'resourcequotas')]: list(),
  [inDefault('api/v1', 'pods')]: list(),
  [inDefault('api/v1', 'events')]: list(),
  [`/api/v1/namespaces/${AGENTS_NAMESPACE}`]: agentsNamespace(),
  [`/apis/${GROUP}/${VERSION}/namespaces/${AGENTS_NAMESPACE}/taskbuilds`]: list(),
  [NODES]: list(node('one'), node('two')),
  [configzOf('one')]: { kubeletconfig: { podPidsLimit: 16_384 } },
  [configzOf('two')]: { kubeletconfig: { podPidsLimit: 16_384 } },
  '/api/v1/pods': list(),
  // The broker, through the API server's proxy.
  [`/api/v1/${SYSTEM}/services/https:sb-broker:8443/proxy/v1/namespaces/default/sandboxes/sb-doctor/session`]:
    {
      token: 't',
      expiresAt: '2030-01-01T00:00:00Z',
      uid: 'u',
    },
});

/** As the API server says it to somebody who has no right to. */
export const forbidden = (verb: string, resource: string, group = ''): Answer => ({
  failure: 403,
  reason: 'Forbidden',
  message: `${resource} is forbidden: User "jane" cannot ${verb} resource "${resource}" in API group "${group}" at the cluster scope`,
});

interface Looks {
  /** What the API server has, by kind. */
  objects?: Record<string, readonly KubeObject[]>;
  /** What it answers to `raw`; undefined is 404. */
  raw?: (path: string) => unknown;
  /** Other parts of the client, and of the session. */
  kube?: Partial<KubeClient>;
  session?: Partial<Patient['session']>;
  patient?: Partial<Omit<Patient, 'session'>>;
}

/** What a check finds where jane looks at namespace `a` of a cluster with this in it. There is no installation unless `session` has one. */
export const resultsOf = (
  check: Check<Patient> | undefined,
  { objects = {}, raw = () => undefined, kube, session, patient }: Looks = {},
): Promise<Found[]> => {
  if (!check) throw new Error('there is no such check');
  const client = {
    get: async ({ kind }: { kind: string }, { name }: { name: string }) =>
      objects[kind]?.find(({ metadata }) => metadata.name === name),
    list: async ({ kind }: { kind: string }) => objects[kind] ?? [],
    raw: async (path: string) => {
      const answer = raw(path);
      if (answer === undefined) throw new ApiError({ status: 404, reason: 'NotFound', message: path });
      return answer;
    },
    ...kube,
  };
  return check.run({
    session: {
      kube: client,
      namespace: 'a',
      now: () => new Date(),
      client: () => Promise.reject(new Error('there is no installation')),
      ...session,
    } as Patient['session'],
    identity: async () => ({ user: 'jane', aheadMs: 0 }),
    env: {},
    writeProbe: false,
    aws: async () => undefined,
    ...patient,
  });
};
