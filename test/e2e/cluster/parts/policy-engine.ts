import { ensurePolicyEngineImage } from '../images/policy-engine-image.ts';
import type { Flavour } from '../images/flavour.ts';
import { kubectl } from '../machine/process.ts';

/** Name of its DaemonSet in kube-system, and of all that belongs to it. */
export const policyEngine = 'policy-engine';
const namespace = 'kube-system';
/** kube-router's own. */
const healthPort = 20_244;

/**
 * Has NetworkPolicies enforced: a cluster whose nodes were made here has a bridge for its Pods, which enforces nothing. Where kind's own node image
 * was pulled, its kindnet does.
 */
export async function ensurePolicyEngine(flavour: Flavour): Promise<void> {
  if (flavour === 'pulled') return;
  const image = await ensurePolicyEngineImage();
  const items = [...rights, daemonSet(image)];
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  await kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], { input });
  await kubectl(['-n', namespace, 'rollout', 'status', `daemonset/${policyEngine}`, '--timeout=120s']);
}

const rbac = 'rbac.authorization.k8s.io';
const watch = ['get', 'list', 'watch'];
const rights = [
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: policyEngine, namespace } },
  {
    apiVersion: `${rbac}/v1`,
    kind: 'ClusterRole',
    metadata: { name: policyEngine },
    rules: [
      { apiGroups: [''], resources: ['namespaces', 'pods', 'services', 'nodes', 'endpoints'], verbs: watch },
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: watch },
      { apiGroups: ['networking.k8s.io'], resources: ['networkpolicies'], verbs: watch },
    ],
  },
  {
    apiVersion: `${rbac}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name: policyEngine },
    roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: policyEngine },
    subjects: [{ kind: 'ServiceAccount', name: policyEngine, namespace }],
  },
];

// Packets between Pods of one node cross its bridge, and iptables sees them there only when it is told to.
const script = `set -e
sysctl -qw net.bridge.bridge-nf-call-iptables=1
exec kube-router --run-router=false --run-firewall=true --run-service-proxy=false --hostname-override="$NODE_NAME"
`;

function daemonSet(image: string): object {
  const labels = { app: policyEngine };
  const host = (name: string, path: string, type: string) => ({ name, hostPath: { path, type } });
  const container = {
    name: policyEngine,
    image,
    command: ['sh', '-c', script],
    env: [
      { name: 'NODE_NAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
      { name: 'KUBE_ROUTER_CNI_CONF_FILE', value: '/etc/cni/net.d/10-pods.conflist' },
    ],
    securityContext: { privileged: true },
    resources: { requests: { cpu: '10m', memory: '64Mi' } },
    readinessProbe: { httpGet: { path: '/healthz', port: healthPort }, periodSeconds: 1 },
    volumeMounts: [
      { name: 'cni', mountPath: '/etc/cni/net.d', readOnly: true },
      { name: 'lock', mountPath: '/run/xtables.lock' },
    ],
  };
  const spec = {
    hostNetwork: true,
    serviceAccountName: policyEngine,
    priorityClassName: 'system-node-critical',
    tolerations: [{ operator: 'Exists' }],
    containers: [container],
    volumes: [host('cni', '/etc/cni/net.d', 'Directory'), host('lock', '/run/xtables.lock', 'FileOrCreate')],
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: policyEngine, namespace, labels },
    spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
  };
}
