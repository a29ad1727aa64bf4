/** Files of a courier in a test: a folder of this machine is its root. Answers fit into one window. */
import { lstat, mkdir, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packTar, unpackTar } from 'modern-tar/fs';
import type { Entry, Reason } from '../../../src/wire/hand/protocol.ts';
import type { SandboxRequest } from '../../../src/wire/sandbox/requests.ts';

export class PeerRefusal extends Error {
  readonly reason: Reason;

  constructor(reason: Reason, message: string) {
    super(message);
    this.reason = reason;
  }
}

type FileRequest = Exclude<SandboxRequest, { op: 'run' | 'attach' | 'commands' | 'end' | 'connect' }>;

interface FileWork {
  /** What is brought; `null` is its end. */
  takes?: (bytes: Uint8Array | null) => Promise<void>;
  yields(): AsyncIterable<Uint8Array>;
  result(): Promise<Record<string, unknown>>;
}

const asRefusal = (error: unknown): never => {
  if (error instanceof PeerRefusal) throw error;
  const { code, message } = error as NodeJS.ErrnoException;
  throw new PeerRefusal(code === 'ENOENT' ? 'NotFound' : 'Internal', message);
};

const entryOf = async (path: string, name: string): Promise<Entry> => {
  const stats = await lstat(path);
  const kind = stats.isSymbolicLink() ? 'link' : stats.isDirectory() ? 'directory' : 'file';
  const { size, uid, gid, mtimeMs: modified, ctimeMs: changed } = stats;
  const target = kind === 'link' ? { target: await readlink(path) } : {};
  return { name, kind, size, mode: stats.mode & 0o7777, uid, gid, modified, changed, ...target };
};

const nothing = async function* (): AsyncGenerator<Uint8Array> {};

export function fileWork(
  request: FileRequest,
  { root, tar }: { root: string; tar: (() => Buffer) | undefined },
): FileWork {
  const path = join(root, request.path);
  const done = (work: () => Promise<object>): FileWork => ({
    yields: nothing,
    result: () => work().then((value) => value as Record<string, unknown>, asRefusal),
  });
  const yielding = (all: () => Promise<Uint8Array>): FileWork => ({
    yields: async function* () {
      yield await all().catch(asRefusal);
    },
    result: async () => ({}),
  });
  switch (request.op) {
    case 'stat':
      return done(() => entryOf(path, request.path));
    case 'remove':
      return done(() => rm(path, { recursive: request.recursive ?? false }).then(() => ({})));
    case 'mkdir':
      return done(() => mkdir(path, { recursive: request.parents ?? false }).then(() => ({})));
    case 'read':
      return yielding(() => readFile(path));
    case 'list':
      return yielding(async () => {
        const names = await readdir(path);
        const entries = await Promise.all(names.map((name) => entryOf(join(path, name), name)));
        return Buffer.from(entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
      });
    case 'tar':
      return yielding(
        async () => tar?.() ?? Buffer.concat((await Array.fromAsync(packTar(path))) as Buffer[]),
      );
    case 'write':
    case 'untar':
      return taking(request, path);
    default:
      return request satisfies never;
  }
}

function taking(request: Extract<FileRequest, { op: 'write' | 'untar' }>, path: string): FileWork {
  const chunks: Uint8Array[] = [];
  const whole = Promise.withResolvers<Buffer>();
  return {
    takes: async (bytes) => {
      if (bytes) chunks.push(Buffer.from(bytes));
      else whole.resolve(Buffer.concat(chunks));
    },
    yields: nothing,
    async result() {
      const bytes = await whole.promise;
      if (request.op === 'untar') {
        const unpacking = unpackTar(path);
        await new Promise((resolve, reject) =>
          unpacking.on('finish', resolve).on('error', reject).end(bytes),
        );
        return { entries: 1, bytes: bytes.length };
      }
      await writeFile(path, bytes, request.mode === undefined ? {} : { mode: request.mode }).catch(asRefusal);
      return {};
    },
  };
}
