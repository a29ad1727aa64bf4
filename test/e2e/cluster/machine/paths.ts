import { createHash } from 'node:crypto';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { versions } from '../versions.ts';
import { goFlags } from './compiler.ts';

const root = resolve(import.meta.dirname, '../../../..');
const assets = resolve(import.meta.dirname, '..');
const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'sb-operator');
const state = join(cache, 'state');
// Sockets and process ids belong where a reboot forgets them. One place for the machine, so that every checkout finds the same engine.
const runtime = process.getuid?.() === 0 ? '/run/sb-operator' : join(state, 'run');
const checkout = join(root, '.cluster');

/** Where everything is kept; `checkout` is the only folder inside the repository. */
export const paths = {
  root,
  assets,
  checkout,
  kubeconfig: join(checkout, 'kubeconfig'),
  cache,
  bin: join(
    cache,
    `kubernetes-${versions.kubernetes}-${digest(JSON.stringify([versions, goFlags]), ...goSources())}`,
  ),
  state,
  scratch: join(state, 'scratch'),
  log: join(state, 'log'),
  lock: join(state, 'lock'),
  engineData: join(state, 'docker'),
  runtime,
  engineSocket: join(runtime, 'docker.sock'),
  enginePid: join(runtime, 'docker.pid'),
  engineExec: join(runtime, 'engine'),
} as const;

function goSources(): string[] {
  const module = join(assets, 'go/programs');
  const files = ['go.mod', ...globSync('*/main.go', { cwd: module }).sort()];
  return files.map((file) => readFileSync(join(module, file), 'utf8'));
}

/** A new empty folder that is deleted, with what is in it, when the block ends. */
export function scratchFolder(name: string): { path: string } & Disposable {
  mkdirSync(paths.scratch, { recursive: true });
  const path = mkdtempSync(join(paths.scratch, `${name}-`));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** Twelve hex digits that change with any of the texts. */
export function digest(...texts: (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(text).update('\0');
  return hash.digest('hex').slice(0, 12);
}
