/** What is changed of a Sandbox that is there: one patch each. */
import { Sandbox as SandboxKind } from '../../../crds/kinds.ts';
import type { Sandbox } from '../../../crds/sandbox.ts';
import { timestamp } from '../../../crds/conditions.ts';
import { isNotFound } from '../../../kube/errors.ts';
import type { Session } from '../../session/types.ts';
import { SandboxNotFound } from '../errors.ts';

/** Rejects with SandboxNotFound, or with what the API server refuses. */
export async function getSandbox({ kube, namespace }: Session, name: string): Promise<Sandbox> {
  const found = await kube.get(SandboxKind, { namespace, name });
  if (!found) throw new SandboxNotFound(name);
  return found;
}

export const listSandboxes = ({ kube, namespace }: Session): Promise<Sandbox[]> =>
  kube.list(SandboxKind, { namespace });

/** Ends its Pod and keeps its volumes. What else was in the container is lost. */
export const suspendSandbox = (session: Session, name: string): Promise<Sandbox> =>
  patch(session, name, { operatingMode: 'Suspended' });

/** Makes a Pod for it again, with the volumes that it had. */
export const resumeSandbox = (session: Session, name: string): Promise<Sandbox> =>
  patch(session, name, { operatingMode: 'Running' });

/** Until when it may live, or for how long without being used. */
export type Extension =
  /** From now. */
  { forMs: number } | { until: Date } | { idleTimeoutSeconds: number | null };

/** Moves its end. Only what is given is changed; a limit of `ttlSeconds` that would come before goes away. */
export async function extendSandbox(session: Session, name: string, extension: Extension): Promise<Sandbox> {
  if ('idleTimeoutSeconds' in extension)
    return patch(session, name, { idleTimeoutSeconds: extension.idleTimeoutSeconds });
  const end = 'until' in extension ? extension.until : new Date(session.now().getTime() + extension.forMs);
  // The earliest limit counts, and so there must be no other.
  return patch(session, name, { deadline: timestamp(end), ttlSeconds: null });
}

/** Deletes it with its volumes; false where it is not there. */
export const removeSandbox = ({ kube, namespace }: Session, name: string): Promise<boolean> =>
  kube.delete(SandboxKind, { namespace, name });

async function patch({ kube, namespace }: Session, name: string, spec: object): Promise<Sandbox> {
  return kube.patch(SandboxKind, { namespace, name }, { spec }).catch((error: unknown) => {
    throw isNotFound(error) ? new SandboxNotFound(name) : error;
  });
}
