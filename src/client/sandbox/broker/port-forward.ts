/** A connection to a Pod of the operator through the API server, as `kubectl port-forward` makes it. */
import { PortForward, type KubeConfig } from '@kubernetes/client-node';
import { Duplex, PassThrough, Writable } from 'node:stream';
import { BROKER, OPERATOR, OPERATOR_SELECTOR } from '../../../installation/names.ts';
import { Pod } from '../../../kube/kinds.ts';
import type { KubeClient } from '../../../kube/types.ts';

/** Opens one to a Pod that is ready, of the operator in `namespace`. Rejects where there is none, or the API server refuses. */
export async function forwardToBroker(
  { kube, kubeConfig }: { kube: KubeClient; kubeConfig: KubeConfig },
  namespace: string,
): Promise<Duplex> {
  const pods = await kube.list(Pod, { namespace, labelSelector: OPERATOR_SELECTOR });
  const ready = pods.filter(isReady);
  const pod = ready[Math.floor(Math.random() * ready.length)];
  if (!pod) throw new Error(`no Pod of ${OPERATOR.name} is ready in ${namespace}`);
  const toPod = new PassThrough();
  const forwarded = new Duplex({
    read: () => {},
    write: (chunk: Buffer, _encoding, done) => void toPod.write(chunk, () => done()),
    final: (done) => void toPod.end(done),
  });
  // It may fail before whoever asked for it looks; `errored` tells them.
  forwarded.on('error', () => {});
  const intoReadable = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      forwarded.push(chunk);
      done();
    },
  });
  const failed = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      if (chunk.length > 0) forwarded.destroy(new Error(`port-forward: ${chunk.toString().slice(0, 300)}`));
      done();
    },
  });
  const forward = new PortForward(kubeConfig);
  const socket = await forward.portForward(
    namespace,
    pod.metadata.name,
    [BROKER.port],
    intoReadable,
    failed,
    toPod,
  );
  if (typeof socket === 'function') throw new Error('the port-forward has no connection');
  socket.addEventListener('close', () => forwarded.destroy());
  socket.addEventListener('error', (event) => forwarded.destroy(event.error as Error));
  forwarded.once('close', () => socket.close());
  return forwarded;
}

const isReady = ({ metadata, status }: Pod): boolean =>
  metadata.deletionTimestamp === undefined &&
  (status?.conditions ?? []).some(({ type, status: is }) => type === 'Ready' && is === 'True');
