import { spawn } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import {
  endContainerdsOf,
  containerdsOf,
  rememberHost,
  removeCgroups,
  removeDeadLinks,
  removeLinksAndRules,
  removeMounts,
} from './leftovers.ts';
import { installPackages } from './packages.ts';
import { paths } from './paths.ts';
import { succeeds, until } from './process.ts';

const answers = () => succeeds('docker', ['version'], { timeoutSeconds: 10 });
const containerdPid = join(paths.engineExec, 'containerd/containerd.pid');
const configFile = join(paths.state, 'engine.json');

/** Whether the engine is one that the harness started (or has to start again), not the machine's. */
export const ownsEngine = () => existsSync(paths.engineExec);

/** Makes sure that a Docker engine answers: the machine's where there is one, else one of our own beside everything else. */
export async function ensureEngine(): Promise<void> {
  if (await answers()) return;
  if (!ownsEngine()) {
    await installPackages(['docker.io', 'iptables', 'iproute2']);
    // On a machine with an init system the package brings a running engine.
    if (await answers()) return;
  }
  await startEngine();
}

async function startEngine(): Promise<void> {
  for (const folder of [paths.engineExec, paths.engineData, paths.log])
    mkdirSync(folder, { recursive: true });
  // The engine takes any process of that number, even a dead one, for its own.
  if (!enginePid()) rmSync(paths.enginePid, { force: true });
  if (!living('containerd', containerdPid)) rmSync(containerdPid, { force: true });
  // All ended at once, as on a machine that was stopped.
  if (!anyLives()) {
    await removeMounts(paths.runtime);
    await removeDeadLinks();
  }
  await rememberHost();
  writeFileSync(configFile, JSON.stringify(engineConfig(), undefined, 2));
  const log = openSync(join(paths.log, 'dockerd.log'), 'a');
  const child = spawn('/usr/sbin/dockerd', ['--config-file', configFile], {
    detached: true,
    stdio: ['ignore', log, log],
  });
  child.unref();
  closeSync(log);
  await until('the Docker engine answers', 60, async () => {
    if (child.exitCode !== null)
      throw new Error(`dockerd ended with ${child.exitCode}, see ${paths.log}/dockerd.log`);
    return answers();
  });
}

function engineConfig(): object {
  return {
    'data-root': paths.engineData,
    'exec-root': paths.engineExec,
    pidfile: paths.enginePid,
    hosts: [`unix://${paths.engineSocket}`],
    // Containers outlive a crash of the engine, so that repair is a restart of one process.
    'live-restore': true,
    ...(lacksSysResource() ? { runtimes: { sb: { path: runcWrapper() } }, 'default-runtime': 'sb' } : {}),
  };
}

// `--privileged` asks for every capability, and a host without CAP_SYS_RESOURCE (bit 24) refuses that with "unable to apply caps".
function lacksSysResource(): boolean {
  const bounding =
    /^CapBnd:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 'ffffffff';
  return ((BigInt(`0x${bounding}`) >> 24n) & 1n) === 0n;
}

function runcWrapper(): string {
  const path = join(paths.state, 'runc-without-sys-resource');
  copyFileSync(join(paths.assets, 'machine/runc-without-sys-resource'), path);
  return path;
}

/** Ends our own engine, and removes what it leaves on the machine: mounts, bridges, firewall rules. */
export async function stopEngine(bridges: string[]): Promise<void> {
  const pid = enginePid();
  if (pid) {
    process.kill(pid, 'SIGTERM');
    await until('the Docker engine ends', 30, async () => enginePid() === undefined);
  }
  await endContainerdsOf(paths.engineExec);
  await removeMounts(paths.runtime);
  await removeMounts(paths.engineData);
  await removeLinksAndRules(['docker0', ...bridges]);
  await removeCgroups();
  rmSync(paths.runtime, { recursive: true, force: true });
}

/** Whether anything of our engine runs: itself, or a shim that keeps a container. All of them are called with its folder. */
export const anyLives = (): boolean => containerdsOf(paths.engineExec).length > 0;

/** The process of the engine that the harness started; undefined where none lives. */
export const enginePid = (): number | undefined => living('dockerd', paths.enginePid);

/** The process id in a file while that program lives; a stale file, or an id that was given to another program, counts as none. */
function living(program: string, pidFile: string): number | undefined {
  try {
    const pid = Number(readFileSync(pidFile, 'utf8'));
    // A dead process that nobody has waited for yet is in state Z.
    return readFileSync(`/proc/${pid}/stat`, 'utf8').match(`\\(${program}\\) [^Z]`) ? pid : undefined;
  } catch {
    return undefined;
  }
}
