/** The values of the chart, once: values.yaml, its schema, the table in its README and the operator's variables are made of this. */
import { Type } from 'typebox';
import { statefulSet } from '../../installation/stateful-set.ts';
import { OPERATOR } from '../../installation/names.ts';
import { METRICS_PEERS } from '../../installation/operator.ts';
import { DEFAULTS } from '../../installation/values.ts';
import {
  affinity,
  env,
  labels,
  peers,
  pullSecrets,
  resources,
  tolerations,
  topologySpread,
} from './kubernetes.ts';
import { agents, aws, builds, local, NAMESPACE, s3, trials } from './settings.ts';
import { Choice, Flag, Group, List, Matching, sets, StringMap, Text, type Value } from './shapes.ts';

const [REPOSITORY = '', TAG = ''] = DEFAULTS.image.split(':');

const image = Group(
  {
    registry: Text('Host before the repository, such as `registry.example.com:5000`.'),
    repository: Text('Of the operator’s image, which is the courier’s too.', REPOSITORY, { minLength: 1 }),
    tag: Text('Used only where there is no digest. The operator refuses to start without a digest.', TAG),
    digest: Matching('sha256:[0-9a-f]{64}', 'What the operator and every courier run: `sha256:…`.'),
    pullPolicy: Choice(['Always', 'IfNotPresent', 'Never'], 'Empty: Kubernetes’ default.'),
  },
  'The operator’s image.',
);

const annotations = (of: string): Value => StringMap(`Annotations of ${of}.`);
const broker = Group(
  {
    url: Matching(
      'https://[^\\s]+',
      'Where programs outside the cluster reach the broker, for Sandboxes. Clients are told.',
    ),
    loadBalancer: Group({
      enabled: Flag('A Service of type LoadBalancer that leads to the broker, TLS and all.'),
      annotations: annotations('the Service'),
      class: Text('Its `loadBalancerClass`.'),
      sourceRanges: List(Type.String({ minLength: 1 }), 'Addresses that may connect.'),
    }),
    ingress: Group({
      enabled: Flag(
        'An Ingress that leads to the broker. The controller has to speak HTTPS to it, which is mostly an annotation.',
      ),
      className: Text('Its `ingressClassName`.'),
      host: Matching('[a-z0-9]([a-z0-9.-]*[a-z0-9])?', 'Required for an Ingress.'),
      tlsSecret: Text('Secret with the certificate of that host.'),
      annotations: annotations('the Ingress'),
    }),
  },
  'Ways to the broker from outside the cluster. Off: `sb` goes through the API server.',
);

const monitor = (kind: string): Value =>
  Group({
    enabled: Flag(`A ${kind}; needs the Prometheus operator’s CRDs.`),
    labels: labels('Further labels, by which your Prometheus finds it.'),
    interval: Matching('([0-9]+(ms|[smh]))+', 'Empty: as the Prometheus says.'),
    scrapeTimeout: Matching('([0-9]+(ms|[smh]))+', 'Empty: as the Prometheus says.'),
  });

const monitoring = {
  podMonitor: monitor('PodMonitor'),
  serviceMonitor: monitor('ServiceMonitor, with a Service for it'),
  prometheusRule: Group({
    enabled: Flag('A PrometheusRule with the alerts; needs the Prometheus operator’s CRDs.'),
    labels: labels('Further labels, by which your Prometheus finds it.'),
  }),
  dashboards: Group({
    enabled: Flag('A ConfigMap with the dashboard, for Grafana’s sidecar.'),
    labels: Type.Unsafe({
      type: 'object',
      additionalProperties: { type: 'string' },
      description: 'By which the sidecar finds it.',
      default: { grafana_dashboard: '1' },
    }),
  }),
};

const scheduling = {
  resources: resources('Of the operator’s container.', DEFAULTS.resources),
  nodeSelector: StringMap('Nodes that the operator may run on.'),
  tolerations: tolerations('Taints that it tolerates.'),
  affinity: affinity(
    'Replicas avoid each other’s nodes, and none is placed while the Pod before it counts still, unless you say otherwise.',
    statefulSet({ ...DEFAULTS, version: '' }).spec?.template.spec?.affinity,
  ),
  topologySpreadConstraints: topologySpread(
    'Without a `labelSelector` a constraint is about the operator’s Pods.',
  ),
  priorityClassName: Text(
    `Empty: a PriorityClass \`${OPERATOR.name}\` of the chart, above everything except Kubernetes’ own.`,
  ),
  podDisruptionBudget: Group({
    enabled: Flag(
      'Keeps one replica; left out where there is but one, which could then never leave its node.',
      true,
    ),
  }),
};

/** The whole of values.yaml. */
export const VALUES: Value = Group({
  profile: sets(
    'SB_PROFILE',
    Choice(['local', 'aws'], 'What is behind storage, registry and builds.', DEFAULTS.settings['SB_PROFILE']),
  ),
  image,
  imagePullSecrets: pullSecrets('Secrets that the operator’s own Pods are pulled with.'),
  replicas: Type.Integer({
    minimum: 0,
    maximum: 10,
    default: DEFAULTS.replicas,
    description:
      'One leads, all serve the broker. More than two help only where many Trials restrict their network.',
  }),
  logLevel: sets('SB_LOG_LEVEL', Choice(['debug', 'info', 'warn', 'error'], 'Empty: info.')),
  s3,
  aws,
  local,
  builds,
  trials,
  agents,
  extraEnv: env('Further variables of the operator. They come before what other values say.'),
  ...scheduling,
  serviceAccount: Group({
    annotations: StringMap('For IRSA: `eks.amazonaws.com/role-arn`. EKS Pod Identity needs nothing here.'),
  }),
  commonLabels: labels('On every object of the chart.'),
  podLabels: labels('On the operator’s Pods.'),
  podAnnotations: StringMap('On the operator’s Pods.'),
  rbac: Group({
    namespaces: List(
      Type.String({ pattern: `^${NAMESPACE}$` }),
      'Where the operator may work. Empty: in all namespaces.',
    ),
    aggregate: Flag(
      'Anyone who may view or edit a namespace may do the same with its Trials, TaskBuilds and Sandboxes.',
    ),
  }),
  networkPolicy: Group({
    enabled: Flag(
      'Nothing reaches the operator but what connects to the broker, and what may read its metrics.',
      true,
    ),
    metricsFrom: peers('Who may read them: peers of a NetworkPolicy. Empty: nobody.', METRICS_PEERS),
  }),
  broker,
  ...monitoring,
  crds: Group({
    enabled: Flag('The chart brings and upgrades the CRDs.', true),
    keep: Flag('They, and with them all Trials, stay when the chart is uninstalled.', true),
  }),
  test: Group({
    namespace: Matching(
      NAMESPACE,
      'In which `helm test` has a Trial run: one that is there and open to Trials.',
      'default',
    ),
    image: Text('In which `helm test` has its Trial run: one with `sh`.', 'debian:bookworm-slim', {
      minLength: 1,
    }),
  }),
});
