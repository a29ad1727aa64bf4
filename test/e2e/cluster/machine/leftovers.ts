import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { paths } from './paths.ts';
import { run, succeeds, until } from './process.ts';

const hostFile = join(paths.runtime, 'host.json');
const forwarding = '/proc/sys/net/ipv4/ip_forward';

/** What the engine changes on the machine and never back. */
type Host = { policy: string; forwarding: string };

/** Keeps what the machine was like before the first start of our engine. */
export async function rememberHost(): Promise<void> {
  if (existsSync(hostFile)) return;
  const policy = /^-P FORWARD (\w+)/m.exec(await run('iptables', ['-S', 'FORWARD']))?.[1] ?? 'ACCEPT';
  const host: Host = { policy, forwarding: readFileSync(forwarding, 'utf8').trim() };
  writeFileSync(hostFile, JSON.stringify(host));
}

/** How long a shim has to clean up behind its container. */
const TERM_MS = 5000;

/** What a file of /proc says; empty where its process has gone. */
function said(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

const processes = (): number[] => globSync('/proc/[0-9]*').map((folder) => Number(folder.slice(6)));

/** containerd and its shims, called with something in the folder. A dead process that nobody has waited for yet has no arguments. */
export const containerdsOf = (folder: string): number[] =>
  processes().filter((pid) => {
    const [program = '', ...rest] = said(`/proc/${pid}/cmdline`).split('\0');
    return /(^|\/)containerd[\w-]*$/.test(program) && rest.some((word) => word.startsWith(`${folder}/`));
  });

const childrenOf = (pid: number): number[] =>
  processes().filter((child) => new RegExp(`\\) \\w ${pid} `).test(said(`/proc/${child}/stat`)));

function end(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has gone by itself.
  }
}

/**
 * Ends containerd and its shims of that folder, and the containers: a shim keeps its container when it has lost its containerd, and nobody
 * asks it to go. Throws where one does not end.
 */
export async function endContainerdsOf(folder: string): Promise<void> {
  const own = containerdsOf(folder);
  for (const child of own.flatMap(childrenOf)) end(child, 'SIGKILL');
  for (const pid of own) end(pid, 'SIGTERM');
  const deadline = Date.now() + TERM_MS;
  await until(`the containers of ${folder} end`, 15, async () => {
    const left = containerdsOf(folder);
    if (Date.now() > deadline) for (const pid of left) end(pid, 'SIGKILL');
    return left.length === 0;
  });
}

/** Mount points at or below a folder, deepest first. */
export function mountsBelow(folder: string, mounts: string): string[] {
  const points = mounts.split('\n').map((line) => line.split(' ')[1] ?? '');
  return points
    .filter((point) => point === folder || point.startsWith(`${folder}/`))
    .sort((a, b) => b.length - a.length);
}

/** Detaches every mount at or below a folder, so that deleting the folder deletes nothing of the host. */
export async function removeMounts(folder: string): Promise<void> {
  for (const point of mountsBelow(folder, readFileSync('/proc/mounts', 'utf8')))
    await succeeds('umount', ['-l', point]);
}

type Link = { ifname?: string; master?: string };

/** The container links on Docker's bridges, in what `ip -json link show type veth` prints. */
export function containerLinks(printed: string): string[] {
  const links = JSON.parse(printed || '[]') as Link[];
  const docked = links.filter(({ master = '' }) => /^(docker0|br-[0-9a-f]{12})$/.test(master));
  return docked.flatMap(({ ifname }) => ifname ?? []);
}

/**
 * Takes the links of containers that no longer live off the bridges. Where all ended at once, their network namespaces
 * may still be held by a mount namespace that nobody here can look into, and would answer for their old addresses.
 */
export async function removeDeadLinks(): Promise<void> {
  const printed = await run('ip', ['-json', 'link', 'show', 'type', 'veth']);
  for (const link of containerLinks(printed)) await succeeds('ip', ['link', 'del', link]);
}

/** The iptables calls that take Docker's rules and chains out of one table, given `iptables -t <table> -S`. */
export function ruleRemovals(rules: string, bridges: string[]): string[][] {
  const lines = rules.split('\n');
  const ours = (line: string) =>
    /DOCKER/.test(line) || bridges.some((bridge) => line.split(' ').includes(bridge));
  const removals = lines
    .filter((line) => line.startsWith('-A ') && ours(line))
    .map((line) => ['-D', ...words(line.slice(3))]);
  const chains = lines.filter((line) => line.startsWith('-N DOCKER')).map((line) => line.slice(3));
  return [...removals, ...chains.map((chain) => ['-X', chain])];
}

// iptables quotes arguments that hold spaces, such as comments.
function words(rule: string): string[] {
  return (rule.match(/"[^"]*"|\S+/g) ?? []).map((word) => word.replace(/^"(.*)"$/, '$1'));
}

export async function removeLinksAndRules(bridges: string[]): Promise<void> {
  for (const bridge of bridges) await succeeds('ip', ['link', 'del', bridge]);
  for (const table of ['filter', 'nat']) {
    const rules = await run('iptables', ['-t', table, '-S']).catch(() => '');
    for (const removal of ruleRemovals(rules, bridges)) await succeeds('iptables', ['-t', table, ...removal]);
  }
  if (!existsSync(hostFile)) return;
  const host = JSON.parse(readFileSync(hostFile, 'utf8')) as Host;
  await succeeds('iptables', ['-P', 'FORWARD', host.policy]);
  writeFileSync(forwarding, host.forwarding);
}

/** Removes the engine's cgroups; the kernel keeps those that still hold a process. */
export async function removeCgroups(): Promise<void> {
  for (const folder of globSync(['/sys/fs/cgroup/docker', '/sys/fs/cgroup/*/docker']))
    await succeeds('find', [folder, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', '+']);
}
