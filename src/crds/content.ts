/** Pure: what a build is made of, as a name. */
import { sha256 } from './names.ts';
import type { BuildTemplate } from './task-build.ts';

/** A ConfigMap's files. */
export interface Files {
  data?: Record<string, string>;
  binaryData?: Record<string, string>;
}

/** JSON with sorted keys, so that equal values have equal texts. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_key, item: unknown) =>
    item !== null && typeof item === 'object' && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );

/**
 * 16 hex digits of everything that decides what the image holds and where it goes. `context` is the ConfigMap, where that is the source;
 * an archive is told by its own SHA-256.
 */
export function buildHash(build: BuildTemplate, context?: Files): string {
  const { dockerfile, target, platforms, buildArgs, repository, tag, backend } = build;
  const source = build.context.s3?.sha256 ?? [context?.data ?? {}, context?.binaryData ?? {}];
  return sha256(
    canonical([source, dockerfile, target, platforms, buildArgs ?? {}, repository, tag, backend]),
  ).slice(0, 16);
}

/** Name of the TaskBuild that makes this content: Trials with the same content share it. */
export const buildName = (build: BuildTemplate, context?: Files): string =>
  `build-${buildHash(build, context)}`;
