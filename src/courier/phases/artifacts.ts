/** Copies the artifacts to where results are kept. */
import { posix } from 'node:path';
import { present } from '../../crds/present.ts';
import type { Reason } from '../../wire/hand/protocol.ts';
import { explain } from '../failure.ts';
import type { ArtifactCopy } from '../../wire/assignment.ts';
import { HandGone, type Copy, type Hand } from '../hand/hand.ts';
import { Refused } from '../../hand/stream.ts';
import type { ArtifactRecord } from '../record/artifacts.ts';
import type { Services } from '../services/services.ts';
import type { Limited, Step } from '../task/sequence.ts';
import type { PhaseDeps } from './surroundings.ts';

/** For all artifacts together; what is not copied by then is left out. */
const COPY_SECONDS = 300;

interface CollectDeps {
  hand: Pick<Hand, 'run' | 'copy'>;
  artifacts: Pick<ArtifactRecord, 'add' | 'done'>;
  note: (line: string) => void;
}

type Collected = Pick<Step, 'hooks' | 'artifacts' | 'uncopied' | 'artifactsUser'>;

/** Runs the hooks of main, then copies its artifacts. What fails costs what it would have kept, nothing else. */
export async function collectArtifacts(step: Collected, { hand, ...deps }: CollectDeps): Promise<void> {
  const { hooks, artifacts, uncopied = [], artifactsUser: user } = step;
  for (const hook of hooks) if (hook.service === undefined) await runHook(hook, { ...deps, hand });
  const late = AbortSignal.timeout(COPY_SECONDS * 1000);
  for (const artifact of artifacts)
    if (artifact.service === undefined) await keep(artifact, { ...deps, hand, user, late });
  for (const { source, place, why, ...rest } of uncopied) {
    const status = why === 'Kept' ? 'kept' : 'skipped';
    deps.artifacts.add({ source, place, type: supposedKind(source), status, exclude: [], ...rest });
  }
  if (!asksServices(step)) deps.artifacts.done();
}

const asksServices = ({ hooks, artifacts }: Pick<Step, 'hooks' | 'artifacts'>): boolean =>
  [...hooks, ...artifacts].some(({ service }) => service !== undefined);

type ServiceDeps = Omit<CollectDeps, 'hand'> & Pick<PhaseDeps, 'services'>;

/** The same of services, each in its own container, and each whatever becomes of the others. */
export async function collectFromServices(
  step: Pick<Step, 'hooks' | 'artifacts'>,
  deps: ServiceDeps,
): Promise<void> {
  if (!asksServices(step)) return;
  const { hooks, artifacts } = step;
  const late = AbortSignal.timeout(COPY_SECONDS * 1000);
  for (const hook of hooks) await inService(hook, deps, ({ hand }) => runHook(hook, { ...deps, hand }));
  for (const artifact of artifacts)
    await inService(artifact, deps, ({ hand, user }) => keep(artifact, { ...deps, hand, user, late }));
  deps.artifacts.done();
}

type Found = NonNullable<ReturnType<Services['find']>>;

/** Nothing for what is main's. */
async function inService(
  { service }: { service?: string },
  { services, note }: Pick<ServiceDeps, 'services' | 'note'>,
  work: (found: Found) => Promise<void>,
): Promise<void> {
  if (service === undefined) return;
  const found = services?.find(service);
  if (!found || found.hand.isGone())
    return note(`nothing was collected of the service ${service}: it is gone`);
  await work(found).catch((error: unknown) => {
    if (!(error instanceof HandGone)) throw error;
    note(`the service ${service} ended while files of it were collected`);
  });
}

interface Keeping extends CollectDeps {
  /** Whose rights it is copied with. */
  user: string;
  late: AbortSignal;
}

async function keep(
  { source, into, exclude, service }: ArtifactCopy,
  { hand, user, late, artifacts: record, note }: Keeping,
): Promise<void> {
  const copy = { path: source, to: `/logs/artifacts/${into}`, user, ...COPY_BOUNDS };
  const { kind, failure } = await tryCopy({ ...copy, ...present({ exclude }) }, { hand, late });
  if (failure !== undefined) note(`artifact ${source} could not be copied: ${failure}`);
  record.add({
    source,
    place: `output/${into}`,
    type: kind,
    status: failure === undefined ? 'ok' : 'failed',
    exclude: (kind === 'directory' && exclude) || [],
    ...present({ service }),
  });
}

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
