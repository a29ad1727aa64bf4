/** The ends of a Sandbox's way as processes of their own: the courier before a real `sbd`, and a program that moves files. The program answers its parent's messages. */
import { createWriteStream, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { systemClock } from '../../src/async/clock.ts';
import { openWebSocket } from '../../src/client/sandbox/broker/web-socket.ts';
import { runCommand } from '../../src/client/sandbox/commands/run.ts';
import { Connection } from '../../src/client/sandbox/connection/connection.ts';
import { Files } from '../../src/client/sandbox/files/files.ts';
import { download, upload } from '../../src/client/sandbox/files/transfer.ts';
import { Sbd } from '../../src/courier/hand/sbd/client.ts';
import { Commands } from '../../src/courier/sandbox/commands.ts';
import { makeDoor } from '../../src/courier/sandbox/door.ts';
import { Sessions } from '../../src/courier/sandbox/sessions.ts';
import type { CourierCertificate } from '../../src/wire/sandbox/assignment.ts';

export interface CourierStart {
  role: 'courier';
  control: string;
  own: string;
  certificate: CourierCertificate;
}

export interface ProgramStart {
  role: 'program';
  url: string;
  ca: string;
  token: string;
}

/** `write` makes the file that `read` and `download` fetch; `upload` brings back what `download` left. */
export const WAYS = ['write', 'read', 'download', 'upload'] as const;
export type Way = (typeof WAYS)[number];

/** Moves so many bytes, or runs `true` so many times. */
export type Move = { way: Way; bytes: number } | { way: 'command'; times: number };

export interface Usage {
  cpu: number;
  peak: number;
}

/** Resolves the port that it listens on. */
async function courier({ control, own, certificate }: CourierStart): Promise<number> {
  const hand = new Sbd({ control, own, courierUid: 65_000 });
  await hand.ready();
  const sessions = new Sessions({
    hand,
    clock: systemClock,
    commands: new Commands({ hand, clock: systemClock, onEnd: () => {} }),
    defaults: () => ({ user: '0', workdir: '/', env: {} }),
    onBytes: () => {},
  });
  const door = makeDoor(sessions);
  door.use(certificate);
  return await door.open(0);
}

type Program = (move: Move) => Promise<number>;

async function program({ url, ca, token }: ProgramStart): Promise<Program> {
  const opening = { url: new URL(url), request: { ca, servername: 'localhost' }, token };
  const connection = new Connection({
    sandbox: 'box',
    clock: systemClock,
    random: Math.random,
    connect: (signal) => openWebSocket({ ...opening, expiresAt: Date.now() + 3_600_000 }, signal),
  });
  await connection.opened;
  const place = { sandbox: 'box', connection };
  const files = new Files(async () => place);
  const folder = mkdtempSync(join(tmpdir(), 'sb-files-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const local = join(folder, 'file');
  const works: Record<Way, (bytes: number) => Promise<unknown>> = {
    write: (bytes) => files.write('/tmp/file', contents(bytes)),
    read: () => pipeline(files.stream('/tmp/file'), createWriteStream(local)),
    download: () => download(place, { local: folder, remote: '/tmp/file' }),
    upload: () => upload(place, { local, remote: '/tmp/uploaded' }),
  };
  const commands = async (times: number): Promise<void> => {
    for (let index = 0; index < times; index += 1) await runCommand(place, ['true']);
  };
  return async (move) => {
    const began = performance.now();
    await (move.way === 'command' ? commands(move.times) : works[move.way](move.bytes));
    const seconds = (performance.now() - began) / 1000;
    if (move.way !== 'command' && move.way !== 'write' && statSync(local).size !== move.bytes)
      throw new Error('the file is not whole');
    return seconds;
  };
}

async function* contents(bytes: number): AsyncGenerator<Buffer> {
  const part = Buffer.alloc(256 * 1024, 'sandbox');
  for (let left = bytes; left > 0; left -= part.length) yield part.subarray(0, Math.min(left, part.length));
}

if (import.meta.main) {
  const start = JSON.parse(process.argv[2] ?? '') as CourierStart | ProgramStart;
  const answer = (value: unknown): void => void process.send?.(value);
  process.once('disconnect', () => process.exit(0));
  if (start.role === 'courier') answer(await courier(start));
  else {
    const move = await program(start);
    process.on('message', (wanted: Move) => void move(wanted).then(answer));
    answer('ready');
  }
}
