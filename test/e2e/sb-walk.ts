/** Types the commands of docs/sb-walk.md and of README.md into a terminal, on the local cluster, and writes what is then on the screen into the pages. */
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { canInstall } from '../support/can-install.ts';
import { kubectlOk } from '../support/cluster.ts';
import { recordedBlocks, type ConsoleBlock } from '../support/console-page.ts';
import type { PseudoTerminal } from '../support/terminal/tmux.ts';
import { s3ArtifactStore } from '../../src/providers/artifact-store/s3.ts';
import { ensureBaseImages, isHealthy, paths, s3, status, up } from './cluster/index.ts';
import { installPackages } from './cluster/machine/packages.ts';
import { openSbTerminal } from './support/sb-terminal.ts';

const PAGES = ['docs/sb-walk.md', 'README.md'];
/** What the commands of the pages work on. */
const FOLDERS = ['examples', 'config/samples'];
const NAMESPACE = 'evals';
/** Where the commands run; some print its name. */
const FOLDER = join(tmpdir(), 'evals');
const MOST_SECONDS = 180;

/**
 * Directions of a block: `press` are keys for what runs since the block before, instead of commands; `until` is what the screen shows when it is taken
 * while the last command goes on; `exit` is that command's exit code, where it is not 0.
 */
async function screenOf(
  terminal: PseudoTerminal,
  { commands, directions: { press, until, exit = '0' } }: ConsoleBlock,
): Promise<string[]> {
  const typed = press === undefined ? commands : [];
  process.stdout.write(`$ ${press ?? typed.join('\n$ ')}\n`);
  if (press === undefined) await terminal.clear();
  else await terminal.press(...press.split(' '));
  for (const [index, command] of typed.entries()) {
    if (index > 0) await ends(terminal, '0');
    await terminal.enter(command);
  }
  if (until === undefined) await ends(terminal, exit);
  else await terminal.until(new RegExp(until), MOST_SECONDS);
  const text = await terminal.text();
  return until === undefined ? text.slice(0, -1) : text;
}

async function ends(terminal: PseudoTerminal, exit: string): Promise<void> {
  const code = await terminal.ended(MOST_SECONDS);
  if (String(code) !== exit)
    throw new Error(`exit code ${code}, expected ${exit}:\n${(await terminal.text()).join('\n')}`);
}

async function record(page: string, terminal: PseudoTerminal): Promise<void> {
  const file = join(paths.root, page);
  const text = await recordedBlocks(await readFile(file, 'utf8'), (block) => screenOf(terminal, block));
  await writeFile(file, text);
}

/** An empty namespace, whatever an earlier recording left; its Trials have to run, and not to take over what theirs came to. */
async function emptyNamespace(): Promise<void> {
  const { endpoint, region, bucket, accessKeyId, secretAccessKey } = s3;
  const store = s3ArtifactStore({ endpoint, region, bucket, credentials: { accessKeyId, secretAccessKey } });
  for await (const { key } of store.list(`indexes/applied/${NAMESPACE}/`)) await store.delete(key);
  await kubectlOk(['delete', 'namespace', NAMESPACE, '--ignore-not-found']);
  await kubectlOk(['create', 'namespace', NAMESPACE]);
}

async function main(): Promise<void> {
  if (canInstall()) await installPackages(['tmux']);
  if (!isHealthy(await status())) await up();
  await ensureBaseImages(['debian:bookworm-slim']);
  for (const page of PAGES) {
    await emptyNamespace();
    await mkdir(FOLDER);
    for (const name of FOLDERS) await cp(join(paths.root, name), join(FOLDER, name), { recursive: true });
    const path = [paths.bin, process.env['PATH']].join(delimiter);
    const terminal = await openSbTerminal({ folder: FOLDER, namespace: NAMESPACE, path });
    try {
      await record(page, terminal);
    } finally {
      await terminal.close();
      await rm(FOLDER, { recursive: true, force: true });
      await kubectlOk(['delete', 'namespace', NAMESPACE, '--wait=false']);
    }
  }
}

await main();
