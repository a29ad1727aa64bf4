import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { hasImage } from '../machine/containers.ts';
import { removeMounts } from '../machine/leftovers.ts';
import { installPackages } from '../machine/packages.ts';
import { scratchFolder } from '../machine/paths.ts';
import { run } from '../machine/process.ts';

export const debianSuites = { 'debian:bookworm-slim': 'bookworm', 'debian:trixie-slim': 'trixie' } as const;
export type DebianImage = keyof typeof debianSuites;

const litter = [
  'var/cache/apt/archives',
  'var/lib/apt/lists',
  'usr/share/doc',
  'usr/share/man',
  'usr/share/locale',
];

/** Makes `debian:<suite>-slim` in the engine from Debian's own packages, where it is missing. */
export async function makeDebian(image: DebianImage): Promise<void> {
  if (await hasImage(image)) return;
  await installPackages(['debootstrap']);
  const suite = debianSuites[image];
  using scratch = scratchFolder(suite);
  // Its mode becomes that of the image's root.
  const folder = join(scratch.path, 'root');
  mkdirSync(folder, { mode: 0o755 });
  try {
    await run('debootstrap', ['--variant=minbase', '--include=ca-certificates', suite, folder]);
  } finally {
    // A debootstrap that was ended leaves /proc mounted inside the folder.
    await removeMounts(folder);
  }
  for (const path of litter) rmSync(join(folder, path), { recursive: true, force: true });
  for (const path of ['var/cache/apt/archives/partial', 'var/lib/apt/lists/partial'])
    mkdirSync(join(folder, path), { recursive: true });
  const pack =
    "tar -C \"$1\" --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' -c . | docker import -c 'CMD [\"bash\"]' - \"$2\"";
  await run('bash', ['-o', 'pipefail', '-c', pack, 'pack', folder, image]);
}
