/** The docker-compose.yaml of a task's folder, and the files of variables that it names. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  COMPOSE_FILE,
  COMPOSE_MAX_BYTES,
  envFilesOf,
  readDocument,
  type ComposeSource,
} from '../compose/document.ts';
import type { Problem } from '../toml/problems.ts';
import { readablePaths, type Found } from './walk.ts';

/** Both missing: the task has none. */
export interface ReadCompose {
  source?: ComposeSource;
  problem?: Problem;
}

/** `root`: the task's folder without links. */
export async function readCompose(root: string, { files }: Pick<Found, 'files'>): Promise<ReadCompose> {
  const paths = readablePaths({ files });
  if (!paths.has(COMPOSE_FILE)) return {};
  const read = readDocument(await readFile(join(root, COMPOSE_FILE), 'utf8'));
  if ('fault' in read) return { problem: { field: COMPOSE_FILE, message: `${COMPOSE_FILE} ${read.fault}` } };
  const { document } = read;
  const named = envFilesOf(document).filter((path) => paths.has(path));
  const envFiles: Record<string, string> = {};
  for (const path of named) envFiles[path] = await readFile(join(root, path), 'utf8');
  const bytes = Object.values(envFiles).reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if (bytes > COMPOSE_MAX_BYTES) {
    const message = `${COMPOSE_FILE} names files of variables with ${bytes} bytes; expected at most ${COMPOSE_MAX_BYTES}`;
    return { problem: { field: named[0] ?? COMPOSE_FILE, message } };
  }
  return { source: { document, ...(named.length > 0 && { env_files: envFiles }) } };
}
