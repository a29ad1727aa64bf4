/** What the Trial controller sees of a Trial, for tests of what follows from that. */
import type {
  AttemptReport,
  AttemptSeen,
  FaultyTask,
  Observed,
} from '../../../src/controllers/trial/observed.ts';
import type { ImageSeen } from '../../../src/images/image.ts';
import { needs } from '../../../src/controllers/trial/decide.ts';
import { after, anImageConfig, aTrial, compiledTrial } from './objects.ts';

/** An image that a Job can run. */
export const READY: ImageSeen = {
  kind: 'ready',
  image: { reference: 'debian@sha256:aa', digest: 'sha256:aa', config: anImageConfig() },
};

export type TrialKnown = Partial<AttemptSeen & AttemptReport & FaultyTask & { image: ImageSeen }>;

/** A Trial without a Job, five seconds old, and whatever else is known of it; as `observe` does, it has of that what `needs` asks for. */
export function aTrialSeen(known: TrialKnown = {}): Observed {
  const { image = READY, taskFault, taskContent, outcome, refusal, ...over } = known;
  const attempt: AttemptSeen = {
    trial: aTrial(),
    attempt: 1,
    job: { kind: 'none' },
    policies: { kind: 'inPlace' },
    budget: { kind: 'none' },
    now: after(5),
    ...over,
  };
  const asked = needs(attempt);
  if (asked.need === 'nothing') return { ...attempt, ...asked };
  if (asked.need === 'report' || outcome)
    return {
      ...attempt,
      need: 'report',
      ...(outcome && { outcome }),
      ...(refusal !== undefined && { refusal }),
    };
  const content = taskContent === undefined ? {} : { taskContent };
  const inputs = taskFault
    ? { taskFault }
    : { compiled: compiledTrial(attempt.trial), images: { agent: image } };
  return { ...attempt, need: 'inputs', ...inputs, ...content };
}
