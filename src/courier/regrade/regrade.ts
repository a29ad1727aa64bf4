/** Lets separate verifiers judge what the agent of another Trial left: step by step, each as if that agent had just ended. */
import type { AssignedRegrade } from '../../wire/assignment.ts';
import type { Outcome } from '../../wire/outcome.ts';
import { stepFolder } from '../../wire/upload-paths.ts';
import type { Manifest } from '../../wire/uploads.ts';
import { resultApart, type PhaseResult, type StepDeps } from '../phases/phases.ts';
import { runSteps, type Ending, type SequenceDeps } from '../phases/sequence.ts';
import type { ArtifactRecord } from '../record/artifacts.ts';
import { ARTIFACT_MANIFEST } from '../results/collect.ts';
import type { Sequence, Step } from '../task/sequence.ts';
import { fetchManifest, fetchText, layOut, type FetchDeps } from './lay-out.ts';
import {
  entriesOf,
  layoutOf,
  mismatch,
  missingIn,
  readEntries,
  readManifest,
  unusable,
  type ArtifactEntry,
} from './layout.ts';

export interface RegradeDeps extends SequenceDeps {
  source: FetchDeps;
}

/** Runs the verifiers of the steps that the Trial came to. Throws SourceUnusable for a manifest that is none. */
export async function regradeSteps(
  sequence: Sequence,
  { trial, manifestSha256, collected, shared }: AssignedRegrade,
  deps: RegradeDeps,
): Promise<Ending & Pick<Outcome, 'steps'>> {
  const { source, note, findings, timeline } = deps;
  if (collected > sequence.steps.length)
    throw mismatch(`${trial} ran ${collected} steps, and the task has ${sequence.steps.length}`);
  note(`judging again what the agent of ${trial} left`);
  if (shared)
    findings.add(
      'SourceSharedVerifier',
      'a verifier ran in the agent’s container before the files of the source were stored, and may have changed them',
    );
  const text = await timeline.during('environmentSetup', () => fetchManifest(manifestSha256, source));
  const manifest = readManifest(text);
  const steps = sequence.steps.slice(0, collected);
  const ending = await runSteps(
    { ...sequence, steps },
    { ...deps, run: (step, around) => regradeStep(step, { ...around, source, manifest }) },
  );
  return withUnjudged(ending, sequence.steps.slice(collected), trial);
}

type Whole = Ending & Pick<Outcome, 'steps'>;

/** Steps that the source did not come to are none of this Trial's either. */
function withUnjudged(ending: Whole, rest: readonly Step[], trial: string): Whole {
  if (!ending.steps || rest.length === 0) return ending;
  const { skipped = [], stopped = `${trial} ran no further`, ...steps } = ending.steps;
  const names = rest.flatMap(({ name = '' }) => name);
  return { ...ending, steps: { ...steps, skipped: [...skipped, ...names], stopped } };
}

interface Judging extends StepDeps {
  source: FetchDeps;
  manifest: Manifest;
}

async function regradeStep(step: Step, deps: Judging): Promise<PhaseResult> {
  await deps.timeline.during('environmentSetup', async () => {
    await deps.leave?.();
    await restore(step, deps);
  });
  return { result: await resultApart(step, { ...deps, unasked: { files: new Map(), unread: [] } }) };
}

/** Makes /logs what it was when the agent of this step had ended and its artifacts were collected. */
async function restore(step: Step, { manifest, source, paths, artifacts }: Judging): Promise<void> {
  const layout = layoutOf(manifest, step.name);
  const missing = missingIn(layout, step);
  if (missing !== undefined)
    throw unusable(
      `${missing} was not stored, and its verifier was given it; run the Trial again with its agent`,
    );
  const entries = entriesOf(readEntries(await entriesText(step, manifest, source)), step);
  await layOut(layout, paths.logs, source);
  record(step, entries, artifacts);
}

/** Longer, and it lists no artifacts: a task may have 64 of a Trial, and as many as its task.toml has room for. */
const ENTRIES_MAX_BYTES = 4 * 2 ** 20;

async function entriesText(
  { name }: Step,
  { files }: Manifest,
  source: FetchDeps,
): Promise<string | undefined> {
  const path = (name === undefined ? '' : stepFolder(name)) + ARTIFACT_MANIFEST;
  const file = files.find((one) => one.path === path);
  if (!file) return undefined;
  if (file.size > ENTRIES_MAX_BYTES) throw unusable(`${path} is too long with ${file.size} bytes`);
  return await fetchText({ ...file, stored: path }, source);
}

/** They were collected then, as far as they could be, and are stored once more. */
function record(
  { artifacts, uncopied = [] }: Step,
  entries: readonly ArtifactEntry[],
  to: ArtifactRecord,
): void {
  for (const [index, { source, into, exclude = [] }] of artifacts.entries()) {
    const { type = 'file', status } = entries[index] ?? {};
    to.add({ source, place: `output/${into}`, type, status: status === 'ok' ? 'ok' : 'failed', exclude });
  }
  for (const { source, place, why } of uncopied)
    to.add({ source, place, type: 'directory', status: why === 'Kept' ? 'kept' : 'skipped', exclude: [] });
  to.done();
}
