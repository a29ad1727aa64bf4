/** The rooms of `src` and the arrows between them, as `rooms.json` states them. Pure but for reading that file. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, matchesGlob } from 'node:path';

/** Files that lie together, and what they may import beside each other. Rooms stand in the order of their floors: a room imports only what stands above it in the file. */
export interface Room {
  name: string;
  /** What it is, in a few words. */
  is: string;
  /** Globs, relative to the repository; a file lies in exactly one room. */
  files: string[];
  except?: string[];
  /** Names of rooms. */
  may: string[] | 'anything';
  /** Rooms of which types alone may be imported. */
  types?: string[];
  /** Packages of npm: the name, or a scope with `/*`. Modules of Node are anybody's. */
  packages?: string[];
  /** A folder whose own folders are walled from each other, but for files that lie right in it. */
  apart?: string;
  /** Folders of `apart` that its other folders may import. */
  shared?: string[];
}

export interface House {
  /** Globs of tests and what only tests use: they may import anything. */
  tests: string[];
  rooms: Room[];
}

export interface Import {
  /** Path of the importing file, relative to the repository. */
  from: string;
  /** What it names: a path relative to itself, or a package. */
  specifier: string;
  typesOnly: boolean;
}

/** The nearest folder at or above `folder` that has a `rooms.json`. */
export function rootAbove(folder: string): string | undefined {
  if (existsSync(join(folder, 'rooms.json'))) return folder;
  const above = dirname(folder);
  return above === folder ? undefined : rootAbove(above);
}

/** Reads `rooms.json`. Throws for an arrow that runs up, or names no room: without such arrows there are no circles. */
export function readHouse(root: string): House {
  const house = JSON.parse(readFileSync(join(root, 'rooms.json'), 'utf8')) as House;
  const below = new Set<string>();
  for (const { name, may, types = [] } of house.rooms) {
    for (const other of may === 'anything' ? types : [...may, ...types])
      if (!below.has(other))
        throw new Error(`rooms.json: ${name} may not import ${other}: it stands no higher in the file`);
    below.add(name);
  }
  return house;
}

const matches = (file: string, globs: readonly string[] = []): boolean =>
  globs.some((glob) => matchesGlob(file, glob));

export const isTest = ({ tests }: House, file: string): boolean => matches(file, tests);

/** The rooms that claim a file: one, unless `rooms.json` is wrong. */
export const roomsOf = ({ rooms }: House, file: string): Room[] =>
  rooms.filter(({ files, except }) => matches(file, files) && !matches(file, except));

/** Why an import is not allowed; undefined where it is. */
export function problemOf(house: House, { from, specifier, typesOnly }: Import): string | undefined {
  if (isTest(house, from)) return undefined;
  const [room] = roomsOf(house, from);
  if (!room) return `${from} lies in no room: add it to rooms.json`;
  if (room.may === 'anything') return undefined;
  if (!specifier.startsWith('.')) return problemOfPackage(room, specifier);
  const target = join(dirname(from), specifier);
  const [other] = isTest(house, target) ? [] : roomsOf(house, target);
  if (!other) return `${target} is not for the rooms of src: it lies in none of them`;
  if (isWalledOff(room, from, target))
    return `${target} lies in a folder beside this one: those of ${room.apart} do not know each other`;
  return problemOfRoom(room, other, typesOnly);
}

function problemOfRoom({ name, may, types = [] }: Room, other: Room, typesOnly: boolean): string | undefined {
  if (other.name === name || may.includes(other.name)) return undefined;
  if (!types.includes(other.name)) return `the room ${name} may not import ${other.name}; see rooms.json`;
  return typesOnly ? undefined : `the room ${name} may import of ${other.name} only types; see rooms.json`;
}

/** Whether both lie in folders of `apart`, and in different ones. */
function isWalledOff({ apart, shared = [] }: Room, from: string, target: string): boolean {
  if (apart === undefined) return false;
  const folderOf = (file: string): string | undefined =>
    file.startsWith(`${apart}/`) ? /^([^/]+)\//.exec(file.slice(apart.length + 1))?.[1] : undefined;
  const [own, others] = [folderOf(from), folderOf(target)];
  if (own === undefined || others === undefined || own === others) return false;
  return !shared.includes(`${apart}/${others}`);
}

function problemOfPackage({ name, packages = [] }: Room, specifier: string): string | undefined {
  if (specifier.startsWith('node:')) return undefined;
  const [first = '', second = ''] = specifier.split('/');
  const packageName = first.startsWith('@') ? `${first}/${second}` : first;
  const isAllowed = packages.includes(packageName) || packages.includes(`${first}/*`);
  return isAllowed ? undefined : `the room ${name} may not import the package ${packageName}; see rooms.json`;
}
