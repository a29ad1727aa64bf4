/** What manifests, indexes and image configs say. Pure. */
import type { ImageConfig } from '../../../crds/courier-protocol.ts';
import { ProviderError } from '../../errors.ts';

/** Everything that a registry may hand out for an image; what is not named here it may convert or refuse. */
export const MANIFEST_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
] as const;

interface Platform {
  os?: string;
  architecture?: string;
  variant?: string;
}

export interface Manifest {
  /** Set in an index. */
  manifests?: { digest: string; platform?: Platform }[];
  /** Set in an image. */
  config?: { digest: string };
}

interface ConfigBlob extends Platform {
  config?: { User?: string; WorkingDir?: string; Entrypoint?: string[] | null; Cmd?: string[] | null } | null;
}

/** Parses JSON of a registry; `what` names it in the error. */
export function parseJson(body: Uint8Array, what: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString('utf8'));
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch (error) {
    throw new ProviderError('Invalid', `${what} is no JSON`, { cause: error });
  }
  throw new ProviderError('Invalid', `${what} is no JSON object`);
}

/** arm64 has one variant, which most indexes leave out. */
const variantOf = ({ architecture, variant }: Platform): string | undefined =>
  variant ?? (architecture === 'arm64' ? 'v8' : undefined);

function matches(offered: Platform, wanted: Platform): boolean {
  const variant = variantOf(wanted);
  const sameVariant = variant === undefined || variantOf(offered) === variant;
  return offered.os === wanted.os && offered.architecture === wanted.architecture && sameVariant;
}

function parsePlatform(platform: string): Platform {
  const [os = '', architecture = '', variant] = platform.split('/');
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

const noPlatform = (what: string, platform: string): ProviderError =>
  new ProviderError('NotFound', `${what} has no variant for ${platform}`);

/** Digest of the index’s image for that platform. */
export function platformDigest(index: Manifest, platform: string, what: string): string {
  const wanted = parsePlatform(platform);
  const found = index.manifests?.find((entry) => entry.platform && matches(entry.platform, wanted));
  if (!found) throw noPlatform(what, platform);
  return found.digest;
}

/** The part of an image’s config that says what to run. Throws `NotFound` for an image of another platform. */
export function imageConfig(blob: Uint8Array, platform: string, what: string): ImageConfig {
  const parsed: ConfigBlob = parseJson(blob, `config of ${what}`);
  if (parsed.os !== undefined && !matches(parsed, parsePlatform(platform))) throw noPlatform(what, platform);
  const { User, WorkingDir, Entrypoint, Cmd } = parsed.config ?? {};
  return { user: User ?? '', workdir: WorkingDir || '/', entrypoint: Entrypoint ?? [], cmd: Cmd ?? [] };
}
