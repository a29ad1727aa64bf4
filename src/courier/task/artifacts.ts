/** Pure: files of the container that are to be kept under `output/`. */
import { posix } from 'node:path';
import { POD_PATHS } from '../../wire/pod-paths.ts';
import type { Assignment } from '../../wire/assignment.ts';
import { artifactPlace, type TaskConfig } from '../../tasks/index.ts';
import { AttemptFailure } from '../failure.ts';

/** What is to be copied to `/logs/artifacts/<into>`. */
export interface ArtifactCopy {
  /** Absolute path in the task container. */
  source: string;
  into: string;
}

const isWithin = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);

/** All of /logs is kept anyway, each file once; what lies in the verifier's folder is gone before the verifier runs. */
const isKept = (source: string): boolean =>
  isWithin(source, POD_PATHS.logs) && !isWithin(source, `${POD_PATHS.logs}/verifier`);

/** The Trial's artifacts, else those of task.toml. Throws TaskInvalid for a destination outside `output/`. */
export function artifactsOf(
  own: Assignment['artifacts'],
  ofTask: TaskConfig['artifacts'],
): { artifacts: ArtifactCopy[]; notes: string[] } {
  const all =
    own.length > 0 ? own : ofTask.map((entry) => (typeof entry === 'string' ? { source: entry } : entry));
  const copies = all.flatMap(({ source, destination }) => {
    const from = posix.normalize(source).replace(/(.)\/$/, '$1');
    if (destination === undefined && isKept(from)) return [];
    return [{ source: from, into: intoOf(from, destination) }];
  });
  return withoutClashes(copies);
}

/** Of several with one destination Harbor takes the first, with a warning. */
function withoutClashes(copies: ArtifactCopy[]): { artifacts: ArtifactCopy[]; notes: string[] } {
  const first = new Map(copies.toReversed().map((copy) => [copy.into, copy]));
  const artifacts = copies.filter((copy) => first.get(copy.into) === copy);
  const notes = copies
    .filter((copy) => first.get(copy.into) !== copy)
    .map(
      ({ source, into }) =>
        `artifact ${source} is left out: ${first.get(into)?.source} goes to output/${into}`,
    );
  return { artifacts, notes };
}

// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f]/;

function intoOf(source: string, destination: string | undefined): string {
  const into = artifactPlace(source, destination);
  if (/^(\.{1,2}$|\.\.\/|\/)/.test(into) || CONTROL.test(into + source))
    throw new AttemptFailure(
      'TaskInvalid',
      `artifact ${JSON.stringify(source)}: the destination ${JSON.stringify(destination ?? into)} is no path under output/`,
    );
  return into;
}
