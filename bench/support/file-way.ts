/** The whole way of a Sandbox's files on this machine: `sbd` in a container of its own, courier and program as processes of their own, and the broker in this one. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BROKER_NAME } from '../../test/support/broker/cluster.ts';
import { SandboxWorld } from '../../test/support/broker/sandbox-world.ts';
import { startSbdContainer, type SbdContainer } from '../../test/support/sbd-container.ts';
import { sandboxPath } from '../../src/wire/sandbox/names.ts';
import type { CourierStart, Move, ProgramStart, Usage } from './file-ends.ts';
import { bytesOf } from './processes.ts';

/** As in a Pod. */
const COURIER = { flags: ['--max-semi-space-size=1', '--no-turbofan'], env: { MALLOC_ARENA_MAX: '1' } };

async function told<T>(end: ChildProcess): Promise<T> {
  const [value] = (await once(end, 'message')) as [T];
  return value;
}

function begin(start: CourierStart | ProgramStart): ChildProcess {
  const { flags, env } = start.role === 'courier' ? COURIER : { flags: [], env: {} };
  return fork(join(import.meta.dirname, 'file-ends.ts'), [JSON.stringify(start)], {
    execArgv: flags,
    env: { ...process.env, ...env },
  });
}

/** The broker of tests before the courier of one Pod. */
class World extends SandboxWorld {
  readonly #pod: SbdContainer;
  end!: ChildProcess;

  constructor(pod: SbdContainer) {
    super();
    this.#pod = pod;
  }

  override async startCourier(name: string): Promise<void> {
    const { control, own } = this.#pod;
    const issued = await this.certificate.issueCourier(name);
    const certificate = { ...issued, ca: this.certificate.ca(), brokerName: BROKER_NAME, notAfter: '' };
    this.end = begin({ role: 'courier', control, own, certificate });
    this.courierPort = await told(this.end);
  }
}

/** What a process has used: seconds of user and system, with all that have ended below it; and the most bytes that were resident. */
function usageOf(pid: number | 'self'): Usage {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/.*\) /s, '').split(' ');
  const cpu = fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks) / 100, 0);
  return { cpu, peak: bytesOf(readFileSync(`/proc/${pid}/status`, 'utf8'), 'VmHWM') };
}

export const HOPS = ['program', 'broker', 'courier', 'sbd'] as const;
export type Usages = Record<(typeof HOPS)[number], Usage>;

export interface FileWay {
  /** Resolves to seconds. */
  move: (move: Move) => Promise<number>;
  usage: () => Usages;
  close: () => Promise<void>;
}

export async function openFileWay(): Promise<FileWay> {
  const pod = await startSbdContainer();
  const world = new World(pod);
  await world.start();
  const { namespace = '', name } = world.box.metadata;
  const program = begin({
    role: 'program',
    url: `wss://localhost:${world.broker.port}${sandboxPath({ namespace, name }, 'connect')}`,
    ca: world.certificate.ca(),
    token: await world.sessionToken(),
  });
  await told(program);
  return {
    move: (move) => {
      program.send(move);
      return told(program);
    },
    usage: () => ({
      program: usageOf(program.pid ?? 0),
      broker: usageOf('self'),
      courier: usageOf(world.end.pid ?? 0),
      sbd: usageOf(pod.pid()),
    }),
    async close() {
      program.disconnect();
      world.end.disconnect();
      await world.close();
      await pod.remove();
    },
  };
}
