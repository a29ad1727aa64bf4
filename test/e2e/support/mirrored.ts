/** What `sb` has copied of a run, held against what is stored. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { identityOf, trialName } from '../../../src/crds/names.ts';
import { trialPrefix } from '../../../src/results/keys.ts';
import type { Trial } from '../../../src/crds/trial.ts';
import { checkedManifest } from './stored.ts';
import { world } from './world.ts';

const sha256 = (contents: Uint8Array): string => createHash('sha256').update(contents).digest('hex');

const MAX_BYTES = 64 * 1024 * 1024;
/** What is stored beside the files of the manifest, and never changes. */
const OWN = ['manifest.json', 'outcome.json', 'config.json', 'result.json'];
/** What `sb` writes itself, without a checksum. */
const DOCUMENTS = ['lock.json'];
const JOB = ['config.json', 'result.json', ...DOCUMENTS];

/** For Harbor's viewer: a link to files that are there under another name, and what `result.json` says of the exception. */
const isForViewer = (path: string): boolean => /^[^/]+\/(?:artifacts\/|exception\.txt$)/.test(path);

/** Files below a folder, by their paths with `/`; none where there is no folder. */
export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1))
    .sort();
}

export interface Copied {
  /** Should be there, and are not. */
  missing: string[];
  /** Are there, and are not what the store has. */
  wrong: string[];
  /** Nobody knows of them. */
  strange: string[];
}

/** The folder of a run whose Trials have all ended, against the manifests and the objects of the store. */
export async function compareCopies(folder: string, trials: readonly Trial[]): Promise<Copied> {
  const wanted = new Map<string, string | undefined>(JOB.map((name) => [name, undefined]));
  for (const trial of trials) {
    const name = trialName(identityOf(trial));
    for (const file of (await checkedManifest(trial)).files) wanted.set(`${name}/${file.path}`, file.sha256);
    for (const path of OWN) wanted.set(`${name}/${path}`, await storedHash(`${trialPrefix(trial)}${path}`));
    for (const path of DOCUMENTS) wanted.set(`${name}/${path}`, undefined);
  }
  const there = (await filesBelow(folder)).filter((path) => !isForViewer(path));
  const known = there.filter((path) => wanted.has(path));
  const sound = await Promise.all(known.map((path) => isSound(join(folder, path), wanted.get(path))));
  return {
    missing: [...wanted.keys()].filter((path) => !there.includes(path)),
    wrong: known.filter((_, index) => !sound[index]),
    strange: there.filter((path) => !wanted.has(path)),
  };
}

async function isSound(file: string, hash: string | undefined): Promise<boolean> {
  const contents = await readFile(file);
  return hash === undefined ? isJson(contents) : sha256(contents) === hash;
}

async function storedHash(key: string): Promise<string> {
  const contents = await world().artifacts.get(key, MAX_BYTES);
  if (!contents) throw new Error(`the bucket has no ${key}`);
  return sha256(contents);
}

function isJson(contents: Buffer): boolean {
  try {
    return typeof JSON.parse(contents.toString()) === 'object';
  } catch {
    return false;
  }
}
