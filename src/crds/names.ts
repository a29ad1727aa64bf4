/** Names that outsiders see: the API group, labels, annotations, and how child objects are called. */
import { createHash } from 'node:crypto';

export const GROUP = 'sb.abundant.ai';
export const VERSION = 'v1alpha1';
export const API_VERSION = `${GROUP}/${VERSION}`;

/** Every label and annotation of ours starts with this; user keys under it are never copied. */
export const PREFIX = `${GROUP}/`;

export const LABEL = {
  /** Name of the Trial that a Job or Pod runs. */
  trial: `${PREFIX}trial`,
  /** Name of the TaskBuild that a Job or Pod builds. */
  taskBuild: `${PREFIX}task-build`,
  /** Name of the Sandbox that a Job or Pod was made for, a pool among them; once a Sandbox takes a Job from a pool, its name is on the Job. */
  sandbox: `${PREFIX}sandbox`,
  /** On what was made for a pool: the name of the pool, also after a Sandbox has taken it. */
  pool: `${PREFIX}pool`,
  /** Attempt number, starting with 1. */
  attempt: `${PREFIX}attempt`,
  /** The run ("job id") that a Trial belongs to. */
  run: `${PREFIX}run`,
  /** The agent whose program a TaskBuild makes, and the namespace whose Trial asked for a version that is not the operator's choice. */
  agent: `${PREFIX}agent`,
  askedBy: `${PREFIX}asked-by`,
  /** On the Pod of a Trial: which of the namespace's network policies is its own. */
  network: `${PREFIX}network`,
} as const;

/** Where the programs of agents are built, for Trials of all namespaces: no tenant has a right in it. */
export const AGENTS_NAMESPACE = 'sb-agents';
/** Prefix in the bucket of what they are built of, which the operator writes. Tasks lie deeper. */
export const AGENT_CONTEXTS = 'tasks/_agents/';

/** Values of the label `network`: what a Pod may reach directly. `public`: the internet · `restricted`: the broker alone. */
export const NETWORKS = ['public', 'restricted'] as const;
export type PodNetwork = (typeof NETWORKS)[number];

/** Name of the NetworkPolicy of the Pods with that label, in every namespace with Trials or Sandboxes. */
export const networkPolicyName = (network: PodNetwork): string => `sb-trials-${network}`;

/** The NetworkPolicies that let the broker connect to the Pods of Sandboxes, in every namespace with Sandboxes, and to those of Trials. */
export const ENTRY_POLICIES = { sandboxes: 'sb-sandboxes', trials: 'sb-trials-entry' } as const;

/** Names of all NetworkPolicies of the operator. */
export const NETWORK_POLICIES: readonly string[] = [
  ...NETWORKS.map(networkPolicyName),
  ...Object.values(ENTRY_POLICIES),
];

export const ANNOTATION = {
  /** On a Sandbox: random, by which whoever has created it knows it again where the answer was lost. */
  creation: `${PREFIX}creation`,
  /** Full name of the Trial or TaskBuild, on its Pods; a label may be too short for it. */
  trialName: `${PREFIX}trial-name`,
  taskBuildName: `${PREFIX}task-build-name`,
  /** `filesHash` of the task's ConfigMap when the attempt began, on the Job. */
  taskContent: `${PREFIX}task-content`,
  /** Name of the log stream that is a Trial's own, on its Pod, for whoever ships the log. */
  logStream: `${PREFIX}log-stream`,
  /** The image's `ImageConfig` as JSON, on the Pod of a Trial or a Sandbox, for its courier. */
  imageConfig: `${PREFIX}image-config`,
  /** What a Sandbox's Pod was made with, on it: see `MadeWith`. */
  madeWith: `${PREFIX}made-with`,
  /** The Trial that is judged again, on the Pod of a regrade: `Regraded` as JSON. */
  regraded: `${PREFIX}regraded`,
  /** Images of separate verifiers and services, on a Trial's Pod: see `VerifierImages`. */
  verifierImages: `${PREFIX}verifier-images`,
  /** On the ledger of budgets: when a bill was asked for last. */
  billAsked: `${PREFIX}bill-asked`,
  /** On the operator's lease that is given away: how far the leader's caches were. */
  handedOver: `${PREFIX}handed-over`,
} as const;

/** ConfigMap in the operator's namespace: what namespaces with a budget have spent. */
export const LEDGER = 'sb-budgets';

/** Audience of the projected token that a courier shows to the broker. */
export const BROKER_AUDIENCE = 'sb-broker';

/** A Kubernetes label value or DNS-1123 label holds at most this many characters. */
const LABEL_MAX = 63;

/** `sha256` of a text or of bytes, in hex. */
export const sha256 = (content: string | Uint8Array): string =>
  createHash('sha256').update(content).digest('hex');

/** `name` when it fits, else its beginning and a hash of the whole, so that two long names stay two. */
export function bounded(name: string, max = LABEL_MAX): string {
  return name.length <= max
    ? name
    : `${name.slice(0, max - 9).replace(/[^a-z0-9]+$/i, '')}-${sha256(name).slice(0, 8)}`;
}

/** Name of the Job of one attempt: `<trial>-<attempt>`. A Job's pods append six characters, so it stays under 57. */
export const jobName = (trial: string, attempt: number): string => `${bounded(trial, 52)}-${attempt}`;

/** Name of the Job of one attempt of a Sandbox, or of one Pod of a pool: `<sandbox>-s<n>`, which no Trial's Job ends in. */
export const sandboxJobName = (sandbox: string, number: number): string =>
  `${bounded(sandbox, 51)}-s${number}`;

/** How the PersistentVolumeClaims of Sandboxes begin: admission lets nobody but the operator make one of such a name. */
export const CLAIM_PREFIX = 'sb-sandbox-';

/** Name of the PersistentVolumeClaim of a Sandbox's volume: `sb-sandbox-<sandbox>-<volume>`. */
export const claimName = (sandbox: string, volume: string): string =>
  `${CLAIM_PREFIX}${bounded(sandbox, 200)}-${volume}`;

/**
 * Harbor's trial name: the object's name, two underscores, seven characters, here of the object's UID: a Trial deleted and
 * created again under its name, or one of another namespace, never writes over another's results.
 */
export const trialName = ({ name, uid }: { name: string; uid: string }): string =>
  `${name.slice(0, 80)}__${uid.replaceAll('-', '').slice(0, 7)}`;

/** The run that a Trial without `spec.run` belongs to; Harbor's word for tasks started one by one. */
export const ADHOC_RUN = 'adhoc';

/** What identifies a stored object; the API server always fills these in. */
export function identityOf({ metadata }: { metadata: { name: string; namespace?: string; uid?: string } }) {
  const { namespace = '', name, uid = '' } = metadata;
  return { namespace, name, uid };
}
