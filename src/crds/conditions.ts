/** Conditions as the Kubernetes API conventions define them. */
import { choice, listMap, text, time, Type } from './schema.ts';

export const Condition = Type.Object({
  type: text(64, 'What the condition is about.'),
  status: choice(['True', 'False', 'Unknown'], 'Whether it holds.'),
  observedGeneration: Type.Optional(
    Type.Integer({ format: 'int64', description: 'Generation of the spec that was looked at.' }),
  ),
  lastTransitionTime: time('When the status changed last.'),
  reason: text(64, 'CamelCase word of a closed list.'),
  message: text(1024, 'One sentence for people.'),
});
export type Condition = Type.Static<typeof Condition>;

export const Conditions = listMap(Condition, 'type', {
  maxItems: 16,
  description: 'Latest observations of the object’s state.',
});

/** A status before anybody has looked: whoever waits by generation knows it by this, as of the kinds of Flux. */
export const UNSEEN = { observedGeneration: -1 };

/** A condition before it is stamped with time and generation. */
export type ConditionDraft = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/** A point in time as the API server writes it: whole seconds, UTC. */
export const timestamp = (at: Date): string => at.toISOString().replace(/\.\d+Z$/, 'Z');

/** Milliseconds since the epoch; NaN of a time that is not known. */
export const millisecondsOf = (at: string | undefined): number =>
  at === undefined ? Number.NaN : Date.parse(at);

const MESSAGE_MAX = 1024;

/**
 * Stamps drafts: `lastTransitionTime` moves only when the status flips, so that an unchanged object is written no second time.
 * Conditions of types that are not among the drafts are dropped.
 */
export function stamp(
  drafts: ConditionDraft[],
  previous: Condition[] | undefined,
  at: { generation: number; now: Date },
): Condition[] {
  return drafts.map((draft) => {
    const before = previous?.find(({ type }) => type === draft.type);
    const lastTransitionTime =
      before?.status === draft.status ? before.lastTransitionTime : timestamp(at.now);
    return {
      ...draft,
      message: draft.message.slice(0, MESSAGE_MAX),
      observedGeneration: at.generation,
      lastTransitionTime,
    };
  });
}

const COMMON: Record<ConditionDraft['status'], ('Reconciling' | 'Complete' | 'Failed' | 'Stalled')[]> = {
  Unknown: ['Reconciling'],
  True: ['Complete'],
  False: ['Failed', 'Stalled'],
};

/**
 * `Succeeded`, and the same for those who know no such object: `kubectl wait` waits for True, so that there is one for each end, as of a Job; kstatus,
 * which Flux and Helm wait by, takes an object for done that is neither Reconciling nor Stalled.
 */
export const forEverybody = (succeeded: ConditionDraft): ConditionDraft[] => [
  succeeded,
  ...COMMON[succeeded.status].map((type) => ({ ...succeeded, type, status: 'True' as const })),
];

/** The condition of that type, if the object has it. */
export const conditionOf = (
  object: { status?: { conditions?: Condition[] } },
  type: string,
): Condition | undefined => object.status?.conditions?.find((condition) => condition.type === type);

/** True once the object has its terminal condition; nothing about it is decided any more. */
export function isFinished(object: { status?: { conditions?: Condition[] } }): boolean {
  const status = conditionOf(object, 'Succeeded')?.status;
  return status === 'True' || status === 'False';
}

interface Observed {
  observedGeneration?: number;
  conditions?: Condition[];
}

/**
 * The status of an object that has ended for the spec as it is now; undefined where it is that already, or the object goes on. Nothing is decided of
 * it, and only fields that change nothing any more may have changed, but whoever waits for its generation has to see that it was looked at.
 */
export function seenAgain<S extends Observed>(object: {
  metadata: { generation?: number; deletionTimestamp?: string };
  status?: S;
}): S | undefined {
  const { metadata, status } = object;
  const { generation = 1, deletionTimestamp } = metadata;
  if (!status || !isFinished(object) || deletionTimestamp !== undefined) return undefined;
  if (status.observedGeneration === generation) return undefined;
  const conditions = (status.conditions ?? []).map((one) => ({ ...one, observedGeneration: generation }));
  return { ...status, observedGeneration: generation, conditions };
}
