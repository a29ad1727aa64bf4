/** What submitting does to the world outside; a dry run does less. */
import { isAlreadyExists } from '../../../kube/errors.ts';
import { Secret as SecretKind, type Secret } from '../../../kube/kinds.ts';
import { objectPath, queryString } from '../../../kube/http/paths.ts';
import type { Kind, KubeObject } from '../../../kube/types.ts';
import { createBudget } from '../../../async/in-parallel.ts';
import type { ArtifactStore } from '../../../providers/artifact-store/port.ts';
import type { SelectedTask } from '../select/select.ts';
import type { RunPlan } from '../plan/types.ts';
import type { Session } from '../../session/types.ts';
import { uploadTask, type Upload } from './upload.ts';

export interface Effects {
  upload(task: SelectedTask): Promise<Upload>;
  secret(secret: Secret): Promise<void>;
  apply(kind: Kind<KubeObject>, object: KubeObject): Promise<void>;
}

export type SubmitSession = Pick<Session, 'kube' | 'kubeParts' | 'namespace' | 'store'>;

/** Bytes of tasks that may be in memory at once. */
const MEMORY = 64 * 2 ** 20;
/** Archives made at once. */
const PACKING = 2;

/** Tasks that are packed and stored at once. */
export const UPLOADS = 16;

/** Stores tasks, within bounds that all of them share. */
export function uploading(store: ArtifactStore, dataset: string): Effects['upload'] {
  const options = { store, dataset, memory: createBudget(MEMORY), packing: createBudget(PACKING) };
  return (task) => uploadTask(task, options);
}

/** Stores tasks and applies objects. */
export async function realEffects({ kube, store: open }: SubmitSession, plan: RunPlan): Promise<Effects> {
  const store = await open();
  if (store.bucket !== plan.bucket)
    throw new TypeError(`the plan is for bucket ${plan.bucket}, the store is ${store.bucket}`);
  return {
    upload: uploading(store, plan.dataset),
    async secret(secret) {
      try {
        await kube.create(SecretKind, secret);
      } catch (error) {
        if (!isAlreadyExists(error)) throw error;
        // An earlier command of the same run may have put keys there that its Trials still need.
        const { namespace = '', name } = secret.metadata;
        await kube.patch(SecretKind, { namespace, name }, { data: secret.data });
      }
    },
    async apply(kind, object) {
      await kube.apply(kind, object);
    },
  };
}

/** Asks the API server what it would say; nothing is stored anywhere. */
export function dryEffects({ kubeParts: { transport } }: SubmitSession): Effects {
  const apply = async (kind: Kind<KubeObject>, object: KubeObject): Promise<void> => {
    const { namespace = '', name } = object.metadata;
    const query = queryString({ fieldManager: 'sb', force: true, dryRun: 'All' });
    await transport.send({
      method: 'PATCH',
      path: objectPath(kind, { namespace, name }) + query,
      contentType: 'application/apply-patch+yaml',
      body: JSON.stringify(object),
    });
  };
  return {
    upload: () => Promise.resolve({ result: 'present', bytes: 0 }),
    secret: (secret) => apply(SecretKind, secret),
    apply,
  };
}
