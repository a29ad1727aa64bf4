/** A cluster and a store in memory, with a session on them. */
import { ApiServer } from '../api-server.ts';
import { after } from '../builders/objects.ts';
import { connectTo, fastClock } from '../kube.ts';
import { TaskBuild as TaskBuildKind, Trial as TrialKind } from '../../../src/crds/kinds.ts';
import type { TaskBuild } from '../../../src/crds/task-build.ts';
import type { Trial } from '../../../src/crds/trial.ts';
import { memoryArtifactStore } from '../../../src/providers/artifact-store/memory.ts';
import type { ArtifactStore } from '../../../src/providers/artifact-store/port.ts';
import type { Kind, KubeObject } from '../../../src/kube/types.ts';
import { CliError } from '../../../src/client/failures/error.ts';
import type { ClientConfig, Session } from '../../../src/client/session/types.ts';
import { ownVersion } from '../../../src/installation/version.ts';

export interface World {
  server: ApiServer;
  session: Session;
  store: ArtifactStore;
  /** Puts objects there as they are, with UID, times and status. */
  have(...objects: (Trial | TaskBuild)[]): void;
  haveOf<T extends KubeObject>(kind: Kind<T>, ...objects: T[]): void;
  /** Names of the Trials that are there. */
  trials(): Trial[];
  close(): Promise<void>;
}

const CONFIG: ClientConfig = {
  profile: 'local',
  bucket: 'memory',
  region: 'us-east-1',
  operatorVersion: ownVersion(),
  operatorNamespace: 'sb-system',
};

export async function world({ now = () => after(60) }: { now?: () => Date } = {}): Promise<World> {
  const server = await ApiServer.start();
  const kubeParts = connectTo(server, { clock: fastClock(10), fieldManager: 'sb' });
  const closing = new AbortController();
  const store = memoryArtifactStore();
  const haveOf: World['haveOf'] = (kind, ...objects) => {
    for (const object of objects) {
      const { namespace = '', name } = object.metadata;
      server.collection(kind).objects.set(`${namespace}/${name}`, object);
    }
  };
  return {
    server,
    store,
    session: {
      kube: kubeParts.client,
      kubeParts,
      namespace: 'default',
      context: 'test',
      client: async () => CONFIG,
      store: async () => store,
      now,
      env: {},
      closed: closing.signal,
      async close() {
        closing.abort(new Error('the session was closed'));
        await kubeParts.close();
      },
    },
    haveOf,
    have: (...objects) => {
      for (const object of objects)
        if (object.kind === 'Trial') haveOf(TrialKind, object as Trial);
        else haveOf(TaskBuildKind, object as TaskBuild);
    },
    trials: () => [...server.collection(TrialKind).objects.values()] as unknown as Trial[],
    async close() {
      await kubeParts.close();
      await server.close();
    },
  };
}

/** The failure that `sb` would print; fails where there is none. */
export async function failureOf(work: Promise<unknown>): Promise<CliError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof CliError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}
