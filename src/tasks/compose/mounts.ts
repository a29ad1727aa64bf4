/** `volumes`, `tmpfs` and `shm_size` of a service → what its container has at which paths. */
import { posix } from 'node:path';
import { isWithin } from '../../wire/pod-paths.ts';
import { bytesOf } from './amounts.ts';
import { inEnvironment } from './document.ts';
import type { Named } from './network.ts';
import type { Place } from './place.ts';
import { saysNothing } from './refusals.ts';
import type { Service, VolumeMount } from './schema.ts';
import type { ComposeMount } from './types.ts';
import { HARBOR_LOGS } from './variables.ts';

/** What mounts are read by. */
interface Around {
  /** Of the service. */
  name: string;
  /** Names of the volumes that the document declares. */
  declared: ReadonlySet<string>;
}

/** Every mount with what else is to be known of it. */
export interface Mounted {
  mount: ComposeMount;
  /** Of a file or folder of the task: the container may write it, and in Docker everybody sees that. */
  writable: boolean;
  place: Place;
}

/** In the order of their paths, so that what lies within another one comes after it. */
export function mountsOf({ name, service, place }: Named, declared: ReadonlySet<string>): Mounted[] {
  const { volumes = [], tmpfs = [], shm_size: shared } = service;
  const around = { name, declared };
  const temporary = Array.isArray(tmpfs) ? tmpfs.map(String) : [tmpfs];
  const found = [
    ...volumes.flatMap((volume, index) => volumeMount(volume, place.at('volumes', index), around)),
    ...temporary.flatMap((text, index) => tmpfsMount(text, place.at('tmpfs', index))),
    ...(shared === undefined ? [] : memoryMount('/dev/shm', { size: shared }, place.at('shm_size'))),
  ];
  const paths = new Map<string, Mounted>();
  for (const one of found) {
    const { mount } = one;
    const why = paths.has(mount.path) ? `${mount.path} is mounted twice` : reserved(mount, name);
    if (why === undefined) paths.set(mount.path, one);
    else one.place.unsupported(why);
  }
  return [...paths.values()].toSorted((a, b) => (a.mount.path < b.mount.path ? -1 : 1));
}

const OURS = ['/sb', '/logs', '/proc', '/sys', '/dev', '/etc/hosts', '/etc/hostname', '/etc/resolv.conf'];
const OF_MAIN = ['/tests', '/solution'];

/** Why nothing can be mounted there. */
function reserved({ kind, path }: ComposeMount, service: string): string | undefined {
  if (path === '/dev/shm' && kind === 'tmpfs') return undefined;
  if (path === '/') return 'nothing can be mounted over all of a container';
  const taken = [...OURS, ...(service === 'main' ? OF_MAIN : [])].find((one) => isWithin(path, one));
  return taken && `${taken} is what every container of a Trial has there; choose another path`;
}

const SHORT_OPTIONS = new Set(['rw', 'ro', 'z', 'Z', 'nocopy', 'cached', 'consistent', 'delegated']);

interface Wanted {
  source: string | undefined;
  target: string;
  readOnly: boolean;
  /** Nothing of the image is put into the volume. */
  nocopy: boolean;
  isBind: boolean;
}

function volumeMount(
  volume: NonNullable<Service['volumes']>[number],
  place: Place,
  { name, declared }: Around,
): Mounted[] {
  if (typeof volume !== 'string' && volume.type === 'tmpfs')
    return memoryMount(volume.target, volume.tmpfs ?? {}, place);
  const wanted = typeof volume === 'string' ? shortForm(volume, place) : longForm(volume, place);
  const target = wanted && targetOf(wanted.target, place);
  if (!wanted || target === undefined) return [];
  return wanted.isBind
    ? bindMount({ ...wanted, target }, name, place)
    : folderMount({ ...wanted, target }, { name, declared }, place);
}

/** An anonymous volume is one that nobody else can name. */
function folderMount(
  { source, target, readOnly, nocopy }: Wanted,
  { name, declared }: Around,
  place: Place,
): Mounted[] {
  if (source !== undefined && !declared.has(source)) {
    place.invalid(`the volume ${source} is not among those under volumes of the file`);
    return [];
  }
  const volume = source ?? `${name} ${target}`;
  const mount = { kind: 'volume' as const, volume, path: target, readOnly, ...(nocopy && { nocopy }) };
  return [{ mount, writable: false, place }];
}

