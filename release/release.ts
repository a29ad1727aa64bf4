/** What a release is: said once by package.json and Git, and handed to every step. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The parts of package.json that others are told. */
export interface Manifest {
  name: string;
  version: string;
  description: string;
  license: string;
}

export interface Release extends Manifest {
  /** The checkout. */
  root: string;
  /** Folder of everything that is handed out. */
  out: string;
  /** Folder inside the checkout for what is not. */
  scratch: string;
  /** The commit that is released, and when it was made, in seconds since the epoch. */
  commit: string;
  committed: number;
}

export const manifestOf = (root: string): Manifest =>
  JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;

/** The image's digest in every place that names it. */
export interface Image {
  /** Repository, with its registry. */
  repository: string;
  /** `sha256:…`, of the index with an image for each platform. */
  digest: string;
  platforms: string[];
}
