/** `install.yaml`: the whole of config/default with the image of this release, by its digest. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { COURIER_TOO } from '../src/generate/kustomize.ts';
import { OPERATOR } from '../src/installation/names.ts';
import { run } from './process.ts';
import type { Image, Release } from './release.ts';

/** Writes it to `file`. */
export async function writeInstall(release: Release, image: Image, file: string): Promise<void> {
  const { root, scratch } = release;
  const folder = join(scratch, 'install');
  mkdirSync(folder, { recursive: true });
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: [relative(folder, join(root, 'config/default'))],
    images: [{ name: OPERATOR.name, newName: image.repository, digest: image.digest }],
    replacements: [COURIER_TOO],
  };
  writeFileSync(join(folder, 'kustomization.yaml'), JSON.stringify(kustomization));
  writeFileSync(file, await run('kubectl', ['kustomize', folder], { cwd: root }));
}
