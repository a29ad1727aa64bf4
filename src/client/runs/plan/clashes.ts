/** Pure: artifacts of a task that want one place. */
import { artifactPlace } from '../../../tasks/index.ts';
import type { SelectedTask } from '../select/select.ts';

/** One sentence for each task of which two artifacts have the same destination. Not yet safe for a terminal. */
export const clashNotes = (tasks: readonly Pick<SelectedTask, 'task'>[]): string[] =>
  tasks.flatMap(({ task: { name, config } }) => {
    const places = Map.groupBy(config.artifacts, (artifact) =>
      typeof artifact === 'string'
        ? artifactPlace(artifact, undefined)
        : artifactPlace(artifact.source, artifact.destination),
    );
    return [...places].flatMap(([place, artifacts]) => {
      const sources = [...new Set(artifacts.map((one) => (typeof one === 'string' ? one : one.source)))];
      if (sources.length < 2) return [];
      return [
        `note: ${name}: the artifacts ${sources.join(' and ')} have one destination, ${place}; the first is kept`,
      ];
    });
  });
