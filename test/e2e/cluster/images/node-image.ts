import { cpSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { hasImage, keepOnly } from '../machine/containers.ts';
import { digest, paths, scratchFolder } from '../machine/paths.ts';
import { docker, run } from '../machine/process.ts';
import { kubernetesPrograms } from '../programs.ts';
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

/** The name of the node image; its tag changes with everything that the image is made of. */
export function nodeImage(): string {
  const files = readdirSync(assets)
    .sort()
    .map((file) => readFileSync(join(assets, file)));
  return `sb-node:${tag}-${digest(basename(paths.bin), ...files)}`;
}

const bases = ['kube-base', 'node-base', 'pause'];

/** Makes what of the node image needs no program, so that Debian's packages come while programs are built. */
export async function makeNodeBases(): Promise<void> {
  if (await hasImage(nodeImage())) return;
  using scratch = scratchFolder('node');
  await gatherContext(scratch.path);
  for (const base of bases) await build(scratch.path, base, `sb-node:${base}`);
}

/** Makes what `kindest/node` is elsewhere: kind's own base files over Debian's systemd and containerd, and our Kubernetes. */
export async function makeNodeImage(): Promise<void> {
  const name = nodeImage();
  if (await hasImage(name)) return;
  using scratch = scratchFolder('node');
  const context = scratch.path;
  await gatherContext(context);
  for (const program of kubernetesPrograms) cpSync(join(paths.bin, program), join(context, program));
  await build(context, 'kube', parts.etcd);
  await build(context, 'coredns', parts.coredns);
  await build(context, 'pause', parts.pause);
  for (const image of sameAsEtcd) await docker(['tag', parts.etcd, image]);
  await docker(['save', '-o', join(context, 'images.tar'), ...Object.values(parts), ...sameAsEtcd]);
  await docker(['build', '--build-arg', `VERSION=${tag}`, '--target', 'node', '-t', name, context]);
  await docker(['rmi', ...Object.values(parts), ...sameAsEtcd]);
  await keepOnly(name);
}

const build = (context: string, target: string, image: string): Promise<string> =>
  docker(['build', '--target', target, '-t', image, context]);

async function gatherContext(context: string): Promise<void> {
  cpSync(assets, context, { recursive: true });
  const kindModule = `sigs.k8s.io/kind@v${versions.kind}`;
  const { Dir } = JSON.parse(await run('go', ['mod', 'download', '-json', kindModule])) as { Dir: string };
  cpSync(join(Dir, 'images/base/files'), join(context, 'files'), { recursive: true });
  await run('chmod', ['-R', 'u+w', join(context, 'files')]);
  rmSync(join(context, 'files/LICENSES'), { recursive: true, force: true });
}
