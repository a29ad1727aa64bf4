/** Pure: why the scheduler finds no node, in its own words and with what the nodes have. */
import type { Node } from '../../../kube/kinds.ts';
import { COURIER, mostFor } from '../doctor/room.ts';
import { amountOf } from '../../../crds/refusals.ts';
import { askedAmount, type Evidence, type Explained } from './evidence.ts';

interface Obstacle {
  pattern: RegExp;
  explain: (match: RegExpExecArray, evidence: Evidence) => Explained;
}

const requestOf = (evidence: Evidence, resource: string): string =>
  askedAmount(evidence, 'requests', resource) ?? askedAmount(evidence, 'limits', resource) ?? 'none';

/** How the resource is asked for. */
const OPTIONS: Record<string, string> = {
  cpu: '--cpus',
  memory: '--memory',
  'ephemeral-storage': '--storage',
};

const OBSTACLES: Obstacle[] = [
  {
    pattern: /Insufficient (cpu|memory|ephemeral-storage)/,
    explain: ([, resource = ''], evidence) => room(resource, evidence),
  },
  {
    pattern: /Insufficient (nvidia\.com\/gpu|[a-z0-9.-]+\/[a-z0-9.-]+)/,
    explain: ([, resource = ''], { trial }) => ({
      why: [`no node has ${resource} left; the Trial asks for ${trial.spec.environment.gpus ?? 'some'}`],
      next: [
        'add a node with a GPU, or wait for one',
        'kubectl get nodes -o custom-columns=NAME:.metadata.name,GPU:.status.allocatable.nvidia\\.com/gpu',
      ],
    }),
  },
  {
    pattern: /(?:Insufficient pods|Too many pods)/,
    explain: () => ({
      why: ['the nodes have reached their maximum number of Pods'],
      next: [
        'wait for Pods to end, or add a node',
        'kubectl get nodes -o custom-columns=NAME:.metadata.name,PODS:.status.allocatable.pods',
      ],
    }),
  },
  {
    pattern: /untolerated taint(?:\(s\))?(?: \{([^}]*)\})?/,
    explain: ([, taint], evidence) => tainted(taint, evidence),
  },
  {
    pattern: /didn't match Pod's node affinity\/selector/,
    explain: (_match, evidence) => ({
      why: labelsWanted(evidence),
      next: ['kubectl get nodes --show-labels    (then run the task with a selector that fits)'],
    }),
  },
  {
    pattern: /node\(s\) were unschedulable/,
    explain: () => ({
      why: ['nodes are cordoned: they take no new Pods'],
      next: ['kubectl get nodes    (then kubectl uncordon <node>, if that was not on purpose)'],
    }),
  },
  {
    pattern: /unbound immediate PersistentVolumeClaims|volume node affinity conflict/,
    explain: () => ({
      why: ['a volume of the Pod does not exist, or is on another node'],
      next: ['kubectl get pvc'],
    }),
  },
];

/** Every obstacle that the scheduler's message names; empty where it names none that is known. */
export function schedulingExplained(message: string, evidence: Evidence): Explained[] {
  const found = OBSTACLES.flatMap(({ pattern, explain }) => {
    const match = pattern.exec(message);
    return match ? [explain(match, evidence)] : [];
  });
  return /0\/0 nodes|no nodes available/i.test(message) ? [noNode, ...found] : found;
}

const noNode: Explained = {
  why: ['the cluster has no node at all'],
  next: ['kubectl get nodes    (with Karpenter or Auto Mode: kubectl get nodepools,nodeclaims)'],
};

function room(resource: string, evidence: Evidence): Explained {
  const wants = requestOf(evidence, resource);
  const largest = largestOf(evidence.nodes ?? [], resource);
  // The scheduler finds room for the whole Pod.
  const beside = COURIER[resource as 'cpu'];
  const never = largest !== undefined && amountOf(wants) + amountOf(beside) > amountOf(largest);
  const most = never ? mostFor(resource as 'cpu', amountOf(largest)) : undefined;
  const lower = `${most === undefined ? 'lower it' : `ask for ${most} at most`}: sb cloud run … ${OPTIONS[resource]} ${most ?? '<less>'}, or environment.resources.requests.${resource}`;
  return {
    why: [
      `no node has ${wants} of ${resource} free, and ${beside} for the courier beside it${largest === undefined ? '' : `; the largest node has ${largest} in all`}`,
      ...(never ? ['so no node of this size will ever hold it'] : []),
    ],
    next: never
      ? [lower, 'or add larger nodes']
      : [
          'it starts by itself as soon as others have ended, or the autoscaler has added a node',
          `kubectl describe nodes | grep -A8 "Allocated resources"`,
          lower,
        ],
  };
}

const STARTING = /node\.kubernetes\.io\/(not-ready|unreachable|network-unavailable)/;
const PRESSURE = /node\.kubernetes\.io\/(disk|memory|pid)-pressure/;

function tainted(taint: string | undefined, { nodes = [] }: Evidence): Explained {
  const known =
    taint ??
    nodes
      .flatMap(({ spec }) => spec?.taints ?? [])
      .map(({ key }) => key)
      .join(', ');
  const pressure = PRESSURE.exec(known)?.[1];
  if (pressure !== undefined)
    return {
      why: [`a node is short of ${pressure} and takes no Pods until that is over (${known})`],
      next: [
        'kubectl describe node    (DiskPressure: remove images and logs there, or give nodes larger disks)',
      ],
    };
  if (STARTING.test(known))
    return {
      why: [`a node is not ready (${known})`],
      next: [
        'kubectl get nodes    (one that has just started needs a minute; else kubectl describe node <node>)',
      ],
    };
  return {
    why: [`a taint keeps the Pod off a node: ${known || 'see kubectl describe nodes'}`],
    next: [
      'tolerate it: spec.scheduling.tolerations, or scheduling in the run file; or take it off: kubectl taint nodes <node> <key>-',
    ],
  };
}

function largestOf(nodes: readonly Node[], resource: string): string | undefined {
  const all = nodes.flatMap(({ status }) => status?.allocatable?.[resource] ?? []);
  return all.toSorted((a, b) => amountOf(b) - amountOf(a))[0];
}

/** What the Trial's selector wants, and the types of GPU that its task accepts. */
function labelsWanted(evidence: Evidence): string[] {
  const { nodeSelector } = evidence.trial.spec.scheduling ?? {};
  const gpus = gpuLabels(evidence);
  const ofSelector = `no node has the labels that spec.scheduling.nodeSelector wants: ${JSON.stringify(nodeSelector ?? {})}`;
  if (gpus.length === 0) return [ofSelector];
  const ofGpus = `no node has one of the GPUs that the task accepts: expected ${gpus.join('; or ')}`;
  return nodeSelector ? [ofSelector, ofGpus] : [ofGpus];
}

/** Labels of nodes that have one of the types of GPU, each type's as one text. */
function gpuLabels({ job }: Evidence): string[] {
  const affinity = job?.spec?.template.spec?.affinity?.nodeAffinity;
  const terms = affinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  return terms.map(({ matchExpressions = [] }) =>
    matchExpressions.map(({ key, values = [] }) => `${key}=${values.join('|')}`).join(', '),
  );
}
