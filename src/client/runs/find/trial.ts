import { Trial as TrialKind } from '../../../crds/kinds.ts';
import { identityOf, trialName } from '../../../crds/names.ts';
import type { Trial } from '../../../crds/trial.ts';
import { listAll } from '../../../kube/cache/list.ts';
import { trialRows } from '../follow/follow.ts';
import { LATEST, pick, type Named } from './pick.ts';
import type { Session } from '../../session/types.ts';

type Reader = Pick<Session, 'kube' | 'kubeParts' | 'namespace'>;

/** What Kubernetes takes as a name. */
const OBJECT_NAME = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/;

/**
 * The Trial that is meant: by its name, by Harbor's name of it (`hello__1a2b3c4`, as its folder is called), by the unique beginning of one,
 * or as `@latest`. Throws SB-E090 where there is none, SB-E091 where several begin so. A full name costs one request.
 */
export async function resolveTrial(reader: Reader, wanted: string): Promise<Trial> {
  const { kube, namespace } = reader;
  const found = OBJECT_NAME.test(wanted) ? await kube.get(TrialKind, { namespace, name: wanted }) : undefined;
  if (found) return found;
  const isPrefix = wanted !== LATEST && !wanted.includes(FOLDER);
  const all = await (isPrefix ? namesAlone(reader) : trialNames(reader));
  const { key } = pick(byName(all, wanted), { name: wanted, kind: 'trial', namespace });
  const trial = await kube.get(TrialKind, { namespace, name: key });
  return trial ?? pick([], { name: wanted, kind: 'trial', namespace });
}

interface NamedTrial extends Named {
  /** Name of the object. */
  key: string;
  folder: string;
}

/** In names of folders, and in no object's name. */
const FOLDER = '__';

const byName = (all: NamedTrial[], wanted: string): NamedTrial[] =>
  wanted !== LATEST && wanted.includes(FOLDER) ? all.map((one) => ({ ...one, name: one.folder })) : all;

/** A tenth of what reading all Trials takes. */
async function namesAlone({ kubeParts: { transport }, namespace }: Reader): Promise<NamedTrial[]> {
  const names = (await trialRows({ transport, namespace })).map(({ Name }) => String(Name));
  return names.map((name) => ({ name, key: name, folder: '', createdAt: 0 }));
}

async function trialNames({ kubeParts, namespace }: Reader): Promise<NamedTrial[]> {
  let all: NamedTrial[] = [];
  await listAll<Trial>({
    transport: kubeParts.transport,
    resource: TrialKind,
    options: { namespace },
    onStart: () => (all = []),
    onObject: ({ metadata }) => {
      const { name, creationTimestamp = '' } = metadata;
      const folder = trialName(identityOf({ metadata }));
      all.push({ name, key: name, folder, createdAt: Date.parse(creationTimestamp) || 0 });
    },
  });
  return all;
}
