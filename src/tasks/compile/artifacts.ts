/** Files of the container that are to be kept under `output/`. */
import { posix } from 'node:path';
import type { TrialSpec } from '../../crds/trial.ts';
import type { ArtifactCopy } from '../../wire/assignment.ts';
import { POD_PATHS } from '../../wire/pod-paths.ts';
import { artifactPlace } from '../artifact-place.ts';

type Artifact = NonNullable<TrialSpec['artifacts']>[number];

export interface Artifacts {
  artifacts: ArtifactCopy[];
  /** Of several with one destination Harbor takes the first, with a warning. */
  notes: string[];
  /** Sentences about destinations outside `output/`. */
  faults: string[];
}

const isWithin = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);

/** All of /logs is kept anyway, each file once; what lies in the verifier's folder is gone before the verifier runs. */
const isKept = (source: string): boolean =>
  isWithin(source, POD_PATHS.logs) && !isWithin(source, `${POD_PATHS.logs}/verifier`);

/** What is to be copied of a list of artifacts. */
export function artifactCopies(list: readonly Artifact[]): Artifacts {
  const faults: string[] = [];
  const copies = list.flatMap(({ source, destination }) => {
    const from = posix.normalize(source).replace(/(.)\/$/, '$1');
    if (destination === undefined && isKept(from)) return [];
    const into = artifactPlace(from, destination);
    if (isUnderOutput(into, from)) return [{ source: from, into }];
    faults.push(
      `artifact ${JSON.stringify(from)}: the destination ${JSON.stringify(destination ?? into)} is no path under output/`,
    );
    return [];
  });
  return { ...withoutClashes(copies), faults };
}

function withoutClashes(copies: ArtifactCopy[]): Pick<Artifacts, 'artifacts' | 'notes'> {
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

const isUnderOutput = (into: string, source: string): boolean =>
  !/^(\.{1,2}$|\.\.\/|\/)/.test(into) && !CONTROL.test(into + source);
