import { rmSync } from 'node:fs';
import { nodeImage } from './images/node-image.ts';
import { servicesImage } from './images/services-image.ts';
import { anyLives, ensureEngine, ownsEngine, stopEngine } from './machine/engine.ts';
import { removeMounts } from './machine/leftovers.ts';
import { acquireLock } from './machine/lock.ts';
import { paths } from './machine/paths.ts';
import { docker, succeeds } from './machine/process.ts';
import { say, step } from './machine/progress.ts';
import { removeNodes } from './parts/kind.ts';
import { emptyStore } from './parts/services.ts';
import { awsBuildkit } from './aws/buildkit.ts';
import { serviceNames } from './versions.ts';

const containers = [...serviceNames, awsBuildkit];

/** Removes the cluster and what stands beside it, results included. Images and the builder's cache stay for the next start, except with `purge`. */
export async function down({ purge = false } = {}): Promise<void> {
  using _ = acquireLock();
  // A crashed engine has to live once more, to end the containers that outlived it.
  if (ownsEngine() || (await succeeds('docker', ['version']))) {
    await step('Docker engine', ensureEngine);
    await step('containers', () => removeContainers(purge));
    if (ownsEngine()) await step('our Docker engine', endEngine);
  }
  // Of an engine whose folder has gone before, as after an end of the machine harness halfway.
  if (anyLives()) await step('what is left of our Docker engine', () => stopEngine([]));
  rmSync(paths.checkout, { recursive: true, force: true });
  await forget(purge ? paths.state : paths.scratch);
  say('the local cluster is gone');
}

async function removeContainers(purge: boolean): Promise<void> {
  await Promise.all([removeNodes(), emptyStore()]);
  await succeeds('docker', ['rm', '-f', ...containers]);
  if (!purge) return;
  await succeeds('docker', ['volume', 'rm', ...containers]);
  for (const image of [nodeImage(), servicesImage]) await succeeds('docker', ['rmi', image]);
}

async function endEngine(): Promise<void> {
  const id = await docker(['network', 'inspect', '-f', '{{slice .Id 0 12}}', 'kind']).catch(() => '');
  await succeeds('docker', ['network', 'rm', 'kind']);
  await stopEngine(id ? [`br-${id.trim()}`] : []);
}

async function forget(folder: string): Promise<void> {
  await removeMounts(folder);
  rmSync(folder, { recursive: true, force: true });
}
