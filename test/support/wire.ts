/** A TCP proxy between a client and a server, which fails on demand: neither of them is told. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

interface Pair {
  client: Socket;
  server: Socket;
}

export class Wire {
  readonly #server: Server;
  readonly #target: URL;
  readonly #pairs = new Set<Pair>();
  readonly #clients = new Set<Socket>();
  #delayMs = 0;
  #holds = false;

  private constructor(target: string) {
    this.#target = new URL(target);
    this.#server = createServer((client) => this.#accept(client));
  }

  /** Starts one to the server of this URL, at an address of this machine. */
  static async start(target: string, address = '127.0.0.1'): Promise<Wire> {
    const wire = new Wire(target);
    wire.#server.listen(0, address);
    await once(wire.#server, 'listening');
    return wire;
  }

  /** The server's URL, through this. */
  get url(): string {
    const { address, port } = this.#server.address() as AddressInfo;
    return `${this.#target.protocol}//${address}:${port}`;
  }

  /** From now on everything takes so much longer, each way. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  /** A black hole: connections stay, and new ones are accepted, but nothing passes until `open`. Then all comes late, as TCP sends it again. */
  hold(): void {
    this.#holds = true;
    for (const { client, server } of this.#pairs) [client, server].forEach((socket) => socket.pause());
  }

  open(): void {
    this.#holds = false;
    for (const { client, server } of this.#pairs) [client, server].forEach((socket) => socket.resume());
  }

  /** Half-open connections: the server loses all that there are, of which their clients hear nothing, ever. New ones are well. */
  forget(): void {
    for (const pair of this.#pairs) {
      this.#pairs.delete(pair);
      pair.server.destroy();
      pair.client.removeAllListeners('data').resume();
    }
  }

  /** Number of connections that lead to the server. */
  get connections(): number {
    return this.#pairs.size;
  }

  async close(): Promise<void> {
    for (const { server } of this.#pairs) server.destroy();
    for (const client of this.#clients) client.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(client: Socket): void {
    const server = connect(Number(this.#target.port), this.#target.hostname);
    const pair = { client, server };
    this.#pairs.add(pair);
    this.#clients.add(client);
    client.on('close', () => this.#clients.delete(client));
    this.#pass(pair, client, server);
    this.#pass(pair, server, client);
    if (this.#holds) [client, server].forEach((socket) => socket.pause());
  }

  #pass(pair: Pair, from: Socket, to: Socket): void {
    let last = Promise.resolve();
    // Nothing overtakes what is on its way already, whatever the delay is by then.
    const later = (run: () => void): void => {
      const due = this.#delayMs > 0 ? wait(this.#delayMs) : undefined;
      last = last.then(() => due).then(run);
    };
    from.on('data', (chunk) => later(() => void to.write(chunk)));
    from.on('error', () => undefined);
    from.on('close', () => later(() => void (this.#pairs.delete(pair) && to.destroySoon())));
  }
}
