import { statSync } from 'node:fs';
import { join } from 'node:path';

/** A Go build in progress, as far as it can be seen. */
export interface Compilation {
  /** A package whose compilation begins, by its import path. Any other line is ignored. */
  began(line: string): void;
  /** `cluster in about 4 min`; nothing while too little has been done to tell. */
  left(): string;
}

/** Before that, an estimate is off by more than a half. */
const TELLING = 0.1;
const MINUTE = 60_000;
/** What the cluster takes when its programs are there. */
const REST = MINUTE;

/** Reads lines of import path, folder and files, with tabs between them. The time that a package takes grows with its source; linkers take a fiftieth of all. */
export function compilation(list: string, now: () => number = Date.now): Compilation {
  const sizes = new Map(list.split('\n').map(sizeOf));
  const total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  const began = now();
  let done = 0;
  return {
    began: (line) => {
      done += sizes.get(line) ?? 0;
      sizes.delete(line);
    },
    left: () => timeLeft(total === 0 ? 1 : done / total, now() - began),
  };
}

function sizeOf(line: string): [string, number] {
  const [path = '', folder = '', ...files] = line.split('\t');
  return [path, files.reduce((sum, file) => sum + statSync(join(folder, file)).size, 0)];
}

/** How long the cluster still takes when this fraction of the source has been compiled in so many milliseconds, in words. */
export function timeLeft(fraction: number, milliseconds: number): string {
  if (fraction < TELLING) return '';
  const left = milliseconds / fraction - milliseconds + REST;
  return `cluster in about ${Math.round(left / MINUTE)} min`;
}
