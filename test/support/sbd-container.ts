/**
 * A task container whose first process is sbd, without Kubernetes: PID and mount namespaces of its own, this machine's programs, a read-only
 * control volume, and the capabilities that a container gets. Needs root and Go.
 */
import { execFileSync, spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSbd } from './sbd/build.ts';

const ARCH = process.arch === 'arm64' ? 'arm64' : 'amd64';

/** Skips the test where no such container can be made. */
export function needSbd(test: Mocha.Context): void {
  const missing = process.getuid?.() !== 0 ? 'root' : hasGo() ? undefined : 'Go';
  if (missing === undefined) return;
  process.stdout.write(`    (skipped: containers with sbd need ${missing})\n`);
  test.skip();
}

function hasGo(): boolean {
  try {
    execFileSync('go', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

let built: Promise<string> | undefined;

/** Builds sbd, once for the same sources; its path. */
export async function sbdBinary(): Promise<string> {
  built ??= buildSbd({ architectures: [ARCH] });
  return join(await built, `linux-${ARCH}/sbd`);
}

/** Builds the program that tries every way into another process, and puts it into a folder. */
export function buildAttacker(folder: string): void {
  const options = { env: { ...process.env, CGO_ENABLED: '0' } };
  const source = join(import.meta.dirname, 'attacker/main.go');
  execFileSync('go', ['build', '-p', '2', '-o', join(folder, 'attacker'), source], options);
}

/** Docker's without MKNOD, as the Pods of Trials have them. */
const CAPABILITIES =
  'chown,dac_override,fowner,fsetid,kill,setgid,setuid,setpcap,net_bind_service,net_raw,sys_chroot,audit_write,setfcap'.split(
    ',',
  );

/** What setpriv is told so that a program has these capabilities, those named besides, and no other. */
export const rightsWith = (...more: string[]): string =>
  `--bounding-set=-all${[...CAPABILITIES, ...more].map((name) => `,+${name}`).join('')} --inh-caps=-all`;

/** Shell: puts this machine's programs into the root that is made here. */
export const OWN_PROGRAMS = `
mount --rbind -o ro /usr usr
for name in bin lib lib64; do if [ -L /$name ]; then ln -s $(readlink /$name) $name; else mkdir $name; mount --rbind /$name $name; fi; done
`;

/** Shell: the devices that every container has, its processes, and the volumes that it shares with the courier. */
export const MOUNTS = `
for device in null zero urandom; do touch dev/$device; mount --bind /dev/$device dev/$device; done
mount -t proc proc proc
mount --bind $pod/sb sb; mount -o remount,ro,bind sb
mount --bind $pod/logs logs
`;

const NAMESPACES = ['--mount', '--pid', '--fork', '--kill-child=KILL', '--propagation', 'private'];

/** Runs a script as the first process of PID and mount namespaces of its own; `words` are its arguments. */
export const inNamespaces = (script: string, words: string[]): ChildProcessWithoutNullStreams =>
  spawn('unshare', [...NAMESPACES, 'sh', '-c', script, 'sh', ...words]);

const SETUP = `
set -e
pod=$1 uid=$2; shift 2
mount -t tmpfs none $pod/root
cd $pod/root
mkdir -p dev proc sb logs sys tools usr etc tmp root home/agent app
${OWN_PROGRAMS}
printf 'root:x:0:0:root:/root:/bin/bash\\nagent:x:1000:1000::/home/agent:/bin/bash\\n' > etc/passwd
printf 'root:x:0:\\nagent:x:1000:\\nhelpers:x:2000:agent\\n' > etc/group
chmod 1777 tmp; chown 1000:1000 home/agent app
${MOUNTS}
mkdir dev/pts; mount -t devpts -o newinstance,ptmxmode=0666,mode=620 none dev/pts; ln -s pts/ptmx dev/ptmx
mount --bind $pod/tools tools
rights="${rightsWith()}"
[ $uid = 0 ] || rights="--reuid=$uid --regid=$uid --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs"
exec chroot . /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root HOSTNAME=pod \
  /usr/bin/setpriv $rights /sb/sbd serve --socket /sb/hand.sock --readable /logs "$@"
`;

export interface SbdContainer {
  /** The control volume; what only the courier sees; a folder that both see, for programs; the logs. */
  control: string;
  own: string;
  tools: string;
  logs: string;
  /** What the container wrote to its own stdout and stderr. */
  output(): string;
  /** The number of its first process outside of it. */
  pid(): number;
  /** Resolves its exit code. */
  exited: Promise<number | null>;
  remove(): Promise<void>;
}

export interface SbdContainerOptions {
  /** Of sbd, beyond those that it always gets. */
  args?: string[];
  /** sbd's own user. Another one than root has no capability and no way to one, as the level `restricted` demands of Pods. */
  uid?: number;
}

/** Starts a container; sbd waits there until somebody listens. */
export async function startSbdContainer({
  args = [],
  uid = 0,
}: SbdContainerOptions = {}): Promise<SbdContainer> {
  const pod = mkdtempSync(join(tmpdir(), 'sbd-'));
  const place = (name: string): string => join(pod, name);
  chmodSync(pod, 0o711);
  for (const name of ['root', 'sb', 'logs', 'own', 'tools']) mkdirSync(place(name));
  execFileSync(await sbdBinary(), ['copy', place('sb')]);
  const container = inNamespaces(SETUP, [pod, String(uid), ...args]);
  let output = '';
  for (const stream of [container.stdout, container.stderr])
    stream.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  const firstProcess = (): number =>
    Number(execFileSync('pgrep', ['-P', String(container.pid)], { encoding: 'utf8' }));
  const exited = once(container, 'close').then(([code]) => code as number | null);
  return {
    control: place('sb'),
    own: place('own'),
    tools: place('tools'),
    logs: place('logs'),
    output: () => output,
    pid: firstProcess,
    exited,
    async remove() {
      if (container.exitCode === null && container.signalCode === null) {
        // Whoever changes its user outlives its parent.
        process.kill(firstProcess(), 'SIGKILL');
        await exited;
      }
      await rm(pod, { recursive: true, force: true });
    },
  };
}
