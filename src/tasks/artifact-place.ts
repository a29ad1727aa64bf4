import { posix } from 'node:path';

/**
 * Where an artifact of the container goes below `output/`: a destination that ends in a slash is a folder, and without one it is the path of
 * the source. Not yet known to stay below `output/`.
 */
export function artifactPlace(source: string, destination: string | undefined): string {
  const from = posix.normalize(source).replace(/(.)\/$/, '$1');
  const wanted = destination?.endsWith('/')
    ? destination + posix.basename(from)
    : (destination ?? (from === '.' ? 'workdir' : from.replace(/^\//, '')));
  return posix.normalize(wanted || 'root');
}
