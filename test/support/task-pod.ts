/**
 * A Pod without Kubernetes: sbd as the first process of its own PID and mount namespaces, with a root file system of its own, a read-only
 * control volume and the capabilities that a container gets. Needs root, Go, and Debian's busybox-static.
 */
import { execFileSync, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, chown, copyFile, mkdir, mkdtemp, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { inNamespaces, MOUNTS, needSbd, OWN_PROGRAMS, rightsWith, sbdBinary } from './sbd-container.ts';

/** The courier's user. */
export const COURIER_UID = 65_000;

const BUSYBOX = ['/bin/busybox', '/usr/bin/busybox'].find((path) => existsSync(path) && isStatic(path));

function isStatic(path: string): boolean {
  return !readFileSync(path).subarray(0, 4096).includes('/ld-linux');
}

/** Skips the test where no such Pod can be made. */
export function needTaskPods(test: Mocha.Context): void {
  needSbd(test);
  if (BUSYBOX !== undefined) return;
  process.stdout.write('    (skipped: task pods need busybox-static)\n');
  test.skip();
}

export interface TaskPodOptions {
  /** `debian`: the programs of this machine; `busybox`: /bin/busybox alone; `bare`: a kernel and nothing else. */
  image?: 'debian' | 'busybox' | 'bare';
  /** Folders of the image, and who owns them. */
  folders?: Record<string, number>;
  /** The programs are the container's own, which root may replace. */
  writable?: boolean;
  /** Variables of the container. */
  env?: Record<string, string>;
  /** The one user of everything, without any right, in place of root; then /tests and /solution are mounts. */
  user?: number;
  /** How many processes the container may have at a time; see `canLimitProcesses`. */
  processes?: number;
}

const CGROUPS = '/sys/fs/cgroup/pids';

/** True where a task pod can be given a limit of processes. */
export const canLimitProcesses = (): boolean => existsSync(join(CGROUPS, 'cgroup.procs'));

export interface TaskPod {
  paths: { control: string; logs: string; task: string; scratch: string; terminationLog: string };
  /** What the task container wrote to its stdout and stderr. */
  output(): string;
  /** Starts the task container, as the kubelet does after the courier's postStart hook. */
  start(): void;
  /** Sends a signal to the task container's first process. */
  kill(signal: NodeJS.Signals): void;
  /** Resolves the task container's exit code. */
  exited: Promise<number | null>;
  remove(): Promise<void>;
}

const PASSWD =
  'root:x:0:0:root:/root:/bin/bash\nagent:x:1000:1000::/home/agent:/bin/bash\njudge:x:1001:1001::/home/judge:/bin/sh\n';
const GROUP = 'root:x:0:\nagent:x:1000:\njudge:x:1001:\nhelpers:x:2000:agent\n';

/** Makes the container's root and becomes its first process. $1: the Pod's folder, $2: image, $3: cgroup or nothing, $4: user, $5: `writable` or nothing; the rest are variables. */
const SETUP = `
set -e
pod=$1 image=$2 cgroup=$3 user=$4 writable=$5; shift 5
[ -z "$cgroup" ] || echo 0 > $cgroup/cgroup.procs
mount -t tmpfs -o mode=755 none $pod/root
cd $pod/root
mkdir -p dev proc sb logs
if [ $image = debian ]; then
  mkdir -p usr etc tmp root home/agent home/judge app
  ${OWN_PROGRAMS}
  if [ "$writable" ]; then
    mount -t tmpfs none $pod/over; mkdir $pod/over/upper $pod/over/work
    umount -R usr; mount -t overlay none -o lowerdir=/usr,upperdir=$pod/over/upper,workdir=$pod/over/work usr
  fi
  cp $pod/passwd etc/passwd; cp $pod/group etc/group
  chmod 1777 tmp; chown 1000:1000 home/agent app; chown 1001:1001 home/judge
fi
if [ $image = busybox ]; then mkdir bin; cp $pod/busybox bin/busybox; fi
while read -r folder owner; do mkdir -p ./$folder; chown $owner ./$folder; done < $pod/folders
${MOUNTS}
# Beside what the Pods of Trials have: what device nodes would do is tried here.
rights="${rightsWith('mknod')}"
if [ $user != 0 ]; then
  for folder in tests solution; do mkdir $folder; mount -t tmpfs -o mode=777 none $folder; done
  rights="$rights --no-new-privs"
fi
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root HOSTNAME=pod "$@" \\
  /usr/bin/setpriv $rights /usr/sbin/chroot --userspec=$user:$user . /sb/sbd serve --socket /sb/hand.sock --readable /logs
`;

const linesOf = (folders: Record<string, number>): string =>
  Object.entries(folders)
    .map(([name, owner]) => `${name} ${owner}\n`)
    .join('');

/** Makes the volumes and, as the postStart hook would, puts sbd into them. */
export async function makeTaskPod({
  image = 'debian',
  folders = {},
  env = {},
  processes,
  user = 0,
  writable = false,
}: TaskPodOptions = {}): Promise<TaskPod> {
  const folder = await mkdtemp(join(tmpdir(), 'sb-pod-'));
  await chmod(folder, 0o711);
  const place = (name: string): string => join(folder, name);
  for (const name of ['root', 'over', 'sb', 'logs', 'task', 'scratch']) await mkdir(place(name));
  for (const name of ['sb', 'logs', 'scratch']) await chmod(place(name), 0o777);
  const files = { passwd: PASSWD, group: GROUP, folders: linesOf(folders), 'termination-log': '' };
  for (const [name, text] of Object.entries(files)) await writeFile(place(name), text);
  await chown(place('termination-log'), COURIER_UID, COURIER_UID);
  await bringPrograms(folder, image);
  const cgroup = await limitProcesses(basename(folder), processes);

  let output = '';
  let container: ChildProcess | undefined;
  const exited = Promise.withResolvers<number | null>();
  return {
    paths: {
      control: place('sb'),
      logs: place('logs'),
      task: place('task'),
      scratch: place('scratch'),
      terminationLog: place('termination-log'),
    },
    output: () => output,
    start() {
      const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
      container = inNamespaces(SETUP, [
        folder,
        image,
        cgroup,
        String(user),
        writable ? 'writable' : '',
        ...variables,
      ]);
      for (const stream of [container.stdout, container.stderr])
        stream?.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
      container.once('close', (code) => exited.resolve(code));
    },
    kill(signal) {
      process.kill(firstProcess(container?.pid ?? 0), signal);
    },
    exited: exited.promise,
    async remove() {
      if (container && container.exitCode === null && container.signalCode === null) {
        container.kill('SIGKILL');
        await exited.promise;
      }
      await rm(folder, { recursive: true, force: true });
      if (cgroup) await rmdir(cgroup);
    },
  };
}

/** Puts sbd into the control volume, and beside it what the image is made of. */
async function bringPrograms(folder: string, image: TaskPodOptions['image']): Promise<void> {
  if (image === 'busybox') await copyFile(BUSYBOX ?? '', join(folder, 'busybox'));
  execFileSync(await sbdBinary(), ['copy', join(folder, 'sb')]);
}

/** Makes a cgroup; resolves its folder, or nothing where there is no limit. */
async function limitProcesses(name: string, processes: number | undefined): Promise<string> {
  if (processes === undefined) return '';
  const cgroup = join(CGROUPS, name);
  await mkdir(cgroup);
  await writeFile(join(cgroup, 'pids.max'), String(processes));
  return cgroup;
}

/** The only child of the process that made the namespaces. */
function firstProcess(unshare: number): number {
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const fields = statFields(name);
    if (fields && Number(fields[1]) === unshare) return Number(name);
  }
  throw new Error('the task container does not run');
}

function statFields(pid: string): string[] | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
  } catch {
    return undefined;
  }
}
