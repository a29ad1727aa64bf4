/** Fluent Bit: what Pods of Trials print goes to CloudWatch, each Trial's to the stream that the operator wrote on its Pods and links to. */
import { createHash } from 'node:crypto';
import { ANNOTATION } from '../../../crds/names.ts';
import type { ConfigMap, Namespace, Pod } from '../../../kube/kinds.ts';
import type { KubeObject } from '../../../kube/types.ts';
import type { Binding, Role } from '../../roles.ts';
import { POD_SECURITY } from '../../names.ts';
import { LOG_SHIPPER } from '../names.ts';
import type { LogValues } from './values.ts';

const { name, namespace } = LOG_SHIPPER;
const LABELS = { 'app.kubernetes.io/name': name } as const;
const CONFIG_FILE = 'fluent-bit.conf';
const CONFIG_FOLDER = '/fluent-bit/etc/sb';
/** Where it was in each file, kept on the node: a new Pod begins where the last one ended. */
const STATE_FOLDER = '/var/lib/sb-fluent-bit';
const LOG_FOLDER = '/var/log';
const PORT = 2020;

/** The stream of Pods that name none: only what is no Trial's. */
const OTHER = 'other-';

/** As its own files of settings are written: a section, and what it has. */
const section = (title: string, entries: Record<string, string>): string =>
  [`[${title}]`, ...Object.entries(entries).map(([key, value]) => `    ${key.padEnd(20)} ${value}`)].join(
    '\n',
  );

/** What Fluent Bit reads. A Trial's records are whole (no `log_key`): they say which container printed a line. */
export const shipperSettings = ({ namespaces, region, logGroup }: LogValues): string =>
  [
    section('SERVICE', { Flush: '1', HTTP_Server: 'On', HTTP_Listen: '0.0.0.0', HTTP_Port: String(PORT) }),
    ...namespaces.map((of) =>
      section('INPUT', {
        Name: 'tail',
        Path: `${LOG_FOLDER}/containers/*_${of}_*.log`,
        'multiline.parser': 'cri',
        Tag: 'kube.*',
        DB: `${STATE_FOLDER}/${of}.db`,
        Skip_Long_Lines: 'On',
        Mem_Buf_Limit: '64MB',
      }),
    ),
    section('FILTER', { Name: 'kubernetes', Match: 'kube.*', Annotations: 'On' }),
    section('OUTPUT', {
      Name: 'cloudwatch_logs',
      Match: 'kube.*',
      region,
      log_group_name: logGroup,
      log_stream_prefix: OTHER,
      log_stream_template: `$kubernetes['annotations']['${ANNOTATION.logStream}']`,
      // After one refusal, its default, it drops the lines.
      retry_limit: '10',
      auto_create_group: 'Off',
    }),
  ].join('\n\n') + '\n';

type PodSpec = NonNullable<Pod['spec']>;

interface DaemonSet extends KubeObject {
  spec: {
    selector: { matchLabels: Record<string, string> };
    updateStrategy: { rollingUpdate: { maxUnavailable: string } };
    template: {
      metadata: { labels: Record<string, string>; annotations: Record<string, string> };
      spec: PodSpec;
    };
  };
}

const RBAC = 'rbac.authorization.k8s.io';

/** On Pods that read settings as they start: with other settings they are other Pods. As Helm's charts call it. */
export const SETTINGS_CHECKSUM = 'checksum/config';
export const checksumOf = (settings: string): string =>
  createHash('sha256').update(settings).digest('hex').slice(0, 10);

/** `settingsHash`: of `shipperSettings`, so that Pods begin anew with new ones. */
export function logShipper(
  values: LogValues,
  settingsHash: string,
): Record<string, KubeObject | ConfigMap | Role | Binding> {
  const metadata = { name, namespace };
  const role: Role = {
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRole',
    metadata: { name: 'sb-fluent-bit' },
    rules: [{ apiGroups: [''], resources: ['namespaces', 'pods'], verbs: ['get', 'list', 'watch'] }],
  };
  const binding: Binding = {
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name: 'sb-fluent-bit' },
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: 'sb-fluent-bit' },
    subjects: [{ kind: 'ServiceAccount', name, namespace }],
  };
  return {
    namespace: logNamespace(),
    'service-account': { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    'cluster-role': role,
    'cluster-role-binding': binding,
    settings: {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata,
      data: { [CONFIG_FILE]: shipperSettings(values) },
    },
    'daemon-set': daemonSet(values.fluentBit, settingsHash),
  };
}

/** It reads files of the nodes, which Pods of other namespaces may not. */
const logNamespace = (): Namespace => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: namespace, labels: { [POD_SECURITY.enforce]: 'privileged' } },
});

const daemonSet = (image: string, settingsHash: string): DaemonSet => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { name, namespace, labels: { ...LABELS } },
  spec: {
    selector: { matchLabels: { ...LABELS } },
    updateStrategy: { rollingUpdate: { maxUnavailable: '10%' } },
    template: {
      metadata: { labels: { ...LABELS }, annotations: { [SETTINGS_CHECKSUM]: settingsHash } },
      spec: podSpec(image),
    },
  },
});

const podSpec = (image: string): PodSpec => ({
  serviceAccountName: name,
  enableServiceLinks: false,
  // On every node that runs a Trial, whatever it is kept free for.
  tolerations: [{ operator: 'Exists' }],
  priorityClassName: 'system-node-critical',
  terminationGracePeriodSeconds: 30,
  containers: [
    {
      name,
      image,
      args: ['--config', `${CONFIG_FOLDER}/${CONFIG_FILE}`],
      ports: [{ name: 'http', containerPort: PORT }],
      livenessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 30, failureThreshold: 5 },
      resources: {
        requests: { cpu: '50m', memory: '64Mi' },
        limits: { memory: '256Mi' },
      },
      securityContext: {
        // The kubelet's files are root's.
        runAsUser: 0,
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'], add: ['DAC_READ_SEARCH'] },
        seccompProfile: { type: 'RuntimeDefault' },
      },
      volumeMounts: [
        { name: 'settings', mountPath: CONFIG_FOLDER, readOnly: true },
        { name: 'logs', mountPath: LOG_FOLDER, readOnly: true },
        { name: 'state', mountPath: STATE_FOLDER },
      ],
    },
  ],
  volumes: [
    { name: 'settings', configMap: { name } },
    { name: 'logs', hostPath: { path: LOG_FOLDER, type: 'Directory' } },
    { name: 'state', hostPath: { path: STATE_FOLDER, type: 'DirectoryOrCreate' } },
  ],
});
