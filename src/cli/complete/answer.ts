import type { Command } from 'commander';
import { safeLine } from '../../text/safe.ts';
import { candidates, type Names } from './candidates.ts';

/** Says to the shell's function: complete the names of files. */
export const FILES = ':files';

/** Asks cluster or kubeconfig for names; what cannot be had is an empty list. */
export type LookUp = (names: Names, words: readonly string[]) => Promise<string[]>;

/** Lines for the shell's function: a candidate, a tab, what it is; those alone that begin as the word under the cursor does. */
export async function answer(root: Command, words: readonly string[], lookUp: LookUp): Promise<string[]> {
  const found = candidates(root, words);
  const current = words.at(-1) ?? '';
  const assigned = /^--[^=]+=/.exec(current)?.[0] ?? '';
  const fitting = (all: readonly [string, string][]): string[] =>
    all
      .map(([word, about]): [string, string] => [assigned + word, about])
      .filter(([word]) => word.startsWith(current))
      .map(([word, about]) => (about === '' ? word : `${word}\t${safeLine(about)}`));
  switch (found.kind) {
    case 'words':
      return fitting(found.words);
    case 'names': {
      const names = await lookUp(found.names, words);
      return fitting(names.map((name) => [safeLine(name), '']));
    }
    case 'files':
      return [FILES];
    case 'nothing':
      return [];
    default:
      return found satisfies never;
  }
}
