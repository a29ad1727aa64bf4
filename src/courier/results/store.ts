/** Stores what an attempt left: files as they are, then the timeline, the manifest, and the outcome, whose presence means that all is there. */
import { TRIAL_FILES } from '../../results/keys.ts';
import { stepFolder } from '../../wire/upload-paths.ts';
import type { Manifest, UploadFile } from '../../wire/uploads.ts';
import type { Outcome } from '../../wire/outcome.ts';
import type { Assignment } from '../../wire/assignment.ts';
import { explain } from '../failure.ts';
import type { Hand } from '../hand/hand.ts';
import type { Apart } from '../phases/surroundings.ts';
import type { Settings } from '../settings.ts';
import type { Timeline } from '../record/timeline.ts';
import type { TrialLog } from '../record/trial-log.ts';
import type { Scrubber } from '../record/scrub.ts';
import { TRAJECTORY_FILE, type TrajectoryRecord } from '../record/trajectory.ts';
import { artifactManifest, type ArtifactRecord } from '../record/artifacts.ts';
import { ARTIFACT_MANIFEST, collectLogs, limitsAfter, type Collected, type Logs } from './collect.ts';
import { MAX_SKIPPED } from './walk.ts';
import { outcomeFile } from './outcome.ts';
import { uploadFiles, uploadText } from './upload.ts';
import type { UploadOptions } from './upload.ts';

/** What of the container's files has been stored so far. */
export type Kept = Pick<Manifest, 'files' | 'skipped' | 'links' | 'folders'>;

export const nothingKept = (): Kept => ({ files: [], skipped: [], links: [], folders: [] });

interface KeepDeps extends UploadOptions {
  logs: Logs;
  log: TrialLog;
  scrub: Scrubber;
  artifacts: ArtifactRecord;
  trajectory: TrajectoryRecord;
}

/** Where the files of a step lie; without a name, of the only one. */
export function logsOf(
  { steps, services = [] }: Assignment,
  name: string | undefined,
  paths: Settings['paths'],
): Logs {
  const { verifier, artifacts = [] } = steps.find((step) => step.name === name) ?? {};
  const volumes = verifier?.place && paths.beside[verifier.place.container];
  const copied = artifacts.flatMap(({ service, into }) => {
    const { container = '' } = services.find((one) => one.name === service) ?? {};
    const logs = paths.beside[container]?.logs;
    return logs === undefined ? [] : [{ logs, into }];
  });
  return {
    agent: paths.logs,
    ...(volumes && { verifier: volumes.logs }),
    ...(copied.length > 0 && { services: copied }),
  };
}

export interface StoreDeps extends Omit<KeepDeps, 'logs'> {
  hand: Hand;
  apart: ReadonlyMap<string, Apart>;
  paths: Settings['paths'];
  timeline: Timeline;
  /** The files of earlier steps. */
  kept: Kept;
}

/** Stores what lies in /logs, which nobody changes meanwhile, and adds it to what is kept; of a step below the step's folder. */
export async function keepLogs(kept: Kept, step: string | undefined, deps: KeepDeps): Promise<void> {
  const { log, logs, artifacts } = deps;
  const under = step === undefined ? '' : stepFolder(step);
  const trajectory = deps.trajectory.take();
  const found = withoutNames(collectLogs(logs, limitsAfter(kept, under)), deps.scrub);
  if (trajectory !== undefined) found.files = found.files.filter(({ path }) => path !== TRAJECTORY_FILE);
  const paths = found.files.map(({ path }) => path);
  const listed = artifactManifest(artifacts.take(), paths);
  const below = <T extends { path: string }>(file: T): T => ({ ...file, path: under + file.path });
  const uploaded = await uploadFiles(found.files.map(below), { ...deps, storesOwn: () => storeLog(deps) });
  const skipped = [...found.skipped.map(below), ...uploaded.skipped];
  for (const { path, reason } of skipped.slice(0, 100)) log.note(`not stored: ${path} (${reason})`);
  log.note(`${uploaded.files.length} files stored${step === undefined ? '' : ` of step ${step}`}`);
  kept.files.push(...uploaded.files);
  if (trajectory !== undefined)
    kept.files.push(await uploadText(under + TRAJECTORY_FILE, deps.scrub.text(trajectory), deps));
  if (listed.length > 0)
    kept.files.push(
      await uploadText(under + ARTIFACT_MANIFEST, `${JSON.stringify(listed, null, 2)}\n`, deps),
    );
  kept.links.push(...found.links.map(below));
  kept.folders.push(...found.folders.map((path) => under + path));
  keepSkipped(kept, skipped);
}

/** A name with the value of a secret in it is shown to everyone who may list the files. */
function withoutNames(found: Collected, { text }: Pick<Scrubber, 'text'>): Collected {
  const { open = [], secret = [] } = Object.groupBy(found.files, ({ path }) =>
    text(path) === path ? 'open' : 'secret',
  );
  return {
    files: open,
    skipped: [
      ...found.skipped.map(({ path, reason }) => ({ path: text(path), reason })),
      ...secret.map(({ path }) => ({ path: text(path), reason: 'Secret' as const })),
    ],
    links: found.links.map(({ path, target }) => ({ path: text(path), target: text(target) })),
    folders: found.folders.map(text),
  };
}

const MORE = { path: 'and more', reason: 'TooMany' } as const;

/** Within the bound of all steps together; that there is more is always told. */
function keepSkipped({ skipped: kept }: Kept, skipped: Kept['skipped']): void {
  const room = MAX_SKIPPED - kept.length;
  if (skipped.length <= room + 1) kept.push(...skipped);
  else kept.splice(MAX_SKIPPED, 1, ...skipped.slice(0, Math.max(0, room)), MORE);
}

const storeLog = (deps: Pick<KeepDeps, 'log'> & UploadOptions): Promise<UploadFile> =>
  uploadText('trial.log', deps.log.text(), deps);

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
  const { hand, apart, artifacts, log, timeline, kept, paths } = deps;
  // Nobody may write what is being stored, and the courier must be able to read it.
  const hands = [hand, ...[...apart.values()].flatMap((one) => (one.began ? one.hand : []))];
  for (const one of hands)
    if (!one.isGone()) await one.freeze().catch((error: unknown) => log.note(explain(error)));
  const last = outcome.steps?.listed.at(-1)?.name;
  await keepLogs(kept, last, { ...deps, logs: logsOf(assignment, last, paths) });
  const files = [...kept.files, await storeLog(deps)];
  const counts = {
    files: files.length,
    bytes: files.reduce((sum, { size }) => sum + size, 0),
    skipped: kept.skipped.length,
    collected: artifacts.collected(),
    ...(isShared(assignment) && { sharedVerifier: true }),
  };
  const { trial } = assignment;
  const manifest: Manifest = { version: 1, trial, ...kept, files };
  const { sha256: manifestSha256 } = await uploadText(
    TRIAL_FILES.manifest,
    `${JSON.stringify(manifest)}\n`,
    deps,
  );
  const stored: Outcome = {
    ...outcome,
    timings: timeline.timings(),
    stored: { ...counts, manifestSha256 },
  };
  const { sha256: outcomeSha256 } = await uploadText(TRIAL_FILES.outcome, outcomeFile(trial, stored), deps);
  return { ...stored, stored: { ...counts, manifestSha256, outcomeSha256 } };
}

/** What is judged again is no better than it was. */
const isShared = ({ steps, regrade }: Assignment): boolean =>
  regrade?.shared ?? steps.some(({ verifier }) => verifier !== undefined && !verifier.place);

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
