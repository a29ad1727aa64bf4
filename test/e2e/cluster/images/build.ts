import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { digest, scratchFolder } from '../machine/paths.ts';
import { docker, run } from '../machine/process.ts';
import { buildkitAddress, registry } from '../parts/services.ts';

export type Build = {
  name: string;
  context: string;
  secrets?: Record<string, string>;
  /** Folders that take the place of the Dockerfile's stages of these names. */
  stages?: Record<string, string>;
  env?: NodeJS.ProcessEnv;
};

/** Every form of manifest that an image can have, as an Accept header. */
export const manifestTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

/** Whether the local registry holds `repository:tag`. */
export const inRegistry = async (image: string): Promise<boolean> => (await digestOf(image)) !== undefined;

/** Digest of `repository:tag` in the local registry. */
export async function digestOf(image: string): Promise<string | undefined> {
  const [repository, tag] = image.split(':');
  const url = `${registry.host}/v2/${repository}/manifests/${tag}`;
  const response = await fetch(url, { method: 'HEAD', headers: { accept: manifestTypes } });
  return response.ok ? (response.headers.get('docker-content-digest') ?? undefined) : undefined;
}

/** Builds a context's Dockerfile in BuildKit and puts the image into the local registry as `name` (repository and tag, no host). */
export async function buildImage({ name, context, secrets = {}, stages = {}, env }: Build): Promise<void> {
  const output = `type=image,name=${registry.inCluster}/${name},push=true`;
  const source = ['--local', `context=${context}`, '--local', `dockerfile=${context}`];
  const secretFlags = Object.entries(secrets).flatMap(([id, file]) => ['--secret', `id=${id},src=${file}`]);
  const stageFlags = Object.entries(stages).flatMap(([stage, folder]) => [
    '--opt',
    `context:${stage}=local:${stage}`,
    '--local',
    `${stage}=${folder}`,
  ]);
  const flags = [
    '--progress',
    'plain',
    '--frontend',
    'dockerfile.v0',
    ...source,
    ...secretFlags,
    ...stageFlags,
    '--output',
    output,
  ];
  await run('buildctl', ['--addr', buildkitAddress, 'build', ...flags], env ? { env } : {});
}

/** Builds an image of nothing but a Dockerfile and the given files. */
export async function buildSmallImage(
  name: string,
  files: Record<string, string | Uint8Array>,
): Promise<void> {
  using scratch = scratchFolder('image');
  for (const [file, content] of Object.entries(files))
    writeFileSync(join(scratch.path, file), content, { mode: 0o755 });
  await buildImage({ name, context: scratch.path });
}

/** An image of nothing but this static program, in the local registry; gives its name in the cluster. */
export async function ensureProgramImage(program: string): Promise<string> {
  const file = basename(program);
  const contents = readFileSync(program);
  const Dockerfile = `FROM scratch\nCOPY --chmod=755 ${file} /${file}\n`;
  const name = `${file}:${digest(Dockerfile, contents)}`;
  if (!(await inRegistry(name))) await buildSmallImage(name, { Dockerfile, [file]: contents });
  return `${registry.inCluster}/${name}`;
}

/** Copies an image of the engine into the local registry. */
export async function pushImage(image: string, name: string): Promise<void> {
  const target = `localhost:5000/${name}`;
  await docker(['tag', image, target]);
  await docker(['push', '-q', target]);
  await docker(['rmi', target]);
}
