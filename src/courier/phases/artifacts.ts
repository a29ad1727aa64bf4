/** Copies the artifacts to where results are kept. */
import type { Command } from '../hand/command.ts';
import type { Ended, Hand } from '../hand/hand.ts';
import type { Limited, Step } from '../task/steps.ts';

/** For all artifacts together; what is not copied by then is left out. */
const COPY_SECONDS = 300;

type CollectDeps = { hand: Pick<Hand, 'run'>; note: (line: string) => void };

/** Runs the hooks, then copies. What fails costs what it would have kept, nothing else. */
export async function collectArtifacts(
  { hooks, artifacts, artifactsUser }: Pick<Step, 'hooks' | 'artifacts' | 'artifactsUser'>,
  { hand, note }: CollectDeps,
): Promise<void> {
  for (const hook of hooks) await runHook(hook, { hand, note });
  const began = performance.now();
  for (const { source, into } of artifacts) {
    const left = COPY_SECONDS - (performance.now() - began) / 1000;
    const ended = left > 0 ? await hand.run(copyCommand(source, into, artifactsUser), left) : undefined;
    const failure = copyFailure(ended);
    if (failure !== undefined) note(`artifact ${source} could not be copied: ${failure}`);
  }
}

/** run.sh's own copier: an image needs no `cp`. A link leads no further than the agent's user may go. */
const copyCommand = (source: string, into: string, user: string): Command => ({
  argv: ['/sb/busybox', 'sh', '/sb/run.sh', 'copy', source, `/logs/artifacts/${into}`],
  user,
  workdir: '/',
  env: {},
});

const COPY_FAILURES: Record<number, string> = {
  1: 'it is missing',
  2: 'it is too large, or has too many holes',
};

function copyFailure(ended: Ended | undefined): string | undefined {
  if (!ended || (ended.kind === 'exited' && ended.timedOut))
    return `there was no time left of ${COPY_SECONDS} s`;
  if (ended.kind === 'lost') return 'the copying was killed';
  if (ended.kind === 'refused') return `no such ${ended.refusal}`;
  return ended.code === 0 ? undefined : (COPY_FAILURES[ended.code] ?? 'the agent’s user may not read it');
}

async function runHook({ command, limitSeconds }: Limited, { hand, note }: CollectDeps): Promise<void> {
  const ended = await hand.run(command, limitSeconds);
  if (ended.kind === 'refused') note(`a collect hook could not start: no such ${ended.refusal}`);
  else if (ended.kind === 'lost') note('a collect hook was killed');
  else if (ended.timedOut) note(`a collect hook did not end within ${limitSeconds} s`);
  else if (ended.code !== 0) note(`a collect hook ended with exit code ${ended.code}`);
}
