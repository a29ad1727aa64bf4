import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { paths } from '../machine/paths.ts';
import { docker, succeeds } from '../machine/process.ts';
import { versions } from '../versions.ts';
import { published } from './flavour.ts';

const system = `${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`;

/** Where images can be pulled, nothing is built: programs that are not on PATH are downloaded as their projects publish them. */
export async function fetchPrograms(): Promise<void> {
  mkdirSync(paths.bin, { recursive: true });
  const kubernetes = `https://dl.k8s.io/release/v${versions.kubernetes}/bin/${system.replace('-', '/')}/kubectl`;
  if (!(await succeeds('kubectl', ['version', '--client']))) await download('kubectl', kubernetes);
  const kind = `https://kind.sigs.k8s.io/dl/v${versions.kind}/kind-${system}`;
  if (!(await succeeds('kind', ['version']))) await download('kind', kind);
  if (!(await succeeds('buildctl', ['--version'])))
    await copyFromImage(join(paths.bin, 'buildctl'), published.buildkit, '/usr/bin/buildctl');
}

async function download(name: string, url: string): Promise<void> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answers ${response.status}; put ${name} on PATH`);
  const part = join(paths.bin, `${name}.part-${process.pid}`);
  writeFileSync(part, Buffer.from(await response.arrayBuffer()), { mode: 0o755 });
  renameSync(part, join(paths.bin, name));
}

/** Copies a program out of an image that was pulled, or can be. */
export async function copyFromImage(target: string, image: string, file: string): Promise<void> {
  if (process.platform !== 'linux') throw new Error(`${basename(file)} is missing; put it on PATH`);
  // An image that is nothing but a program has no command of its own; this one never runs.
  const container = (await docker(['create', image, file])).trim();
  const part = `${target}.part-${process.pid}`;
  await docker(['cp', `${container}:${file}`, part]);
  await docker(['rm', container]);
  renameSync(part, target);
}
