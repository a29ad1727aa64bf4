/** What became of the artifacts: Harbor's `artifacts/manifest.json`, which is `output/manifest.json` in the bucket. */
import { isWithin } from '../../wire/pod-paths.ts';

/** One artifact, with Harbor's fields. */
export interface ArtifactEntry {
  /** Absolute path in the task container. */
  source: string;
  /** Path in the Trial's folder, where `artifacts` is `output`. */
  destination: string;
  type: 'file' | 'directory';
  /** `empty`: of /logs/artifacts alone. `skipped`: another artifact has its place. */
  status: 'ok' | 'failed' | 'empty' | 'skipped';
  /** Null: the task container. */
  service: string | null;
  /** Patterns that a folder was copied without. */
  exclude: string[];
}

/** An entry, or one that is there if files of its place are stored. */
export type RecordedArtifact = Omit<ArtifactEntry, 'service' | 'destination' | 'status'> & {
  /** Missing: main. */
  service?: string;
  /** Below the Trial's prefix. */
  place: string;
  status: ArtifactEntry['status'] | 'kept';
};

export interface ArtifactRecord {
  add(artifact: RecordedArtifact): void;
  /** All since the last time: those of a step. */
  take(): RecordedArtifact[];
  /** Those of another step have all been collected, as far as they could be. */
  done(): void;
  /** Steps whose artifacts were collected; they are the first ones. */
  collected(): number;
}

export function artifactRecord(): ArtifactRecord {
  const entries: RecordedArtifact[] = [];
  let steps = 0;
  return {
    add: (artifact) => void entries.push(artifact),
    take: () => entries.splice(0),
    done: () => void (steps += 1),
    collected: () => steps,
  };
}

/** Where the folder that is collected without being declared is stored, and what it is called. */
const CONVENTION = { place: 'output', source: '/logs/artifacts' };

/** Pure: the manifest, out of what was recorded and the paths that are to be stored; empty where there is nothing to say. */
export function artifactManifest(
  recorded: readonly RecordedArtifact[],
  stored: readonly string[],
): ArtifactEntry[] {
  const copied = recorded.filter(({ status }) => status !== 'kept').map(({ place }) => place);
  const isDeclared = recorded.some(
    ({ source, service }) => source === CONVENTION.source && service === undefined,
  );
  const own = stored.filter(
    (path) => isWithin(path, 'output') && !copied.some((place) => isWithin(path, place)),
  );
  if (recorded.length === 0 && own.length === 0) return [];
  const convention: RecordedArtifact = { ...CONVENTION, type: 'directory', status: 'kept', exclude: [] };
  return [...(isDeclared ? [] : [convention]), ...recorded].map((artifact) => entryOf(artifact, stored, own));
}

function entryOf(
  artifact: RecordedArtifact,
  stored: readonly string[],
  own: readonly string[],
): ArtifactEntry {
  const { source, place, type, status, exclude, service = null } = artifact;
  const entry = {
    source,
    destination: place.replace(/^output(?=\/|$)/, 'artifacts'),
    service,
    exclude,
  };
  if (status !== 'kept') return { ...entry, type, status };
  if (source === CONVENTION.source)
    return { ...entry, type: 'directory', status: own.length > 0 ? 'ok' : 'empty' };
  const isThere = stored.some((path) => isWithin(path, place));
  return { ...entry, type: stored.includes(place) ? 'file' : 'directory', status: isThere ? 'ok' : 'failed' };
}
