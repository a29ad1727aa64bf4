/** Image references with Docker’s rules: what is left out means Docker Hub, `library/` and `latest`. */
import { ProviderError } from '../errors.ts';

export interface ImageReference {
  /** Host of the registry as nodes know it: `docker.io`, `sb-registry:5000`. */
  host: string;
  /** Path within it: `library/python`. */
  repository: string;
  /** Missing where only a digest was given. */
  tag?: string;
  /** `sha256:…` */
  digest?: string;
}

const HUB = 'docker.io';
const HUB_ALIASES = new Set([HUB, 'index.docker.io', 'registry-1.docker.io']);
const NAME_MAX = 255;

// The grammar of distribution/reference.
const HOST =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/;
const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

export const isDigest = (text: string): boolean => DIGEST.test(text);

/** Docker takes the first component for a host when it could be none of its own users. */
const isHost = (component: string): boolean =>
  component === 'localhost' || /[.:]/.test(component) || component !== component.toLowerCase();

function splitName(name: string): { host: string; repository: string } {
  const slash = name.indexOf('/');
  const first = name.slice(0, Math.max(slash, 0));
  const [host, path] = isHost(first) && slash > 0 ? [first, name.slice(slash + 1)] : [HUB, name];
  if (!HUB_ALIASES.has(host)) return { host, repository: path };
  return { host: HUB, repository: path.includes('/') ? path : `library/${path}` };
}

function splitText(text: string): { name: string; tag?: string; digest?: string } {
  const at = text.indexOf('@');
  const named = at < 0 ? text : text.slice(0, at);
  const digest = at < 0 ? {} : { digest: text.slice(at + 1) };
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1);
  if (colon >= 0) return { name: named.slice(0, colon), tag: named.slice(colon + 1), ...digest };
  return { name: named, ...(at < 0 ? { tag: 'latest' } : {}), ...digest };
}

/** Parses `python:3.11-slim`, `host:5000/a/b:tag`, `a/b@sha256:…`. Throws `Invalid` for anything else. */
export function parseReference(text: string): ImageReference {
  const { name, tag, digest } = splitText(text);
  const { host, repository } = splitName(name);
  const valid =
    HOST.test(host) &&
    name.length <= NAME_MAX &&
    REPOSITORY.test(repository) &&
    (tag === undefined || TAG.test(tag)) &&
    (digest === undefined || isDigest(digest));
  if (!valid)
    throw new ProviderError('Invalid', `${JSON.stringify(text.slice(0, 300))} is no image reference`);
  return {
    host,
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** `host/repository@digest`: the same image for ever. */
export const pinned = ({ host, repository }: ImageReference, digest: string): string =>
  `${host}/${repository}@${digest}`;

/** `host/repository:tag` or `…@digest`, with nothing left out. */
export const formatReference = (reference: ImageReference): string =>
  reference.digest === undefined
    ? `${reference.host}/${reference.repository}:${reference.tag}`
    : pinned(reference, reference.digest);
