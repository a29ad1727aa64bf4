/** The creation of a Sandbox, which may have happened before its answer was lost. */
import { Sandbox as SandboxKind } from '../../../crds/kinds.ts';
import { ANNOTATION } from '../../../crds/names.ts';
import type { Sandbox } from '../../../crds/sandbox.ts';
import { isAlreadyExists } from '../../../kube/errors.ts';
import type { Session } from '../../session/types.ts';
import { SandboxExists } from '../errors.ts';

/** Is content with the one that an earlier call has made of the same manifest. Rejects with SandboxExists where another has its name. */
export async function createOnce({ kube, namespace }: Session, manifest: Sandbox): Promise<void> {
  try {
    await kube.create(SandboxKind, manifest);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    const { name } = manifest.metadata;
    const found = await kube.get(SandboxKind, { namespace, name });
    const [its, ours] = [found, manifest].map((one) => one?.metadata.annotations?.[ANNOTATION.creation]);
    if (its !== ours) throw new SandboxExists(name);
  }
}
