/** Copies the artifacts to where results are kept. */
import { posix } from 'node:path';
import { present } from '../../crds/present.ts';
import type { Reason } from '../../wire/hand/protocol.ts';
import { explain } from '../failure.ts';
import type { Copy, Hand } from '../hand/hand.ts';
import { Refused } from '../hand/sbd/stream.ts';
import type { ArtifactRecord } from '../record/artifacts.ts';
import type { Limited, Step } from '../task/steps.ts';

/** For all artifacts together; what is not copied by then is left out. */
const COPY_SECONDS = 300;

interface CollectDeps {
  hand: Pick<Hand, 'run' | 'copy'>;
  artifacts: Pick<ArtifactRecord, 'add' | 'done'>;
  note: (line: string) => void;
}

/** Runs the hooks, then copies. What fails costs what it would have kept, nothing else. */
export async function collectArtifacts(
  { hooks, artifacts, uncopied = [], artifactsUser }: Collected,
  { hand, artifacts: record, note }: CollectDeps,
): Promise<void> {
  for (const hook of hooks) await runHook(hook, { hand, note });
  const late = AbortSignal.timeout(COPY_SECONDS * 1000);
  for (const { source, into, exclude } of artifacts) {
    const copy = { path: source, to: `/logs/artifacts/${into}`, user: artifactsUser, ...COPY_BOUNDS };
    const { kind, failure } = await tryCopy({ ...copy, ...present({ exclude }) }, { hand, late });
    if (failure !== undefined) note(`artifact ${source} could not be copied: ${failure}`);
    record.add({
      source,
      place: `output/${into}`,
      type: kind,
      status: failure === undefined ? 'ok' : 'failed',
      exclude: (kind === 'directory' && exclude) || [],
    });
  }
  for (const { source, place, why } of uncopied) {
    const status = why === 'Kept' ? 'kept' : 'skipped';
    record.add({ source, place, type: supposedKind(source), status, exclude: [] });
  }
  record.done();
}

type Collected = Pick<Step, 'hooks' | 'artifacts' | 'uncopied' | 'artifactsUser'>;

/** What it is, and why not all of it was copied. */
async function tryCopy(
  copy: Copy,
  { hand, late }: { hand: CollectDeps['hand']; late: AbortSignal },
): Promise<{ kind: 'file' | 'directory'; failure?: string }> {
  try {
    late.throwIfAborted();
    const { kind, linksOut } = await hand.copy(copy, late);
    return { kind, ...(linksOut > 0 && { failure: `${linksOut} of its links lead out of it` }) };
  } catch (error) {
    if (!late.aborted && !(error instanceof Refused)) throw error;
    return { kind: supposedKind(copy.path), failure: late.aborted ? LATE : explainCopy(error as Refused) };
  }
}

/** As Harbor supposes it of what it could not look at. */
const supposedKind = (source: string): 'file' | 'directory' =>
  posix.extname(source) === '' ? 'directory' : 'file';

const LATE = `there was no time left of ${COPY_SECONDS} s`;

/** Copying fills holes. */
const COPY_BOUNDS = { maxFileBytes: 2 * 1024 ** 3, maxHoleBytes: 64 * 1024 ** 2 };

const COPY_FAILURES: Partial<Record<Reason, string>> = {
  NotFound: 'it is missing',
  TooLarge: 'it is too large, or has too many holes',
  NotPermitted: 'the agent’s user may not read it',
  UserMissing: 'no such user',
  Killed: 'the copying was killed',
};

const explainCopy = (refused: Refused): string => COPY_FAILURES[refused.reason] ?? explain(refused);

async function runHook(
  { command, limitSeconds }: Limited,
  { hand, note }: Pick<CollectDeps, 'hand' | 'note'>,
): Promise<void> {
  const ended = await hand.run(command, limitSeconds);
  if (ended.kind === 'refused') note(`a collect hook could not start: no such ${ended.refusal}`);
  else if (ended.timedOut) note(`a collect hook did not end within ${limitSeconds} s`);
  else if (ended.code !== 0) note(`a collect hook ended with exit code ${ended.code}`);
}
