/** Files of the container that are to be kept under `output/`. */
import { posix } from 'node:path';
import { present } from '../../crds/present.ts';
import type { TrialSpec } from '../../crds/trial.ts';
import type { ArtifactCopy, UncopiedArtifact } from '../../wire/assignment.ts';
import { isWithin, POD_PATHS } from '../../wire/pod-paths.ts';
import { artifactPlace } from '../artifact-place.ts';
import { besideMain } from './of-task.ts';

type Artifact = NonNullable<TrialSpec['artifacts']>[number];

export interface Artifacts {
  artifacts: ArtifactCopy[];
  uncopied: UncopiedArtifact[];
  /** Of several that want one place Harbor takes the first, with a warning. */
  notes: string[];
  /** Sentences about destinations outside `output/`. */
  faults: string[];
}

/** All of /logs is kept anyway, each file once; what lies in the verifier's folder is gone before the verifier runs. */
const isKept = (source: string): boolean =>
  isWithin(source, POD_PATHS.logs) && !isWithin(source, `${POD_PATHS.logs}/verifier`);

/** What is to be copied of a list of artifacts. A relative source stays one: what it is relative to only the image may say. */
export function artifactCopies(list: readonly Artifact[]): Artifacts {
  const found: Artifacts = { artifacts: [], uncopied: [], notes: [], faults: [] };
  for (const { source, destination, exclude, service: named } of list) {
    const service = besideMain(named);
    const from = posix.normalize(source).replace(/(.)\/$/, '$1');
    const into = artifactPlace(from, destination);
    const copy = { source: from, into, ...present({ service }), ...(exclude?.length && { exclude }) };
    if (destination === undefined && service === undefined && isKept(from)) keep(copy, found);
    else if (isUnderOutput(into, from)) claim(copy, found);
    else
      found.faults.push(
        `artifact ${JSON.stringify(from)}: the destination ${JSON.stringify(destination ?? into)} is no path under output/`,
      );
  }
  return found;
}

function keep({ source, exclude }: ArtifactCopy, { uncopied, notes }: Artifacts): void {
  uncopied.push({ source, place: placeOfLogs(source.slice(POD_PATHS.logs.length + 1)), why: 'Kept' });
  if (exclude)
    notes.push(`artifact ${source}: exclude has no effect under ${POD_PATHS.logs}, all of which is stored`);
}

/** Where the results have what lies at a path below /logs. */
function placeOfLogs(path: string): string {
  if (isWithin(path, 'agent')) return path;
  if (isWithin(path, 'artifacts')) return path.replace('artifacts', 'output');
  return posix.join('output/.logs', path);
}

/** The first has its place, with all above and below it. */
function claim(copy: ArtifactCopy, { artifacts, uncopied, notes }: Artifacts): void {
  const { source, into, service } = copy;
  const prior = artifacts.find((one) => isWithin(into, one.into) || isWithin(one.into, into));
  if (!prior) return void artifacts.push(copy);
  uncopied.push({ source, ...present({ service }), place: posix.join('output', into), why: 'Skipped' });
  if (!isCovered(copy, prior))
    notes.push(`artifact ${source} is left out: ${prior.source} goes to output/${prior.into}`);
}

/** Whether the prior one brings all of it to the very same place. */
function isCovered({ source, into, service, exclude = [] }: ArtifactCopy, prior: ArtifactCopy): boolean {
  if (service !== prior.service) return false;
  const { exclude: without = [] } = prior;
  if (source === prior.source && into === prior.into) return String(without) === String(exclude);
  const rest = posix.relative(prior.source, source);
  return without.length === 0 && isWithin(source, prior.source) && into === posix.join(prior.into, rest);
}

// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f]/;

const isUnderOutput = (into: string, source: string): boolean =>
  !/^(\.{1,2}$|\.\.\/|\/|manifest\.json(\/|$))/.test(into) &&
  !/^\.\.(\/|$)/.test(source) &&
  !CONTROL.test(into + source);
