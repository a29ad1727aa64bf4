/** Nodes without machines: KWOK plays their kubelets, and in their Pods courier and task container. */
import { dump } from 'js-yaml';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CONTAINERS } from '../../src/wire/pod-paths.ts';
import { anOutcome } from '../../test/support/builders/objects.ts';
import { kubeconfig, kubectlOk } from '../../test/support/cluster.ts';
import { startServer } from '../../test/support/programs.ts';
import { ensureProgram } from './programs.ts';

const NODES = 5;
const PLAYED = { key: 'kwok.x-k8s.io/node', value: 'fake' };

/** Sends Pods to these nodes, which nobody else's Pods come to. */
export const PLACING = {
  nodeSelector: { [PLAYED.key]: PLAYED.value },
  tolerations: [{ key: PLAYED.key, operator: 'Equal', value: PLAYED.value, effect: 'NoSchedule' }],
};

export interface Times {
  /** From a Pod that has a node to its containers. */
  startMs: number;
  /** From there to the courier's last word. */
  runMs: number;
}

const kept = { key: '.metadata.deletionTimestamp', operator: 'DoesNotExist' };
const inPhase = (phase: string) => ({ key: '.status.phase', operator: 'In', values: [phase] });

const stage = (name: string, kind: 'Node' | 'Pod', spec: object) => ({
  apiVersion: 'kwok.x-k8s.io/v1alpha1',
  kind: 'Stage',
  metadata: { name },
  spec: { resourceRef: { apiGroup: 'v1', kind }, ...spec },
});

/** Those of DaemonSets, which come to every node, run for ever. */
const ofJob = { key: '.metadata.ownerReferences.[].kind', operator: 'In', values: ['Job'] };

const podStage = (
  name: string,
  phase: string,
  next: { ms: number; statusTemplate: string; only?: object[] },
) =>
  stage(name, 'Pod', {
    selector: { matchExpressions: [kept, inPhase(phase), ...(next.only ?? [])] },
    delay: { durationMilliseconds: next.ms },
    next: { statusTemplate: next.statusTemplate },
  });

/** Of every container in `list`; `state` is YAML of its own lines. */
const statuses = (list: 'initContainers' | 'containers', ready: boolean, state: string): string =>
  `${list === 'containers' ? 'containerStatuses' : 'initContainerStatuses'}:
{{ range .spec.${list} }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  imageID: ""
  ready: ${ready}
  started: ${ready}
  restartCount: 0
  state:
${state}
{{ end }}`;

const RUNNING = `    running:
      startedAt: {{ $now | Quote }}`;

const ended = (more = ''): string => `    terminated:
      exitCode: 0
      reason: Completed
      startedAt: {{ $now | Quote }}
      finishedAt: {{ $now | Quote }}${more}`;

const running = `{{ $now := Now }}
phase: Running
startTime: {{ $now | Quote }}
conditions:
{{ range $type := (list "Initialized" "Ready" "ContainersReady") }}
- type: {{ $type }}
  status: "True"
  lastTransitionTime: {{ $now | Quote }}
{{ end }}
${statuses('initContainers', true, RUNNING)}
${statuses('containers', true, RUNNING)}`;

/** All that such a Pod has are a courier, which says this at its end, and the container of the task. */
const complete = `{{ $now := Now }}
phase: Succeeded
${statuses(
  'initContainers',
  false,
  ended(`
      {{ if eq .name "${CONTAINERS.courier}" }}
      message: ${JSON.stringify(JSON.stringify(anOutcome()))}
      {{ end }}`),
)}
${statuses('containers', false, ended())}`;

const READY = { type: 'Ready', status: 'True' };
const nodeReady = `{{ $now := Now }}
phase: Running
addresses:
- type: Hostname
  address: {{ NodeName | Quote }}
capacity: &room
  cpu: 1k
  memory: 1Ti
  ephemeral-storage: 1Pi
  pods: 1M
allocatable: *room
conditions:
- type: ${READY.type}
  status: "${READY.status}"
  reason: KubeletReady
  lastHeartbeatTime: {{ $now | Quote }}
  lastTransitionTime: {{ $now | Quote }}`;

const config = ({ startMs, runMs }: Times): object[] => [
  {
    apiVersion: 'config.kwok.x-k8s.io/v1alpha1',
    kind: 'KwokConfiguration',
    // Where there is a file, nothing that it does not name has its default.
    options: {
      cidr: '10.0.0.0/24',
      nodePlayStageParallelism: 4,
      podPlayStageParallelism: 16,
      podsOnNodeSyncParallelism: 16,
      enablePodsOnNodeSyncStreamWatch: true,
      nodeLeaseParallelism: 4,
      nodeLeaseDurationSeconds: 40,
    },
  },
  stage('node-ready', 'Node', {
    selector: {
      matchExpressions: [
        {
          key: '.status.conditions.[] | select( .type == "Ready" ) | .status',
          operator: 'NotIn',
          values: ['True'],
        },
      ],
    },
    next: { statusTemplate: nodeReady },
  }),
  podStage('pod-running', 'Pending', { ms: startMs, statusTemplate: running }),
  podStage('pod-complete', 'Running', { ms: runMs, statusTemplate: complete, only: [ofJob] }),
  stage('pod-delete', 'Pod', {
    selector: { matchExpressions: [{ ...kept, operator: 'Exists' }] },
    next: { delete: true },
  }),
];

const names = Array.from({ length: NODES }, (_, index) => `bench-${index}`);
const items = names.map((name) => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: {
    name,
    annotations: { [PLAYED.key]: PLAYED.value },
    labels: { [PLAYED.key]: PLAYED.value, 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux' },
  },
  spec: { taints: [{ key: PLAYED.key, value: PLAYED.value, effect: 'NoSchedule' }] },
}));

/** Makes the nodes and waits until they are Ready. Disposed of, they are gone. */
export async function startNodes(times: Times): Promise<AsyncDisposable> {
  const program = await ensureProgram('kwok');
  const kwok = await startServer(program, async (address, folder) => {
    const file = join(folder, 'kwok.yaml');
    await writeFile(
      file,
      config(times)
        .map((document) => dump(document))
        .join('---\n'),
    );
    const selector = `${PLAYED.key}=${PLAYED.value}`;
    const args = ['--kubeconfig', kubeconfig, '--config', file, '--server-address', address, '-v', 'WARN'];
    return {
      args: [...args, '--manage-all-nodes=false', '--manage-nodes-with-annotation-selector', selector],
    };
  });
  const stop = async (): Promise<void> => {
    await kubectlOk(['delete', 'node', '--ignore-not-found', ...names]);
    await kwok.stop();
  };
  try {
    await kubectlOk(['apply', '-f', '-'], { apiVersion: 'v1', kind: 'List', items });
    await kubectlOk([
      'wait',
      '--for=condition=Ready',
      '--timeout=60s',
      ...names.map((name) => `node/${name}`),
    ]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { [Symbol.asyncDispose]: stop };
}
