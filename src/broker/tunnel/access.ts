/** Who may have a tunnel, and where to. */
import { Lru } from '../../async/lru.ts';
import { present } from '../../crds/present.ts';
import { hostText, mayReach } from '../../wire/network.ts';
import type { PhaseNetwork } from '../../wire/network.ts';
import { authorityOf, targetOf, targetOfUrl } from '../../wire/tunnel.ts';
import type { TunnelPurpose, TunnelTarget } from '../../wire/tunnel.ts';
import type { ArtifactStore } from '../../providers/artifact-store/port.ts';
import { networkMadeWith } from '../../pods/made-with.ts';
import type { Subjects, TrialSubject } from '../identity/subjects.ts';
import type { PodIdentity } from '../identity/token.ts';
import { isRefused, refused } from '../refusal.ts';
import type { Refused } from '../refusal.ts';
import type { CompiledTask } from '../tasks.ts';

export interface Wanted {
  target: TunnelTarget;
  purpose: TunnelPurpose;
}

/** A tunnel that may be: to the store as the operator itself reaches it, to the agent's model, or into the world as the phase or the Sandbox may see it. */
export type Grant = { kind: 'store' } | { kind: 'model' } | { kind: 'world'; network: PhaseNetwork };

export interface AccessDeps {
  subjects: Pick<Subjects, 'trialOf' | 'sandboxOf'>;
  /** The Trial's task, compiled. */
  taskOf: (subject: TrialSubject) => Promise<CompiledTask | Refused>;
  store: Pick<ArtifactStore, 'origins'>;
}

type InPhase = TunnelPurpose & { kind: 'phase' };

/** Networks that are remembered: a Trial's spec and its task do not change, and a Pod may open tunnels by the dozen. */
const REMEMBERED = 4096;

/** Says whether a Pod may have what it wants. Rejects with `ApiError` or `ProviderError` where cluster or store do not answer. */
export function tunnelAccess({ subjects, taskOf, store }: AccessDeps) {
  const known = new Lru<PhaseNetwork>(REMEMBERED);
  const models = new Lru<ModelPlace>(REMEMBERED);

  const lookUp = async (subject: TrialSubject, { phase, step }: InPhase): Promise<PhaseNetwork | Refused> => {
    const task = await taskOf(subject);
    if (isRefused(task)) return task;
    const network = task.compiled.steps[step]?.networks[phase];
    return network ?? refused(400, 'BadRequest', `the task has no step ${step}; its steps count from 0`);
  };
  const networkFor = async (
    pod: PodIdentity,
    { subject, purpose }: { subject: TrialSubject; purpose: InPhase },
  ) => {
    const key = `${pod.podUid} ${purpose.phase} ${purpose.step}`;
    const network = known.get(key) ?? (await lookUp(subject, purpose));
    if (!isRefused(network)) known.set(key, network);
    return network;
  };

  const modelFor = async ({ podUid }: PodIdentity, subject: TrialSubject): Promise<ModelPlace | Refused> => {
    const remembered = models.get(podUid);
    if (remembered) return remembered;
    const task = await taskOf(subject);
    if (isRefused(task)) return task;
    const { endpoint } = task.compiled.steps[0].agent;
    const model: ModelPlace =
      endpoint?.access === 'Proxy' ? present({ target: targetOfUrl(endpoint.baseUrl) }) : {};
    models.set(podUid, model);
    return model;
  };

  const forSandbox = async (pod: PodIdentity, target: TunnelTarget): Promise<Grant | Refused> => {
    const subject = await subjects.sandboxOf(pod);
    if (isRefused(subject)) return subject;
    const network = networkMadeWith(subject.made);
    return problemOf(target, network, 'the Sandbox') ?? { kind: 'world', network };
  };

  return async (pod: PodIdentity, { target, purpose }: Wanted): Promise<Grant | Refused> => {
    if (purpose.kind === 'sandbox') return forSandbox(pod, target);
    const subject = await subjects.trialOf(pod);
    if (isRefused(subject)) return subject;
    if (purpose.kind === 'store') return problemOfStore(target, await store.origins()) ?? { kind: 'store' };
    if (purpose.kind === 'model') {
      const model = await modelFor(pod, subject);
      return isRefused(model) ? model : (problemOfModel(target, model) ?? { kind: 'model' });
    }
    const network = await networkFor(pod, { subject, purpose });
    if (isRefused(network)) return network;
    const where = `phase ${purpose.phase} of step ${purpose.step}`;
    return problemOf(target, network, where) ?? { kind: 'world', network };
  };
}

function problemOfStore(target: TunnelTarget, origins: string[]): Refused | undefined {
  const authority = authorityOf(target);
  const isOrigin = origins.some((origin) => {
    const plain = targetOf(origin);
    return plain !== undefined && authorityOf(plain) === authority;
  });
  if (isOrigin) return undefined;
  return refused(403, 'HostRefused', `${authority} is not the store, which is ${origins.join(', ')}`);
}

/** Where the agent's model is, if the courier calls it. */
interface ModelPlace {
  target?: TunnelTarget;
}

function problemOfModel(target: TunnelTarget, { target: model }: ModelPlace): Refused | undefined {
  const authority = authorityOf(target);
  if (!model)
    return refused(403, 'HostRefused', `${authority} is not allowed: the agent has no model behind a proxy`);
  if (authorityOf(model) === authority) return undefined;
  return refused(
    403,
    'HostRefused',
    `${authority} is not the model of the agent, which is at ${authorityOf(model)}`,
  );
}

/** A list may have hundreds of entries; the courier passes this on to whoever wonders. */
const SHOWN = 16;

/** `where`: whose network it is. */
function problemOf({ host }: TunnelTarget, network: PhaseNetwork, where: string): Refused | undefined {
  if (mayReach(network, hostText(host))) return undefined;
  if (network.mode === 'None')
    return refused(403, 'HostRefused', `${hostText(host)} is not allowed: ${where} has no network`);
  const [shown, left] = [network.hosts.slice(0, SHOWN).join(', '), network.hosts.length - SHOWN];
  const list = shown === '' ? 'empty' : shown + (left > 0 ? ` and ${left} more` : '');
  return refused(403, 'HostRefused', `${hostText(host)} is not allowed: the list of ${where} is ${list}`);
}
