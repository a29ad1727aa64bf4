#!/usr/bin/env -S node --
// Starts sb: the bundle, or in a checkout the source where that is newer. Plain JavaScript: it runs on the Node that the machine has.
// The -- above and below: Node takes --env-file for its own wherever else it stands, and would read secrets into the environment.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import * as modules from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const bundle = join(root, 'dist/sb/sb.js');
const source = join(root, 'src/cli/main.ts');
const OLDEST = 24;
// What packing throws away is garbage at once: a thousand tasks take 210 MiB with a young generation of this size, 310 with the usual one.
const FLAGS = ['--max-semi-space-size=4'];

const fail = (text) => {
  process.stderr.write(`${text}\n`);
  process.exitCode = 3;
};

// A bundle that was built before the last change would run what is no longer there to be read.
function isCurrent() {
  if (!existsSync(source)) return true;
  const built = statSync(bundle).mtimeMs;
  const files = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true });
  return files.every((file) => !file.isFile() || statSync(join(file.parentPath, file.name)).mtimeMs <= built);
}

const program = [bundle, source].find((path) => existsSync(path) && (path !== bundle || isCurrent()));

if (program === undefined) fail('sb is not built: npm run build');
else if (Number(process.versions.node.split('.')[0]) >= OLDEST) await runHere();
else runOnOwnNode();

async function runHere() {
  for (const flag of FLAGS) setFlagsFromString(flag);
  // What V8 compiles stays beside the bundle and goes with it. Where nothing can be written there, it is compiled each time.
  if (program === bundle) modules.enableCompileCache(join(dirname(bundle), 'compiled'));
  await import(pathToFileURL(program).href);
}

// The package `node` brings the right one to a machine with an older Node.
function runOnOwnNode() {
  const node = join(root, 'node_modules/node/bin/node');
  const wanted = `sb needs Node ${OLDEST} or newer; this is ${process.versions.node}`;
  if (!existsSync(node)) return fail(`${wanted}. With it: npx -p node@${OLDEST} -p sb-operator sb`);
  const child = spawn(node, [...FLAGS, '--', program, ...process.argv.slice(2)], { stdio: 'inherit' });
  // The terminal sends Ctrl-C to both; the child decides what it means.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => signal !== 'SIGINT' && child.kill(signal));
  child.on('error', (error) => fail(`sb cannot start ${node}: ${error.message}`));
  child.on('close', (code, signal) => {
    process.exitCode = code ?? (signal === null ? 1 : 130);
  });
}
