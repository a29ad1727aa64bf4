/** An ImageRegistry within the process: it knows the images that were put into it, and nothing else. */
import { createHash } from 'node:crypto';
import type { ImageConfig } from '../../crds/image-config.ts';
import { ProviderError } from '../errors.ts';
import type { ImageRegistry, ResolvedImage } from './port.ts';
import { formatReference, parseReference, pinned } from './reference.ts';

/** An image to put in. What is left out is what an empty Dockerfile gives. */
export interface MemoryImage {
  config?: Partial<ImageConfig>;
  /** Default: `linux/amd64`. */
  platforms?: string[];
  /** Default: made of the reference and the rest. */
  digest?: string;
}

export interface MemoryImageRegistryOptions {
  /** Called before every operation; an error that it returns is what the operation throws. */
  fault?: (operation: string, reference: string) => ProviderError | undefined;
}

const BARE: ImageConfig = { user: '', workdir: '/', entrypoint: [], cmd: [] };

export class MemoryImageRegistry implements ImageRegistry {
  readonly #fault: NonNullable<MemoryImageRegistryOptions['fault']>;
  readonly #digests = new Map<string, string>();
  readonly #images = new Map<string, Required<MemoryImage>>();

  constructor({ fault = () => undefined }: MemoryImageRegistryOptions) {
    this.#fault = fault;
  }

  /** Puts an image in, as a push of that tag does; a tag that exists moves. */
  add(text: string, image: MemoryImage = {}): ResolvedImage {
    const reference = parseReference(text);
    const name = formatReference(reference);
    const hash = createHash('sha256')
      .update(JSON.stringify([name, image]))
      .digest('hex');
    const { config = {}, platforms = ['linux/amd64'], digest = `sha256:${hash}` } = image;
    const byDigest = pinned(reference, digest);
    this.#digests.set(name, digest).set(byDigest, digest);
    this.#images.set(byDigest, { config: { ...BARE, ...config }, platforms, digest });
    return { reference: byDigest, digest };
  }

  /** Takes a tag away; the digest that it named stays. */
  remove(text: string): void {
    this.#digests.delete(formatReference(parseReference(text)));
  }

  async resolve(text: string): Promise<ResolvedImage | undefined> {
    const reference = parseReference(text);
    this.#begin('resolve', text);
    const digest = this.#digests.get(formatReference(reference));
    return digest === undefined ? undefined : { reference: pinned(reference, digest), digest };
  }

  async config(image: ResolvedImage, platform: string): Promise<ImageConfig> {
    this.#begin('config', image.reference);
    const found = this.#images.get(image.reference);
    if (!found) throw new ProviderError('NotFound', `get ${image.reference}: no such image`);
    if (!found.platforms.includes(platform)) {
      throw new ProviderError('NotFound', `${image.reference} has no variant for ${platform}`);
    }
    return { ...BARE, ...found.config };
  }

  #begin(operation: string, reference: string): void {
    const error = this.#fault(operation, reference);
    if (error) throw error;
  }
}

export const memoryImageRegistry = (options: MemoryImageRegistryOptions = {}): MemoryImageRegistry =>
  new MemoryImageRegistry(options);
