/** The broker's CA in a ConfigMap, for clients: they trust the broker by it before they have said who they are. */
import { sleep, systemClock, type Clock } from '../../async/clock.ts';
import { isAlreadyExists, isConflict } from '../../kube/errors.ts';
import { ConfigMap } from '../../kube/kinds.ts';
import type { KubeClient, Log, ObjectKey } from '../../kube/types.ts';

/** `namespace` and `name` are the ConfigMap's. */
export interface Publication extends ObjectKey {
  kube: Pick<KubeClient, 'get' | 'create' | 'replace'>;
  /** PEM of the CA as it is now. */
  ca: () => string;
  log: Pick<Log, 'info' | 'warn'>;
}

const FIELD = 'ca.crt';
const POLL_MS = 10_000;

/**
 * Writes the CA at once, and every 10 s where it has changed or somebody else has written over it. All replicas do it, and write the same. Never
 * rejects: what runs without clients goes on without it.
 */
export async function keepPublished(
  publication: Publication,
  signal: AbortSignal,
  clock: Clock = systemClock,
): Promise<void> {
  const { log, name } = publication;
  while (!signal.aborted) {
    await publish(publication).catch((error: unknown) =>
      log.warn(
        { err: error },
        `broker: ConfigMap ${name} could not be kept; clients cannot trust the broker`,
      ),
    );
    await sleep(clock, POLL_MS, signal);
  }
}

async function publish({ kube, namespace, name, ca, log }: Publication): Promise<void> {
  const found = await kube.get(ConfigMap, { namespace, name });
  const data = { [FIELD]: ca() };
  if (found?.data?.[FIELD] === data[FIELD]) return;
  const metadata = found?.metadata ?? { name, namespace };
  const wanted: ConfigMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data };
  try {
    await (found ? kube.replace(ConfigMap, wanted) : kube.create(ConfigMap, wanted));
    log.info({ configMap: `${namespace}/${name}` }, 'broker: published its CA');
  } catch (error) {
    // Another replica did; the next look says whether it wrote the same.
    if (!isConflict(error) && !isAlreadyExists(error)) throw error;
  }
}
