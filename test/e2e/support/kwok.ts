/** Kubelets without machines: KWOK plays those of nodes that are marked for it, and in their Pods courier and task container. */
import { dump } from 'js-yaml';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LABEL } from '../../../src/crds/names.ts';
import { CONTAINERS } from '../../../src/wire/pod-paths.ts';
import { anOutcome } from '../../support/builders/objects.ts';
import { kubeconfig } from '../../support/cluster.ts';
import { startServer, type Running } from '../../support/programs.ts';
import { ensureTool, paths } from '../cluster/index.ts';

/** The annotation of nodes that it plays. */
export const PLAYED = { key: 'kwok.x-k8s.io/node', value: 'fake' } as const;

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

/** A node that says how large it is stays so. */
const nodeReady = `{{ $now := Now }}
phase: Running
addresses:
- type: Hostname
  address: {{ NodeName | Quote }}
{{ if not .status.allocatable }}
capacity: &room
  cpu: 1k
  memory: 1Ti
  ephemeral-storage: 1Pi
  pods: 1M
allocatable: *room
{{ end }}
conditions:
- type: Ready
  status: "True"
  reason: KubeletReady
  lastHeartbeatTime: {{ $now | Quote }}
  lastTransitionTime: {{ $now | Quote }}`;

/** All but the Pods of these Trials. */
const notOf = (held: readonly string[]) =>
  held.length === 0 ? [] : [{ key: `.metadata.labels["${LABEL.trial}"]`, operator: 'NotIn', values: held }];

const config = ({ startMs, runMs }: Times, held: readonly string[]): object[] => [
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
  podStage('pod-complete', 'Running', { ms: runMs, statusTemplate: complete, only: [ofJob, ...notOf(held)] }),
  stage('pod-delete', 'Pod', {
    selector: { matchExpressions: [{ ...kept, operator: 'Exists' }] },
    next: { delete: true },
  }),
];

/** Starts it. `held`: Trials whose Pods run until somebody deletes them. */
export async function startKwok(times: Times, held: readonly string[] = []): Promise<Running> {
  const program = await ensureTool('kwok', {
    module: join(paths.assets, 'go/kwok'),
    path: 'sigs.k8s.io/kwok/cmd/kwok',
  });
  return startServer(program, async (address, folder) => {
    const file = join(folder, 'kwok.yaml');
    const documents = config(times, held).map((document) => dump(document));
    await writeFile(file, documents.join('---\n'));
    const selector = `${PLAYED.key}=${PLAYED.value}`;
    const args = ['--kubeconfig', kubeconfig, '--config', file, '--server-address', address, '-v', 'WARN'];
    return {
      args: [...args, '--manage-all-nodes=false', '--manage-nodes-with-annotation-selector', selector],
    };
  });
}
