/** ImageRegistry over the OCI distribution protocol: Docker Hub, ECR, GHCR, distribution and the like. */
import { createHash } from 'node:crypto';
import type { ImageConfig } from '../../crds/image-config.ts';
import { ProviderError } from '../errors.ts';
import { Lru } from '../../async/lru.ts';
import { imageConfig, MANIFEST_TYPES, parseManifest, platformDigest, type Manifest } from './oci/manifest.ts';
import type { ImageRegistry, ResolvedImage } from './port.ts';
import { readAtMost } from './oci/read.ts';
import { formatReference, isDigest, parseReference, pinned, type ImageReference } from './reference.ts';
import { RegistryHttp, type RegistryHttpSettings } from './oci/http.ts';

/** Registries refuse larger manifests themselves. */
const MANIFEST_BYTES = 4 * 1024 * 1024;
const CONFIG_BYTES = 4 * 1024 * 1024;
const CONFIGS_KEPT = 1_000;

const digestOf = (body: Uint8Array): string => `sha256:${createHash('sha256').update(body).digest('hex')}`;

class OciImageRegistry implements ImageRegistry {
  readonly #http: RegistryHttp;
  /** By digest and platform, so an entry never grows stale. Promises: a thousand Trials that begin at once ask once. */
  readonly #configs = new Lru<Promise<ImageConfig>>(CONFIGS_KEPT);

  constructor(settings: RegistryHttpSettings) {
    this.#http = new RegistryHttp(settings);
  }

  async resolve(text: string): Promise<ResolvedImage | undefined> {
    const reference = parseReference(text);
    const digest = await this.#head(reference);
    return digest === undefined ? undefined : { reference: pinned(reference, digest), digest };
  }

  config(image: ResolvedImage, platform: string): Promise<ImageConfig> {
    const key = `${image.digest} ${platform}`;
    const known = this.#configs.get(key);
    if (known) return known;
    const asked = this.#readConfig(image, platform);
    this.#configs.set(key, asked);
    asked.catch(() => this.#configs.delete(key));
    return asked;
  }

  /** Docker Hub counts a HEAD as no pull. */
  async #head(reference: ImageReference): Promise<string | undefined> {
    const doing = `resolve ${formatReference(reference)}`;
    const path = `manifests/${reference.digest ?? reference.tag}`;
    const call = {
      host: reference.host,
      repository: reference.repository,
      path,
      accept: MANIFEST_TYPES,
      doing,
    };
    const answer = await this.#http.send({ ...call, method: 'HEAD' });
    if (!answer) return undefined;
    const told = answer.headers.get('docker-content-digest') ?? '';
    const digest = reference.digest ?? (isDigest(told) ? told : undefined);
    if (digest !== undefined) return digest;
    const full = await this.#http.send({ ...call, method: 'GET' });
    return full && digestOf(await readAtMost(full, MANIFEST_BYTES, doing));
  }

  async #readConfig({ reference: text, digest }: ResolvedImage, platform: string): Promise<ImageConfig> {
    const reference = parseReference(text);
    const what = pinned(reference, digest);
    const top = await this.#manifest(reference, digest);
    const image = top.manifests ? await this.#manifest(reference, platformDigest(top, platform, what)) : top;
    if (!image.config)
      throw new ProviderError('Invalid', `${what} is no image: its manifest names no config`);
    const blob = await this.#fetch(reference, `blobs/${image.config.digest}`, CONFIG_BYTES);
    return imageConfig(blob, platform, what);
  }

  async #manifest(reference: ImageReference, digest: string): Promise<Manifest> {
    const body = await this.#fetch(reference, `manifests/${digest}`, MANIFEST_BYTES);
    return parseManifest(body, `manifest ${pinned(reference, digest)}`);
  }

  /** Content by digest; what does not hash to it was damaged on the way or made up. */
  async #fetch({ host, repository }: ImageReference, path: string, maxBytes: number): Promise<Uint8Array> {
    const doing = `get ${host}/${repository} ${path}`;
    const answer = await this.#http.send({
      method: 'GET',
      host,
      repository,
      path,
      accept: MANIFEST_TYPES,
      doing,
    });
    if (!answer) throw new ProviderError('NotFound', `${doing}: HTTP 404`);
    const body = await readAtMost(answer, maxBytes, doing);
    if (!path.endsWith(digestOf(body)))
      throw new ProviderError('Unavailable', `${doing}: content of another digest`);
    return body;
  }
}

export const ociImageRegistry = (settings: RegistryHttpSettings = {}): ImageRegistry =>
  new OciImageRegistry(settings);
