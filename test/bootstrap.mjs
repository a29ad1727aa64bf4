// Installs the npm packages when they are missing or package-lock.json has changed. Plain JavaScript: it runs on the Node that the machine has.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';

const root = resolve(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..');
const modules = join(root, 'node_modules');
const packagesIn = (path) => JSON.parse(readFileSync(path, 'utf8')).packages;

// npm writes node_modules/.package-lock.json last: an interrupted install has none.
function installed() {
  const record = join(modules, '.package-lock.json');
  // The `node` package brings its program by a script of its own.
  if (!existsSync(record) || !existsSync(join(modules, 'node/bin/node'))) return false;
  const wanted = packagesIn(join(root, 'package-lock.json'));
  const present = packagesIn(record);
  const agrees = ([path, { version, optional }]) =>
    present[path] ? present[path].version === version : path === '' || optional;
  return Object.entries(wanted).every(agrees);
}

async function install() {
  const began = Date.now();
  const say = (text) => process.stdout.write(`${text}\n`);
  const seconds = () => `${Math.round((Date.now() - began) / 1000)} s`;
  say('installing npm packages (needed once, about 20 s) …');
  rmSync(modules, { recursive: true, force: true, maxRetries: 10 });
  // npm must not run on the Node that it is about to replace.
  const path = process.env.PATH.split(delimiter).filter((folder) => !folder.startsWith(modules));
  const env = { ...process.env, PATH: path.join(delimiter) };
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error'];
  const npm = spawn('npm', ['ci', ...quiet], { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'] });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => npm.kill(signal));
  const heartbeat = setInterval(() => say(`… still installing (${seconds()})`), 15_000);
  const code = await new Promise((done) => npm.on('close', done).on('error', () => done(127)));
  clearInterval(heartbeat);
  if (code === 0) say(`npm packages installed in ${seconds()}`);
  else process.stderr.write(`npm ci failed (${code}); its log is named above\n`);
  process.exitCode = code ?? 1;
}

if (!installed()) await install();
