/** Pure: files of the container that are to be kept under `output/`. */
import { posix } from 'node:path';
import type { Plan } from '../../crds/courier-protocol.ts';
import type { TaskConfig } from '../../tasks/index.ts';
import { AttemptFailure } from '../failure.ts';

/** What is to be copied to `/logs/artifacts/<into>`. */
export interface ArtifactCopy {
  /** Absolute path in the task container. */
  source: string;
  into: string;
}

/** There already; all of it is kept under `output/`. */
const KEPT = '/logs/artifacts';

/** The Trial's artifacts, else those of task.toml. Throws TaskInvalid for a destination outside `output/`. */
export function artifactsOf(own: Plan['artifacts'], ofTask: TaskConfig['artifacts']): ArtifactCopy[] {
  const all =
    own.length > 0 ? own : ofTask.map((entry) => (typeof entry === 'string' ? { source: entry } : entry));
  return all.flatMap(({ source, destination }) => {
    const from = posix.normalize(source).replace(/(.)\/$/, '$1');
    if (destination === undefined && (from === KEPT || from.startsWith(`${KEPT}/`))) return [];
    return [{ source: from, into: intoOf(from, destination) }];
  });
}

// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f]/;

function intoOf(source: string, destination: string | undefined): string {
  const wanted = destination?.endsWith('/')
    ? destination + posix.basename(source)
    : (destination ?? source.slice(1));
  const into = posix.normalize(wanted || 'root');
  if (/^(\.{1,2}$|\.\.\/|\/)/.test(into) || CONTROL.test(into + source))
    throw new AttemptFailure(
      'TaskInvalid',
      `artifact ${JSON.stringify(source)}: the destination ${JSON.stringify(wanted)} is no path under output/`,
    );
  return into;
}
