/** A real OCI registry over an empty folder, and a push of images without contents. */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { request } from 'undici';
import { startProgram, type Running } from './programs.ts';

/** Starts distribution’s registry; undefined where it was never built. */
export function startRegistry(): Promise<Running | undefined> {
  return startProgram('registry', async (address, folder) => {
    const config = {
      version: 0.1,
      log: { level: 'error' },
      storage: { filesystem: { rootdirectory: join(folder, 'blobs') } },
      http: { addr: address },
    };
    await writeFile(join(folder, 'config.yml'), JSON.stringify(config));
    return { args: ['serve', join(folder, 'config.yml')], env: { OTEL_TRACES_EXPORTER: 'none' } };
  });
}

export interface TestImage {
  /** `config` of the image config: `User`, `Entrypoint`, … */
  config: Record<string, unknown>;
  /** More than one makes an index. */
  platforms: string[];
}

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';

interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
}

function describeJson(value: unknown, mediaType: string): Descriptor & { body: string } {
  const body = JSON.stringify(value);
  return {
    mediaType,
    digest: `sha256:${createHash('sha256').update(body).digest('hex')}`,
    size: body.length,
    body,
  };
}

async function expectStatus(
  status: number,
  url: string,
  init: Parameters<typeof request>[1],
): Promise<string> {
  const answer = await request(url, init);
  await answer.body.dump();
  if (answer.statusCode !== status) throw new Error(`${init?.method} ${url}: HTTP ${answer.statusCode}`);
  return String(answer.headers['location'] ?? '');
}

async function putBlob(
  repository: string,
  { digest, body }: { digest: string; body: string },
): Promise<void> {
  const upload = new URL(
    await expectStatus(202, `${repository}/blobs/uploads/`, { method: 'POST' }),
    repository,
  );
  upload.searchParams.set('digest', digest);
  await expectStatus(201, upload.href, { method: 'PUT', body });
}

const putManifest = (
  repository: string,
  reference: string,
  { mediaType, body }: { mediaType: string; body: string },
) =>
  expectStatus(201, `${repository}/manifests/${reference}`, {
    method: 'PUT',
    body,
    headers: { 'content-type': mediaType },
  });

async function putImage(repository: string, image: TestImage, platform: string) {
  const [os, architecture, variant] = platform.split('/');
  const contents = {
    os,
    architecture,
    variant,
    config: image.config,
    rootfs: { type: 'layers', diff_ids: [] },
  };
  const { body, ...config } = describeJson(contents, 'application/vnd.oci.image.config.v1+json');
  await putBlob(repository, { ...config, body });
  const manifest = describeJson({ schemaVersion: 2, mediaType: MANIFEST, config, layers: [] }, MANIFEST);
  await putManifest(repository, manifest.digest, manifest);
  return { ...manifest, platform: { os, architecture, variant } };
}

/** Pushes under `base` (`http://host:port`), path and tag; resolves the digest that the tag then names. */
export async function pushImage(
  base: string,
  name: { path: string; tag: string },
  image: TestImage,
): Promise<string> {
  const repository = `${base}/v2/${name.path}`;
  const pushed = [];
  for (const platform of image.platforms) pushed.push(await putImage(repository, image, platform));
  const manifests = pushed.map(({ body: _body, ...descriptor }) => descriptor);
  const top =
    pushed.length === 1 ? pushed[0]! : describeJson({ schemaVersion: 2, mediaType: INDEX, manifests }, INDEX);
  await putManifest(repository, name.tag, top);
  return top.digest;
}
