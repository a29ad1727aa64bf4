/** What the TaskBuild controller sees of a TaskBuild, for tests of what follows from that. */
import type { StateSeen } from '../../../src/controllers/task-build/observed.ts';
import { needs } from '../../../src/controllers/task-build/decide.ts';
import type {
  BuildSeen,
  ContextSeen,
  ImageSeen,
  Observed,
} from '../../../src/controllers/task-build/observed.ts';
import { after, anOrigin, aTaskBuild, someRules } from './objects.ts';

export const IMAGE = 'registry:5000/sandboxes:ctx-1';

export type BuildKnown = Partial<
  BuildSeen & {
    /** What registry and record say of the image, before a build and of what it pushed; default: there is none. */
    existing: ImageSeen;
    /** Default: it is there. */
    context: ContextSeen;
    /** Default: the builder knows no such build. */
    state: StateSeen;
  }
>;

/** A TaskBuild five seconds old, and whatever else is known of it; as `observe` does, it has of that what `needs` asks for. */
export function aBuildSeen(known: BuildKnown = {}): Observed {
  const { existing = { kind: 'absent' }, context = { kind: 'present' }, state = UNKNOWN, ...over } = known;
  const seen: BuildSeen = {
    taskBuild: aTaskBuild(),
    builder: { backend: 'BuildKit', pollMs: 1000 },
    limits: { timeoutSeconds: 7200, queueTimeoutSeconds: 7200 },
    rules: someRules(),
    now: after(5),
    ...over,
  };
  const asked = needs(seen);
  if (asked.need === 'nothing') return { ...seen, ...asked };
  if (asked.need === 'progress') {
    const told = state.kind === 'succeeded' ? { ...state, pushed: existing } : state;
    return { ...seen, need: 'progress', progress: { ...asked.handed, state: told, againMs: 500 } };
  }
  const named = { image: IMAGE, origin: anOrigin() };
  const inputs =
    existing.kind === 'absent'
      ? ({ kind: 'absent', context, ...named } as const)
      : ({ kind: 'existing', existing, ...named } as const);
  return { ...seen, need: 'inputs', inputs };
}

const UNKNOWN: StateSeen = { kind: 'unknown' };
