import { existsSync, globSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { buildSbd } from '../../../support/sbd/build.ts';
import { digest, paths } from '../machine/paths.ts';
import { run } from '../machine/process.ts';
import { registry } from '../parts/services.ts';
import { ensureBaseImages } from './base-images.ts';
import { buildImage, digestOf, inRegistry } from './build.ts';
import type { Flavour } from './flavour.ts';

/** Of the cluster's nodes, which run on this machine. */
const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
const inputs = [
  'Dockerfile',
  '.dockerignore',
  'package.json',
  'package-lock.json',
  'release/image/**',
  'sbd/**',
  'src/**',
];

/** Builds the operator's image from this checkout where the registry has none of the same content; gives its name in the cluster, by digest. */
export async function ensureOperatorImage(flavour: Flavour): Promise<string> {
  const name = `sb-operator:${contentHash()}`;
  if (!(await inRegistry(name))) {
    const pulled = flavour === 'pulled';
    await ensureBaseImages(['node:26-slim', ...(pulled ? ['golang:1.26'] : [])], flavour);
    // No golang image can be made of Debian packages, so the machine's own Go builds sbd.
    const stages = pulled ? {} : { sbd: await buildSbd({ architectures: [architecture] }) };
    await buildImage({ name, context: paths.root, secrets: await npmSecrets(), stages });
  }
  const [repository] = name.split(':');
  return `${registry.inCluster}/${repository}@${await digestOf(name)}`;
}

function contentHash(): string {
  const found = globSync(inputs, {
    cwd: paths.root,
    withFileTypes: true,
    // As .dockerignore does.
    exclude: ({ name }) => /\.test\.ts$|_test\.go$|^testdata$/.test(name),
  });
  const files = found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return digest(...files.sort().flatMap((file) => [file.slice(paths.root.length), readFileSync(file)]));
}

/** File of the certificates that npm trusts on this machine beside its own; undefined where there are none. */
export async function machineAuthorities(): Promise<string | undefined> {
  const configured = (await run('npm', ['config', 'get', 'cafile'], { cwd: paths.root })).trim();
  return configured === 'null' ? process.env['NODE_EXTRA_CA_CERTS'] : configured;
}

/** Files, by the names of the Dockerfile’s secrets: what npm needs to reach its registry from here, it needs inside the build as well. */
export async function npmSecrets(): Promise<Record<string, string>> {
  const files = { npmrc: join(homedir(), '.npmrc'), ca: await machineAuthorities() };
  return Object.fromEntries(Object.entries(files).filter(([, file]) => file && existsSync(file))) as Record<
    string,
    string
  >;
}
