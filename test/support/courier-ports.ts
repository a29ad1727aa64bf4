/** A courier's own ports are the same in every Pod. Couriers of tests share this machine's, and files of tests go on beside each other. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Whoever listens here has the others. */
const TURN = 28_170;
const PATIENCE_MS = 5 * 60_000;

async function taken(): Promise<Server | undefined> {
  const server = createServer().listen(TURN, '127.0.0.1');
  return once(server, 'listening').then(
    () => server,
    () => undefined,
  );
}

/** Within a `describe` whose couriers open a forwarder or a door to a model: begins when no other has these ports. */
export function useCourierPorts(): void {
  let turn: Server | undefined;
  before(async function () {
    this.timeout(PATIENCE_MS);
    while (!(turn = await taken())) await sleep(100);
  });
  after(() => turn?.close());
}
