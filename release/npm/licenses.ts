/** The licences of what is bundled: each wants to be passed on with the code. */
import type { Metafile } from 'esbuild';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
const LICENSE = /^(licen[cs]e|copying|notice)/i;

/** Folders of the packages that a bundle has parts of, relative to the checkout. */
export function packagesIn({ inputs }: Metafile): string[] {
  const folders = Object.keys(inputs).flatMap(
    (file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? [],
  );
  return [...new Set(folders)].sort();
}

interface Licensed {
  /** Name and version, and whose it is. */
  whose: string;
  text: string;
}

/** Copyright lines stand with the package, since the rest is the same text for many. */
function licensed(folder: string): Licensed {
  const path = join(ROOT, folder);
  const { name, version, license } = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')) as {
    name: string;
    version: string;
    license?: string;
  };
  const files = readdirSync(path).filter((file) => LICENSE.test(file));
  const lines = files.sort().flatMap((file) => readFileSync(join(path, file), 'utf8').trim().split(/\r?\n/));
  const isCopyright = (line: string): boolean => /^\s*copyright\b.*\d{4}/i.test(line);
  const whose = [`${name} ${version}`, ...lines.filter(isCopyright).map((line) => `  ${line.trim()}`)];
  const text = lines.filter((line) => !isCopyright(line)).join('\n');
  return {
    whose: whose.join('\n'),
    text: text.trim() || `${license ?? 'none named'} (no text in the package)`,
  };
}

/** One text: every licence once, below the packages that have it. */
export function licensesOf(metafile: Metafile): string {
  const same = Object.groupBy(packagesIn(metafile).map(licensed), ({ text }) => text.replace(/\s+/g, ' '));
  const parts = Object.values(same).map(
    (group = []) => `${group.map(({ whose }) => whose).join('\n')}\n\n${group[0]?.text}\n`,
  );
  return parts.join('\n---\n\n');
}
