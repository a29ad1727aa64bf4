/** Stores what an attempt left: files as they are, then the timeline, the manifest, and the outcome, whose presence means that all is there. */
import type { Manifest, Skipped, UploadFile } from '../../wire/uploads.ts';
import type { Outcome } from '../../wire/outcome.ts';
import type { Assignment } from '../../wire/assignment.ts';
import { explain } from '../failure.ts';
import type { Hand } from '../hand/hand.ts';
import type { Timeline } from '../record/timeline.ts';
import type { TrialLog } from '../record/trial-log.ts';
import { artifactManifest, type ArtifactRecord } from '../record/artifacts.ts';
import { ARTIFACT_MANIFEST, collectLogs } from './collect.ts';
import { outcomeFile } from './outcome.ts';
import { uploadFiles, uploadText } from './upload.ts';
import type { UploadOptions } from './upload.ts';

export interface StoreDeps extends UploadOptions {
  hand: Hand;
  logs: string;
  log: TrialLog;
  artifacts: ArtifactRecord;
  timeline: Timeline;
}

/** The outcome with what was stored, or with why nothing could be. */
export async function storeResults(
  assignment: Assignment,
  outcome: Outcome,
  deps: StoreDeps,
): Promise<Outcome> {
  const { timeline, log } = deps;
  try {
    const stored = await timeline.during('upload', () => store(assignment, outcome, deps));
    return { ...stored, timings: timeline.timings() };
  } catch (error) {
    const why = log.clean(explain(error));
    log.note(`the results could not be stored: ${why}`);
    return unstored({ ...outcome, timings: timeline.timings() }, why);
  }
}

async function store(assignment: Assignment, outcome: Outcome, deps: StoreDeps): Promise<Outcome> {
  const { hand, logs, log, artifacts, timeline } = deps;
  // Nobody may write what is being stored, and the courier must be able to read it.
  if (!hand.isGone()) await hand.freeze().catch((error: unknown) => log.note(explain(error)));
  const found = collectLogs(logs);
  const listed = artifactManifest(
    artifacts.list(),
    found.files.map(({ path }) => path),
  );
  const storeLog = (): Promise<UploadFile> => uploadText('trial.log', log.text(), deps);
  const uploaded = await uploadFiles(found.files, { ...deps, storesOwn: storeLog });
  const skipped: Skipped[] = [...found.skipped, ...uploaded.skipped];
  for (const { path, reason } of skipped.slice(0, 100)) log.note(`not stored: ${path} (${reason})`);
  log.note(`${uploaded.files.length} files stored`);
  const files = [...uploaded.files, await storeLog()];
  if (listed.length > 0)
    files.push(await uploadText(ARTIFACT_MANIFEST, `${JSON.stringify(listed, null, 2)}\n`, deps));
  const counts = {
    files: files.length,
    bytes: files.reduce((sum, { size }) => sum + size, 0),
    skipped: skipped.length,
  };
  const stored: Outcome = {
    ...outcome,
    timings: timeline.timings(),
    stored: counts,
  };
  const { trial } = assignment;
  const manifest: Manifest = { version: 1, trial, files, skipped };
  await uploadText('manifest.json', `${JSON.stringify(manifest)}\n`, deps);
  const { sha256: outcomeSha256 } = await uploadText('outcome.json', outcomeFile(trial, stored), deps);
  return { ...stored, stored: { ...counts, outcomeSha256 } };
}

/** A result without its files is worth another attempt; a failure stays the failure that it was. */
function unstored(outcome: Outcome, why: string): Outcome {
  const { result } = outcome;
  if (result.kind === 'failed')
    return {
      ...outcome,
      result: { ...result, message: `${result.message}; the results could not be stored: ${why}` },
    };
  const known = result.kind === 'rewarded' ? `; the reward was ${result.reward}` : '';
  const message = `the results could not be stored: ${why.slice(0, 800)}${known}`;
  return {
    ...outcome,
    result: { kind: 'failed', reason: 'UploadFailed', message },
    exception: { type: 'UploadFailedError', message, phase: 'upload' },
  };
}
