import { existsSync, globSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { digest, paths } from '../machine/paths.ts';
import { run } from '../machine/process.ts';
import { registry } from '../parts/services.ts';
import { ensureBaseImages } from './base-images.ts';
import { buildImage, digestOf, inRegistry } from './build.ts';
import type { Flavour } from './flavour.ts';

const inputs = ['Dockerfile', '.dockerignore', 'package.json', 'package-lock.json', 'src/**'];

/** Builds the operator's image from this checkout where the registry has none of the same content; gives its name in the cluster, by digest. */
export async function ensureOperatorImage(flavour: Flavour): Promise<string> {
  const name = `sb-operator:${contentHash()}`;
  if (!(await inRegistry(name))) {
    await ensureBaseImages(['node:26-slim'], flavour);
    await buildImage({ name, context: paths.root, secrets: await npmSecrets() });
  }
  const [repository] = name.split(':');
  return `${registry.inCluster}/${repository}@${await digestOf(name)}`;
}

function contentHash(): string {
  const found = globSync(inputs, {
    cwd: paths.root,
    withFileTypes: true,
    exclude: (entry) => entry.name.endsWith('.test.ts'),
  });
  const files = found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return digest(...files.sort().flatMap((file) => [file.slice(paths.root.length), readFileSync(file)]));
}

// What npm needs to reach its registry from here, it needs inside the build as well.
async function npmSecrets(): Promise<Record<string, string>> {
  const configured = (await run('npm', ['config', 'get', 'cafile'], { cwd: paths.root })).trim();
  const files = {
    npmrc: join(homedir(), '.npmrc'),
    ca: configured === 'null' ? process.env['NODE_EXTRA_CA_CERTS'] : configured,
  };
  return Object.fromEntries(Object.entries(files).filter(([, file]) => file && existsSync(file))) as Record<
    string,
    string
  >;
}
