/** The server as a program: `node main.ts [--listen ADDRESS:PORT] [--scripts FILE] [--keys FILE|FOLDER]`. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { ScriptSources } from './script.ts';
import { standardScripts } from './scripts.ts';
import { startModelServer } from './server.ts';

const { env } = process;
const { values } = parseArgs({
  options: {
    listen: { type: 'string', default: env['MODEL_LISTEN'] ?? '127.0.0.1:7999' },
    scripts: { type: 'string', default: env['MODEL_SCRIPTS'] ?? '' },
    keys: { type: 'string', default: env['MODEL_KEYS'] ?? '' },
  },
});

const json = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));

/** Keys from a JSON file, or from a folder with one file each, which is what a mounted Secret is. */
function keysIn(path: string): Record<string, string> {
  if (!statSync(path).isDirectory()) return json(path) as Record<string, string>;
  const names = readdirSync(path).filter((name) => !name.startsWith('.'));
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(path, name), 'utf8').trim()]));
}

if (values.keys === '') throw new Error('say where the keys are: --keys FILE|FOLDER or MODEL_KEYS');
const [, host, port] = /^\[?(.+?)\]?:(\d+)$/.exec(values.listen) ?? [];
if (host === undefined) throw new Error(`--listen takes ADDRESS:PORT, not "${values.listen}"`);
const own = values.scripts === '' ? {} : (json(values.scripts) as ScriptSources);
const server = await startModelServer({
  scripts: { ...standardScripts, ...own },
  keys: keysIn(values.keys),
  host,
  port: Number(port),
});
console.log(`listening on ${server.url}`);
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void server.close());