/** `source:/target:options`, `/target`. */
function shortForm(text: string, place: Place): Wanted | undefined {
  const parts = text.split(':');
  const [source = '', target = source, options = '', more] = parts;
  if (more !== undefined || target === '') {
    place.invalid(`is ${JSON.stringify(text)}; expected "source:/path" or "source:/path:ro"`);
    return undefined;
  }
  const modes = options.split(',').filter(Boolean);
  const odd = modes.find((mode) => !SHORT_OPTIONS.has(mode));
  if (odd !== undefined) {
    place.unsupported(`the option ${odd} of a mount is not kept; expected ro, or none`);
    return undefined;
  }
  const readOnly = modes.includes('ro');
  const nocopy = modes.includes('nocopy');
  if (parts.length === 1) return { source: undefined, target, readOnly, nocopy, isBind: false };
  return { source, target, readOnly, nocopy, isBind: /^[./~\\]/.test(source) };
}

const LONG_OPTIONS = { bind: ['create_host_path', 'selinux'], volume: ['nocopy'] };

function longForm(volume: VolumeMount, place: Place): Wanted | undefined {
  const { type, source, target, read_only: readOnly = false } = volume;
  if (type !== 'volume' && type !== 'bind') {
    place.at('type').unsupported(`a mount of type ${type} is not made; expected volume, bind or tmpfs`);
    return undefined;
  }
  const odd = Object.entries(volume[type] ?? {}).find(
    ([key, value]) => !LONG_OPTIONS[type].includes(key) && !saysNothing(value),
  );
  if (odd) {
    place.at(type, odd[0]).unsupported('it is not kept of a mount; leave it out');
    return undefined;
  }
  const nocopy = volume.volume?.['nocopy'] === true;
  return { source, target, readOnly: String(readOnly) === 'true', nocopy, isBind: type === 'bind' };
}

function targetOf(target: string, place: Place): string | undefined {
  const whole = posix.normalize(target).replace(/(.)\/$/, '$1');
  if (posix.isAbsolute(whole) && !/[:\0]/.test(whole)) return whole;
  place.invalid(`${JSON.stringify(target)} is no absolute path in the container`);
  return undefined;
}

/** A file or folder of the task, which the courier puts there; what lies anywhere else is not there in a Pod. */
function bindMount({ source = '', target, readOnly }: Wanted, service: string, place: Place): Mounted[] {
  if (source.startsWith(HARBOR_LOGS)) {
    // As it is in every Trial.
    const isThere = service === 'main' && isWithin(target, '/logs');
    if (!isThere)
      place.unsupported(
        'only main and the verifier have the /logs of a Trial; name files as artifacts of this service',
      );
    return [];
  }
  const from = inEnvironment(source);
  const why = whyNoBind(source, from);
  if (why === undefined && from !== undefined)
    return [{ mount: { kind: 'copy', from, path: target }, writable: !readOnly, place }];
  place.unsupported(why ?? '');
  return [];
}

function whyNoBind(source: string, from: string | undefined): string | undefined {
  if (source.endsWith('docker.sock')) return 'a container never sees the Docker of a node; leave it out';
  if (/^[/~\\]/.test(source))
    return `${source} would be a path of the node, of which a container sees nothing; put the files into environment/`;
  if (from === undefined)
    return `${source} lies outside of environment/, all that a service sees of the task`;
  return from === 'environment'
    ? 'all of environment/ cannot be mounted; name a folder within it'
    : undefined;
}

function tmpfsMount(text: string, place: Place): Mounted[] {
  const [target = '', options = ''] = text.split(':', 2);
  const given = options.split(',').filter(Boolean);
  return memoryMount(target, Object.fromEntries(given.map((option) => option.split('=', 2))), place);
}

/** Options that change nothing: everybody may write to it, as Docker makes it. */
const TMPFS_OPTIONS = new Set(['size', 'mode', 'rw', 'exec', 'noexec', 'suid', 'nosuid', 'dev', 'nodev']);

function memoryMount(target: string, options: { size?: string | number }, place: Place): Mounted[] {
  const to = targetOf(target, place);
  const odd = Object.keys(options).find((option) => !TMPFS_OPTIONS.has(option));
  if (odd !== undefined)
    place.unsupported(`the option ${odd} of a tmpfs is not kept; expected size, or none`);
  const { size } = options;
  const bytes = size === undefined ? undefined : bytesOf(size);
  if (size !== undefined && bytes === undefined)
    place.invalid(`${JSON.stringify(size)} is no size; expected one such as 64m`);
  if (to === undefined) return [];
  return [{ mount: { kind: 'tmpfs', path: to, ...(bytes && { bytes }) }, writable: false, place }];
}
