import { registry } from '../parts/services.ts';
import { inRegistry, manifestTypes } from './build.ts';

type Descriptor = { digest: string };
type Manifest = { config?: Descriptor; layers?: Descriptor[]; manifests?: Descriptor[] };

const base = `${registry.host}/v2`;

/** Gives an image of the local registry (`repository:tag`) a second name, without its layers going anywhere. */
export async function aliasImage(image: string, name: string): Promise<void> {
  if (await inRegistry(name)) return;
  const [from = '', tag = ''] = image.split(':');
  const [to = '', newTag = ''] = name.split(':');
  await copyManifest({ from, to, reference: tag, as: newTag });
}

type Copy = { from: string; to: string; reference: string; as: string };

async function copyManifest({ from, to, reference, as }: Copy): Promise<void> {
  const found = await fetch(`${base}/${from}/manifests/${reference}`, { headers: { accept: manifestTypes } });
  const body = await found.text();
  if (!found.ok)
    throw new Error(`${from}:${reference} is not in the local registry: ${found.status} ${body}`);
  const { config, layers = [], manifests = [] } = JSON.parse(body) as Manifest;
  for (const { digest } of manifests) await copyManifest({ from, to, reference: digest, as: digest });
  for (const { digest } of [...(config ? [config] : []), ...layers]) await mount(digest, from, to);
  const headers = { 'content-type': found.headers.get('content-type') ?? '' };
  await expectCreated(`${base}/${to}/manifests/${as}`, { method: 'PUT', body, headers });
}

const mount = (digest: string, from: string, to: string): Promise<void> =>
  expectCreated(
    `${base}/${to}/blobs/uploads/?mount=${encodeURIComponent(digest)}&from=${encodeURIComponent(from)}`,
    {
      method: 'POST',
    },
  );

async function expectCreated(url: string, init: RequestInit): Promise<void> {
  const answer = await fetch(url, init);
  await answer.body?.cancel();
  if (answer.status !== 201) throw new Error(`${init.method} ${url}: ${answer.status}`);
}
