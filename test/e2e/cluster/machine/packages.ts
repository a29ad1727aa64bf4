import { existsSync } from 'node:fs';
import { canInstall } from '../../../support/can-install.ts';
import { run } from './process.ts';

const programOf: Record<string, string> = {
  'docker.io': '/usr/sbin/dockerd',
  debootstrap: '/usr/sbin/debootstrap',
  iptables: '/usr/sbin/iptables',
  iproute2: '/usr/bin/ip',
  // The one program of an image that the courier's tests make.
  'busybox-static': '/bin/busybox',
  // What Go's race detector is linked with.
  gcc: '/usr/bin/gcc',
  'libc6-dev': '/usr/include/stdlib.h',
  // The terminal of tests and recordings.
  tmux: '/usr/bin/tmux',
  // Shells that sb completes command lines in.
  zsh: '/usr/bin/zsh',
  fish: '/usr/bin/fish',
  // As Argo CD runs it.
  'lua5.1': '/usr/bin/lua5.1',
};

/** Installs the Debian packages whose programs are missing; all of them need root. Throws a plain sentence where that cannot be done. */
export async function installPackages(names: string[]): Promise<void> {
  if (!canInstall())
    throw new Error(
      `Where Docker does not run or cannot pull images, this needs root on Debian or Ubuntu (for ${names.join(', ')}).`,
    );
  const missing = names.filter((name) => !existsSync(programOf[name] ?? ''));
  if (missing.length === 0) return;
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const wait = ['-o', 'DPkg::Lock::Timeout=120'];
  await run('dpkg', ['--configure', '-a'], { env });
  await run('apt-get', [...wait, 'update'], { env });
  await run('apt-get', [...wait, 'install', '-y', '--no-install-recommends', ...missing], { env });
}
