/** What was made, of what, and how: checksums, and a statement by in-toto v1 with SLSA's provenance v1, which the pipeline signs. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Image, Release } from './release.ts';

export const sha256Of = (file: string): string =>
  createHash('sha256').update(readFileSync(file)).digest('hex');

/** As `sha256sum --check` reads it: every file of the folder. */
export const checksumsOf = (folder: string): string =>
  filesOf(folder)
    .map((file) => `${sha256Of(join(folder, file))}  ${file}\n`)
    .join('');

const filesOf = (folder: string): string[] => readdirSync(folder).sort();

export interface Built {
  image: Image | undefined;
  /** What the release was told on its command line. */
  parameters: object;
  /** URI of whoever runs it. */
  builder: string;
  /** Seconds since the epoch. */
  began: number;
  ended: number;
}

/** The statement about every file of the release's folder so far, and about the image. */
export function provenanceOf(release: Release, built: Built): object {
  const { root, out, name, version, commit } = release;
  const { image, parameters, builder, began, ended } = built;
  const lock = sha256Of(join(root, 'package-lock.json'));
  const subjects = filesOf(out).map((file) => ({
    name: file,
    digest: { sha256: sha256Of(join(out, file)) },
  }));
  const ofImage = image
    ? [{ name: image.repository, digest: { sha256: image.digest.replace('sha256:', '') } }]
    : [];
  const time = (seconds: number): string => new Date(seconds * 1000).toISOString();
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [...subjects, ...ofImage],
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType: 'https://sb.abundant.ai/release/v1',
        externalParameters: { version, ...parameters },
        internalParameters: { node: process.version },
        resolvedDependencies: [
          { name, digest: { gitCommit: commit } },
          { name: 'package-lock.json', digest: { sha256: lock } },
        ],
      },
      runDetails: {
        builder: { id: builder },
        metadata: { startedOn: time(began), finishedOn: time(ended) },
      },
    },
  };
}
