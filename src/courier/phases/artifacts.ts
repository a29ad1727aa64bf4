/** Copies the artifacts to where results are kept. */
import type { Reason } from '../../wire/hand/protocol.ts';
import { explain } from '../failure.ts';
import type { Hand } from '../hand/hand.ts';
import { Refused } from '../hand/sbd/stream.ts';
import type { Limited, Step } from '../task/steps.ts';

/** For all artifacts together; what is not copied by then is left out. */
const COPY_SECONDS = 300;

type CollectDeps = { hand: Pick<Hand, 'run' | 'copy'>; note: (line: string) => void };

/** Runs the hooks, then copies. What fails costs what it would have kept, nothing else. */
export async function collectArtifacts(
  { hooks, artifacts, artifactsUser }: Pick<Step, 'hooks' | 'artifacts' | 'artifactsUser'>,
  { hand, note }: CollectDeps,
): Promise<void> {
  for (const hook of hooks) await runHook(hook, { hand, note });
  const late = AbortSignal.timeout(COPY_SECONDS * 1000);
  for (const { source, into } of artifacts) {
    const to = `/logs/artifacts/${into}`;
    try {
      late.throwIfAborted();
      await hand.copy({ path: source, to, user: artifactsUser, ...COPY_BOUNDS }, late);
    } catch (error) {
      if (!late.aborted && !(error instanceof Refused)) throw error;
      note(`artifact ${source} could not be copied: ${late.aborted ? LATE : explainCopy(error as Refused)}`);
    }
  }
}

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

async function runHook({ command, limitSeconds }: Limited, { hand, note }: CollectDeps): Promise<void> {
  const ended = await hand.run(command, limitSeconds);
  if (ended.kind === 'refused') note(`a collect hook could not start: no such ${ended.refusal}`);
  else if (ended.timedOut) note(`a collect hook did not end within ${limitSeconds} s`);
  else if (ended.code !== 0) note(`a collect hook ended with exit code ${ended.code}`);
}
