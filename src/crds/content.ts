/** Pure: what a build is made of, as a name. */
import { sha256 } from './names.ts';
import type { BuildTemplate, TaskBuildSpec } from './task-build.ts';

/** A ConfigMap's files. */
export interface Files {
  data?: Record<string, string>;
  binaryData?: Record<string, string>;
}

/** JSON with sorted keys, so that equal values have equal texts. */
export const canonical = (value: unknown): string =>
  JSON.stringify(value, (_key, item: unknown) =>
    item !== null && typeof item === 'object' && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );

/** SHA-256 in hex over a ConfigMap's files, each given by the SHA-256 of its bytes: the same for the object and for what the kubelet mounts of it. */
export const filesHash = (hashes: Record<string, string>): string => sha256(canonical(hashes));

/** `filesHash` of a ConfigMap. */
export function configMapHash({ data = {}, binaryData = {} }: Files): string {
  const texts = Object.entries(data).map(([key, text]) => [key, sha256(text)] as const);
  const bytes = Object.entries(binaryData).map(
    ([key, base64]) => [key, sha256(Buffer.from(base64, 'base64'))] as const,
  );
  return filesHash(Object.fromEntries([...texts, ...bytes]));
}

/** Everything that decides what is in an image. Repository, tag and backend do not. */
export interface ImageContent {
  /** Who may take it: '' for every namespace, else the name of one. */
  trustDomain: string;
  /** SHA-256 in hex of the archive, or over the files of the ConfigMap. */
  contextSha256: string;
  platform: string;
  build: Pick<BuildTemplate, 'context' | 'dockerfile' | 'target' | 'buildArgs'>;
}

/** SHA-256 in hex over what decides an image: the name that the operator knows it by. */
export function imageHash({ trustDomain, contextSha256, platform, build }: ImageContent): string {
  const { context, dockerfile, target, buildArgs } = build;
  const source = `${context.s3 ? 'archive' : 'files'}:${contextSha256}`;
  return sha256(canonical([trustDomain, source, dockerfile, target, platform, buildArgs ?? {}]));
}

/**
 * Name of the TaskBuild that a Trial makes for its template: Trials with the same template share it. `context` is the ConfigMap, where that
 * is the source.
 */
export const buildName = (build: BuildTemplate, context?: Files): string =>
  `build-${sha256(canonical([build, context ? configMapHash(context) : undefined])).slice(0, 16)}`;

/** The fields in which a TaskBuild is not what a template asks for; anybody who may make TaskBuilds may have made one of that name before. */
export function differences(spec: TaskBuildSpec, template: BuildTemplate): string[] {
  const { cancelled: _, ...found } = spec;
  const wanted = { ...template, force: false };
  const fields = new Set([...Object.keys(found), ...Object.keys(wanted)]) as Set<keyof typeof wanted>;
  return [...fields].filter((field) => canonical(found[field]) !== canonical(wanted[field])).sort();
}
