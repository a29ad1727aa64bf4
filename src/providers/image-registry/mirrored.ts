/** Images of Trials by way of mirrors, as base images of builds have them: every node behind one address pulls from there, and none from Docker Hub. */
import type { ImageConfig } from '../../crds/image-config.ts';
import { ProviderError } from '../errors.ts';
import type { ImageRegistry, ResolvedImage } from './port.ts';
import { parseReference } from './reference.ts';

class MirroredRegistry implements ImageRegistry {
  readonly #registry: ImageRegistry;
  /** The longest prefix first. */
  readonly #mirrors: readonly [from: string, to: string][];

  constructor(registry: ImageRegistry, mirrors: Record<string, string>) {
    this.#registry = registry;
    this.#mirrors = Object.entries(mirrors).toSorted(([a], [b]) => b.length - a.length);
  }

  async resolve(text: string): Promise<ResolvedImage | undefined> {
    const mirrored = this.#mirroredName(text);
    const copy = mirrored === undefined ? undefined : await this.#copy(mirrored);
    return copy ?? this.#registry.resolve(text);
  }

  config(image: ResolvedImage, platform: string): Promise<ImageConfig> {
    return this.#registry.config(image, platform);
  }

  /** Not every mirror has everything, nor every digest that its origin ever had, and some refuse what they do not have. */
  async #copy(mirrored: string): Promise<ResolvedImage | undefined> {
    try {
      return await this.#registry.resolve(mirrored);
    } catch (error) {
      if (error instanceof ProviderError && error.reason === 'AccessDenied') return undefined;
      throw error;
    }
  }

  #mirroredName(text: string): string | undefined {
    const { host, repository, tag, digest } = parseReference(text);
    const name = `${host}/${repository}`;
    const [from, to] = this.#mirrors.find(([prefix]) => name.startsWith(`${prefix}/`)) ?? [];
    if (from === undefined) return undefined;
    return `${to}${name.slice(from.length)}${digest === undefined ? `:${tag}` : `@${digest}`}`;
  }
}

/** `mirrors`: prefixes of names, and what is asked instead: `docker.io/library` → `public.ecr.aws/docker/library`. What the mirror has not comes from where it is. */
export const mirroredRegistry = (registry: ImageRegistry, mirrors: Record<string, string>): ImageRegistry =>
  Object.keys(mirrors).length === 0 ? registry : new MirroredRegistry(registry, mirrors);
