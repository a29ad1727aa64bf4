/** The broker as a courier meets it, through a port-forward to one replica. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { json } from 'node:stream/consumers';
import { BROKER_AUDIENCE } from '../../../src/crds/names.ts';
import { BROKER, OPERATOR } from '../../../src/installation/names.ts';
import { Secret, type Pod } from '../../../src/kube/kinds.ts';
import { kubectlOk } from '../../support/cluster.ts';
import { forwardTo } from '../../support/port-forward.ts';
import { world } from './world.ts';

export interface Answer {
  status: number;
  body: unknown;
}

/** A connection to one replica's broker. */
export interface Broker extends AsyncDisposable {
  ask(call: { token?: string; path: string; body?: object }): Promise<Answer>;
}

const CERTIFICATE = { namespace: OPERATOR.namespace, name: BROKER.certificate };

/** PEM of the CA that couriers trust: the one certificate of the Secret that signed itself. */
export async function brokerSecret(): Promise<Record<string, string>> {
  const secret = await world().kube.get(Secret, CERTIFICATE);
  const entries = Object.entries(secret?.data ?? {});
  return Object.fromEntries(
    entries.map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]),
  );
}

/** Forwards a port of this machine to a Pod of the operator. */
export async function brokerOf(pod: Pod): Promise<Broker> {
  const forward = await forwardTo(pod.metadata, BROKER.port);
  const ca = (await brokerSecret())['ca.crt'];
  return {
    ask: (call) => ask({ port: forward.port, ca }, call),
    [Symbol.asyncDispose]: () => forward[Symbol.asyncDispose](),
  };
}

async function ask(
  { port, ca }: { port: number; ca: string | undefined },
  { token, path, body }: { token?: string; path: string; body?: object },
): Promise<Answer> {
  const call = httpsRequest({
    port,
    path,
    ...(ca !== undefined && { ca }),
    host: '127.0.0.1',
    servername: `${BROKER.service}.${OPERATOR.namespace}.svc`,
    method: body ? 'POST' : 'GET',
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body && { 'content-type': 'application/json' }),
    },
  });
  call.end(body ? JSON.stringify(body) : undefined);
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, body: await json(response) };
}

/** A token of the Pod, as the kubelet would ask for it. */
export async function tokenOf({ metadata, spec }: Pod, audience = BROKER_AUDIENCE): Promise<string> {
  const { namespace = '', name, uid = '' } = metadata;
  const bound = ['--bound-object-kind=Pod', `--bound-object-name=${name}`, `--bound-object-uid=${uid}`];
  // The one that may have a token for the broker.
  const kubelet = [`--as=system:node:${spec?.nodeName}`, '--as-group=system:nodes'];
  const args = ['create', 'token', 'default', '-n', namespace, `--audience=${audience}`, ...bound];
  return (await kubectlOk([...args, ...(audience === BROKER_AUDIENCE ? kubelet : [])])).trim();
}
