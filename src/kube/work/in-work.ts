import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../types.ts';

/**
 * Remembers across a crash what was being worked on. What kills the process would otherwise be first in line after each restart and kill it
 * again before others have had their turn.
 */
export interface InWork {
  begin(key: string): void;
  end(key: string): void;
  /** How many processes in a row have died while they worked on this key; 0 for most. */
  deaths(key: string): number;
}

/** Remembers nothing. */
export const forgetful: InWork = { begin: () => undefined, end: () => undefined, deaths: () => 0 };

/** A key may be longer than a file's name. */
const fileOf = (name: string, key: string): string =>
  createHash('sha256').update(`${name} ${key}`).digest('hex').slice(0, 32);

/** What the processes before this one left in `folder`: by file, the number of them that died. */
function left(folder: string): Map<string, number> {
  mkdirSync(folder, { recursive: true });
  return new Map(
    readdirSync(folder).map((file) => [file, 1 + (Number(readFileSync(join(folder, file), 'utf8')) || 0)]),
  );
}

/**
 * Keeps a small file in `folder` for every key in work, which a clean end takes away. It need not reach a disk, only outlive the process, so
 * a volume of the Pod in memory will do. Where the folder cannot be written
 * nothing is remembered, and that is logged once.
 */
export function inWorkOf(folder: string, log: Log): (controller: string) => InWork {
  let suspects: Map<string, number>;
  try {
    suspects = left(folder);
  } catch (error) {
    log.warn({ folder, err: error }, 'cannot remember what is in work');
    return () => forgetful;
  }
  return (controller) => ({
    begin: (key) => {
      const file = fileOf(controller, key);
      quietly(() => writeFileSync(join(folder, file), String(suspects.get(file) ?? 0)));
    },
    end: (key) => {
      const file = fileOf(controller, key);
      suspects.delete(file);
      quietly(() => unlinkSync(join(folder, file)));
    },
    deaths: (key) => suspects.get(fileOf(controller, key)) ?? 0,
  });
}

/** A note that cannot be made must not end the work that it is about. */
function quietly(note: () => void): void {
  try {
    note();
  } catch {
    // A full volume: then this key is in its old place after a crash.
  }
}
