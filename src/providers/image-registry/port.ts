/** Which images exist, and what they are made to run. Failures are `ProviderError`. */
import type { ImageConfig } from '../../crds/image-config.ts';

/** An image that exists. */
export interface ResolvedImage {
  /** The reference by digest, with the registry that nodes know: `repository@sha256:…`. */
  reference: string;
  /** `sha256:…` of the manifest or index that the tag names. */
  digest: string;
}

export interface ImageRegistry {
  /**
   * The digest that a reference names (`python:3.11-slim`, `host:5000/a/b:tag`, `…@sha256:…`); undefined where the registry says that there is none.
   * Throws `AccessDenied`, `Unavailable`, `Throttled`; `Invalid` for something that is no image reference.
   */
  resolve(reference: string): Promise<ResolvedImage | undefined>;
  /** User, directory and start command of an image on a platform (`linux/amd64`). Throws `NotFound` where the image has no such platform. */
  config(image: ResolvedImage, platform: string): Promise<ImageConfig>;
}
