/** Pure: artifacts of a task that want one place. */
import { posix } from 'node:path';
import type { SelectedTask } from '../select/select.ts';

/** One sentence for each task of which two artifacts have the same destination. Not yet safe for a terminal. */
export const clashNotes = (tasks: readonly Pick<SelectedTask, 'task'>[]): string[] =>
  tasks.flatMap(({ task: { name, config } }) => {
    const places = Map.groupBy(config.artifacts, (artifact) =>
      typeof artifact === 'string' ? placeOf(artifact) : placeOf(artifact.destination ?? artifact.source),
    );
    return [...places].flatMap(([place, artifacts]) => {
      const sources = [...new Set(artifacts.map((one) => (typeof one === 'string' ? one : one.source)))];
      if (sources.length < 2) return [];
      return [
        `note: ${name}: the artifacts ${sources.join(' and ')} have one destination, ${place}; one is kept`,
      ];
    });
  });

const placeOf = (path: string): string => posix.normalize(path).replace(/^\/+|\/+$/g, '');
