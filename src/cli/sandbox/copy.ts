/** `sb sandbox cp`: files and folders, to a Sandbox and from it. */
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { basename, dirname, join, posix, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { attachSandbox, type SandboxEnvironment } from '../../client/sandbox/environment.ts';
import { SandboxRefused } from '../../client/sandbox/errors.ts';
import { CliError } from '../../client/failures/error.ts';
import type { Session } from '../../client/session/types.ts';
import { counted, grouped } from '../../text/figures.ts';
import { safe } from '../../text/safe.ts';
import type { Io } from '../types.ts';
import { madeSafe } from './safe-output.ts';

interface CopyOptions {
  io: Io;
  from: string;
  to: string;
  user?: string;
}

/** `box:/app` → Sandbox and path; undefined for a path of this machine, which has a slash before any colon. */
export function placeIn(text: string): { sandbox: string; path: string } | undefined {
  const { sandbox, path } = /^(?<sandbox>[^/:]+):(?<path>.*)$/s.exec(text)?.groups ?? {};
  return sandbox === undefined || path === undefined ? undefined : { sandbox, path };
}

const STDIO = '-';

export async function copy(session: Session, options: CopyOptions): Promise<void> {
  const { io, from, to, user } = options;
  const [source, target] = [placeIn(from), placeIn(to)];
  const place = source ?? target;
  if (!place || (source && target)) throw misunderstood('exactly one of both is in a Sandbox');
  if (!place.path.startsWith('/'))
    throw misunderstood(`a path in a Sandbox is absolute, and ${place.path} is not`);
  const environment = attachSandbox(session, place.sandbox, { signal: io.signal });
  const as = { signal: io.signal, ...(user !== undefined && { user }) };
  try {
    const said = source
      ? await fetchTo(environment, { ...options, path: source.path, as })
      : await bringTo(environment, { ...options, path: place.path, as });
    if (said !== undefined) io.terminal.err(safe(`${said}\n`));
  } finally {
    environment.close();
  }
}

const misunderstood = (why: string): CliError =>
  new CliError('SB-E001', {
    what: 'nothing was copied',
    why,
    fix: 'sb sandbox cp ./folder <sandbox>:/app    (or the other way round)',
  });

interface Copying extends CopyOptions {
  /** In the Sandbox. */
  path: string;
  as: { signal: AbortSignal; user?: string };
}

/** From here to there. Resolves to what is said of it. */
async function bringTo(environment: SandboxEnvironment, { io, from, path, as }: Copying): Promise<string> {
  if (from === STDIO) {
    await environment.writeFile(path, io.streams.stdin as AsyncIterable<Buffer>, as);
    return `stdin → ${path}`;
  }
  const local = resolve(io.cwd, from);
  const stats = await stat(local);
  if (stats.isDirectory()) {
    const { entries, bytes } = await environment.upload(local, path, as);
    return `${from} → ${path}: ${counted(entries, 'file')} and folders, ${grouped(bytes)} bytes`;
  }
  const target = (await isFolder(environment, path, as)) ? posix.join(path, basename(local)) : path;
  await environment.writeFile(target, createReadStream(local), { ...as, mode: stats.mode & 0o777 });
  return `${from} → ${target}: ${grouped(stats.size)} bytes`;
}

async function isFolder(environment: SandboxEnvironment, path: string, as: Copying['as']): Promise<boolean> {
  if (path.endsWith('/')) return true;
  return environment.stat(path, as).then(
    ({ kind }) => kind === 'directory',
    (error: unknown) => {
      if (error instanceof SandboxRefused && error.reason === 'NotFound') return false;
      throw error;
    },
  );
}

/** From there to here. Resolves to what is said of it; nothing where it went to stdout. */
async function fetchTo(
  environment: SandboxEnvironment,
  { io, to, path, as }: Copying,
): Promise<string | undefined> {
  const { kind } = await environment.stat(path, as);
  if (to === STDIO) {
    const bytes = environment.readStream(path, as) as AsyncIterable<Buffer>;
    for await (const chunk of io.terminal.outIsTTY ? madeSafe(bytes) : bytes)
      if (!io.streams.stdout.write(chunk)) await new Promise((done) => io.streams.stdout.once('drain', done));
    return undefined;
  }
  const local = resolve(io.cwd, to);
  if (kind === 'directory') {
    const { entries, bytes, skipped } = await environment.download(path, local, as);
    const without = skipped
      .map(({ path: name, why }) => `\nleft out ${JSON.stringify(name)}: ${why}`)
      .join('');
    return `${path} → ${to}: ${counted(entries, 'file')} and folders, ${grouped(bytes)} bytes${without}`;
  }
  const there = await stat(local).catch(() => undefined);
  const target = there?.isDirectory() ? join(local, posix.basename(path)) : local;
  await mkdir(dirname(target), { recursive: true });
  await pipeline(environment.readStream(path, as), createWriteStream(target));
  return `${path} → ${target}`;
}
