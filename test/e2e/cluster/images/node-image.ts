import { cpSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { hasImage, keepOnly } from '../machine/containers.ts';
import { digest, paths, scratchFolder } from '../machine/paths.ts';
import { docker, run } from '../machine/process.ts';
import type { Program } from '../programs.ts';
import { versions } from '../versions.ts';

const assets = join(paths.assets, 'images/node');
const tag = `v${versions.kubernetes}`;
const registry = 'registry.k8s.io';
const parts = {
  etcd: `${registry}/etcd:3.6.5-0`,
  coredns: `${registry}/coredns/coredns:v1.12.1`,
  pause: `${registry}/pause:3.10.1`,
};
const sameAsEtcd = ['apiserver', 'controller-manager', 'scheduler', 'proxy'].map(
  (part) => `${registry}/kube-${part}:${tag}`,
);

export const nodeImagePrograms: Program[] = ['hyperkube', 'kubectl', 'coredns'];

/** The name of the node image; its tag changes with everything that the image is made of. */
export function nodeImage(): string {
  const files = readdirSync(assets)
    .sort()
    .map((file) => readFileSync(join(assets, file)));
  return `sb-node:${tag}-${digest(versions.kubernetes, versions.kind, versions.coredns, ...files)}`;
}

/** Makes what `kindest/node` is elsewhere: kind's own base files over Debian's systemd and containerd, and our Kubernetes. */
export async function makeNodeImage(): Promise<void> {
  const name = nodeImage();
  if (await hasImage(name)) return;
  using scratch = scratchFolder('node');
  const context = scratch.path;
  await gatherContext(context);
  const build = (target: string, image: string) =>
    docker(['build', '--target', target, '-t', image, context]);
  await build('kube', parts.etcd);
  await build('coredns', parts.coredns);
  await build('pause', parts.pause);
  for (const image of sameAsEtcd) await docker(['tag', parts.etcd, image]);
  await docker(['save', '-o', join(context, 'images.tar'), ...Object.values(parts), ...sameAsEtcd]);
  await docker(['build', '--build-arg', `VERSION=${tag}`, '--target', 'node', '-t', name, context]);
  await docker(['rmi', ...Object.values(parts), ...sameAsEtcd]);
  await keepOnly(name);
}

async function gatherContext(context: string): Promise<void> {
  cpSync(assets, context, { recursive: true });
  for (const program of nodeImagePrograms) cpSync(join(paths.bin, program), join(context, program));
  const kindModule = `sigs.k8s.io/kind@v${versions.kind}`;
  const { Dir } = JSON.parse(await run('go', ['mod', 'download', '-json', kindModule])) as { Dir: string };
  cpSync(join(Dir, 'images/base/files'), join(context, 'files'), { recursive: true });
  await run('chmod', ['-R', 'u+w', join(context, 'files')]);
  rmSync(join(context, 'files/LICENSES'), { recursive: true, force: true });
}
