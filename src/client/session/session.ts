import { OPERATOR, STORE_SECRET } from '../../installation/names.ts';
import { connect } from '../../kube/connect.ts';
import type { KubeClient, Log } from '../../kube/types.ts';
import type { ArtifactStore } from '../../providers/artifact-store/port.ts';
import { StoreClosed } from '../../providers/profiles/profile.ts';
import { openStore } from '../../providers/profiles/profiles.ts';
import { CliError } from '../failures/error.ts';
import { readClientConfig } from './client-config.ts';
import { readKubeconfig } from './kubeconfig.ts';
import { checkNamespaceName } from './namespace.ts';
import type { ClientConfig, Session, SessionOptions, Surroundings } from './types.ts';

/** Owner of the fields that `sb` applies. */
const FIELD_MANAGER = 'sb';

const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** A connection with the user's own credentials; nothing is sent before something is asked for. */
export function openSession(options: SessionOptions, io: Surroundings): Session {
  const kubeConfig = readKubeconfig(options, io);
  const kubeParts = connect({ kubeConfig, fieldManager: FIELD_MANAGER, log: silent });
  const kube = kubeParts.client;
  const context = kubeConfig.currentContext;
  const client = once(() => readClientConfig(kube));
  return {
    kube,
    kubeParts,
    context,
    namespace: checkNamespaceName(
      options.namespace ?? (kubeConfig.getContextObject(context)?.namespace || 'default'),
    ),
    client,
    store: once(async () => storeOf(await client(), { kube, env: io.env })),
    now: io.now,
    close: () => kubeParts.close(),
  };
}

/** Calls it at the first use; everybody gets the same promise. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}

/** Does something with a session and closes it. */
export async function withSession<T>(
  options: SessionOptions,
  io: Surroundings,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const session = openSession(options, io);
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

/** The installation's bucket with the user's own credentials, every call retried. Throws SB-E012 where there are none. */
async function storeOf(
  client: ClientConfig,
  { kube, env }: { kube: KubeClient; env: Surroundings['env'] },
): Promise<ArtifactStore> {
  const secret = { namespace: OPERATOR.namespace, name: STORE_SECRET };
  try {
    return await openStore(client, { kube, env, secret });
  } catch (error) {
    throw error instanceof StoreClosed ? new CliError('SB-E012', error) : error;
  }
}
