import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Task } from '../../../src/tasks/index.ts';
import { ensureBaseImages } from '../cluster/index.ts';

/** Makes sure that the local registry has the Docker Hub images that the tasks are based on. Throws naming the task and the image that is missing. */
export async function prepareBaseImages(tasks: Task[]): Promise<void> {
  for (const task of tasks) {
    for (const image of await basesOf(task)) {
      const name = libraryImage(image);
      if (name !== undefined) await ensureBaseImage(task, name);
    }
  }
}

async function ensureBaseImage(task: Task, name: string): Promise<void> {
  try {
    await ensureBaseImages([name]);
  } catch (cause) {
    throw new Error(
      `${task.dir}: the base image ${name} cannot be had here: ${(cause as Error).message}\n` +
        `  base the task on an image that is there, or push it to 127.0.0.1:5000/library/${name}`,
      { cause },
    );
  }
}

async function basesOf({ dir, config }: Task): Promise<string[]> {
  const { docker_image: image } = config.environment;
  if (image !== undefined) return [image];
  return baseImages(await readFile(join(dir, 'environment/Dockerfile'), 'utf8'));
}

/** Images that a Dockerfile starts from or copies from, its own stages left out; defaults of ARG lines are filled in. */
export function baseImages(dockerfile: string): string[] {
  const args = dockerfile.matchAll(/^\s*ARG\s+(\w+)=["']?([^"'\s]+)/gim);
  const defaults = new Map(Array.from(args, ([, name, value]) => [name, value]));
  const filled = dockerfile.replace(
    /\$\{?(\w+)(?::?-([^}]*))?\}?/g,
    (_all, name: string, fallback = '') => defaults.get(name) ?? fallback,
  );
  const stages = Array.from(filled.matchAll(/^\s*FROM\s.*\sAS\s+(\S+)/gim), ([, stage = '']) =>
    stage.toLowerCase(),
  );
  const own = new Set(['scratch', ...stages]);
  const used = filled.matchAll(/^\s*(?:FROM\s+(?:--\S+\s+)*|(?:COPY|ADD)\s.*--from=)(\S+)/gim);
  const images = Array.from(used, ([, image = '']) => image);
  return [...new Set(images.filter((image) => !own.has(image.toLowerCase()) && !/^\d+$/.test(image)))];
}

/** `python:3.13-slim` for any way of writing that Docker Hub library image; undefined for an image of somebody else, and for a digest. */
export function libraryImage(reference: string): string | undefined {
  const name = reference.replace(/^(index\.)?docker\.io\//, '').replace(/^library\//, '');
  if (name.includes('/') || name.includes('@')) return undefined;
  return name.includes(':') ? name : `${name}:latest`;
}
