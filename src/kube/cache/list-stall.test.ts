import { KubeConfig } from '@kubernetes/client-node';
import { expect } from 'chai';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { recordingLog } from '../../../test/support/kube.ts';
import { connect } from '../connect.ts';
import { Pod } from '../kinds.ts';
import { ObjectCache } from './cache.ts';
import { Reflector } from './reflector.ts';

const PODS = 10_000;
const PAGE = 500;
/** Far more than are read in the time that one task may keep the event loop. */
const LIMIT = 2000;

/** About 2.6 kB, as a real pod. */
function pod(name: string): Pod {
  const env = Array.from({ length: 24 }, (_, i) => ({ name: `VARIABLE_${i}`, value: 'x'.repeat(50) }));
  const metadata = { namespace: 'default', name, uid: `uid-${name}`, resourceVersion: '7' };
  const spec = { nodeName: 'n1', containers: [{ name: 'main', image: 'image', env }] };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec };
}

const pods = (from: number, to: number): Pod[] =>
  Array.from({ length: to - from }, (_, i) => pod(`p${from + i}`));

/** The answers as bytes made beforehand, so that only the client's work is measured. */
function cannedAnswers() {
  const line = (type: string, object: object): string => `${JSON.stringify({ type, object })}\n`;
  const annotations = { 'k8s.io/initial-events-end': 'true' };
  const end = line('BOOKMARK', { kind: 'Pod', metadata: { resourceVersion: '7', annotations } });
  const stream = Buffer.from(
    pods(0, PODS)
      .map((object) => line('ADDED', object))
      .join('') + end,
  );
  const pages = Array.from({ length: PODS / PAGE }, (_, page) => {
    const next = (page + 1) * PAGE;
    const metadata = { resourceVersion: '7', ...(next < PODS && { continue: String(page + 1) }) };
    return Buffer.from(JSON.stringify({ kind: 'PodList', metadata, items: pods(page * PAGE, next) }));
  });
  return { stream, pages };
}

/** The most objects that came into `cache` in one turn of the event loop: how fast or busy the machine is has no say in it. */
function watchTurns(cache: ObjectCache<Pod>): () => number {
  let [before, most] = [0, 0];
  let watching = true;
  const turn = (): void => {
    const now = cache.list().length;
    most = Math.max(most, now - before);
    before = now;
    if (watching) setImmediate(turn);
  };
  setImmediate(turn);
  return () => {
    watching = false;
    turn();
    return most;
  };
}

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

describe('listing 10,000 pods', () => {
  const { stream, pages } = cannedAnswers();
  let server: Server;

  const serve = async (
    answer: (query: URLSearchParams, response: ServerResponse) => void,
  ): Promise<KubeConfig> => {
    server = createServer((request, response) =>
      answer(new URL(request.url ?? '', 'http://server').searchParams, response),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const config = new KubeConfig();
    const cluster = { name: 'test', server: `http://127.0.0.1:${port}`, skipTLSVerify: true };
    config.loadFromClusterAndUser(cluster, { name: 'test' });
    return config;
  };

  const takesManyTurns = async (kubeConfig: KubeConfig): Promise<void> => {
    const kube = connect({ kubeConfig, log: recordingLog() });
    const stop = new AbortController();
    const cache = new ObjectCache(Pod);
    cache.addIndex('node', ({ spec }) => (spec?.nodeName === undefined ? [] : [spec.nodeName]));
    const most = watchTurns(cache);
    const done = new Reflector({ ...kube, resource: Pod, scope: {}, cache }).run(stop.signal);
    await cache.whenSynced();
    expect(most()).to.be.at.most(LIMIT);
    expect(cache.by('node', 'n1')).to.have.length(PODS);
    stop.abort();
    await done;
    await kube.close();
  };

  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  it('as a stream takes many turns of the event loop (regression: one of 454 ms)', async () => {
    const config = await serve((_, response) => {
      Readable.from(pieces(stream)).pipe(response, { end: false });
    });
    await takesManyTurns(config);
  });

  it('in pages takes many turns of the event loop (regression: one of 454 ms)', async () => {
    const config = await serve((query, response) => {
      if (query.has('sendInitialEvents')) response.writeHead(422).end('{}');
      else if (query.has('watch')) response.flushHeaders();
      else response.end(pages[Number(query.get('continue') ?? 0)]);
    });
    await takesManyTurns(config);
  });
});
