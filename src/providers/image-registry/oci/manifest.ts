/** What manifests, indexes and image configs say. Pure. */
import { type TSchema, Type } from 'typebox';
import Value from 'typebox/value';
import type { ImageConfig } from '../../../crds/image-config.ts';
import { ProviderError } from '../../errors.ts';

/** Everything that a registry may hand out for an image; what is not named here it may convert or refuse. */
export const MANIFEST_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
] as const;

const Maybe = <T extends TSchema>(type: T) => Type.Optional(Type.Union([type, Type.Null()]));
const Word = Type.String({ maxLength: 4096 });

const Platform = Type.Object({ os: Maybe(Word), architecture: Maybe(Word), variant: Maybe(Word) });
type Platform = Type.Static<typeof Platform>;

const Manifest = Type.Object({
  /** Set in an index. */
  manifests: Type.Optional(Type.Array(Type.Object({ digest: Word, platform: Maybe(Platform) }))),
  /** Set in an image. */
  config: Type.Optional(Type.Object({ digest: Word })),
});
export type Manifest = Type.Static<typeof Manifest>;

const ConfigBlob = Type.Object({
  ...Platform.properties,
  config: Maybe(
    Type.Object({
      User: Maybe(Word),
      WorkingDir: Maybe(Word),
      Entrypoint: Maybe(Type.Array(Type.String())),
      Cmd: Maybe(Type.Array(Type.String())),
    }),
  ),
});

/** Kept in memory by the operator for many images, and written onto each Pod of the image. */
const CONFIG_MAX_CHARS = 64 * 1024;

/** Parses a manifest or an index. Throws `Invalid` for anything else. */
export function parseManifest(body: Uint8Array, what: string): Manifest {
  const manifest = parseJson(body, what);
  if (Value.Check(Manifest, manifest)) return manifest;
  throw new ProviderError('Invalid', `${what} is not of the form of a manifest`);
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
  const parsed = parseJson(blob, `config of ${what}`);
  if (!Value.Check(ConfigBlob, parsed))
    throw new ProviderError('Invalid', `config of ${what} is not of the form of an image config`);
  if (typeof parsed.os === 'string' && !matches(parsed, parsePlatform(platform)))
    throw noPlatform(what, platform);
  const { User, WorkingDir, Entrypoint, Cmd } = parsed.config ?? {};
  const config = {
    user: User ?? '',
    workdir: WorkingDir || '/',
    entrypoint: Entrypoint ?? [],
    cmd: Cmd ?? [],
  };
  if (JSON.stringify(config).length <= CONFIG_MAX_CHARS) return config;
  throw new ProviderError(
    'Invalid',
    `config of ${what}: user, directory, entrypoint and command have more than ${CONFIG_MAX_CHARS} characters`,
  );
}
