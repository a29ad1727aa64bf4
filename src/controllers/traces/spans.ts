/**
 * Pure: a Trial that has ended → its OpenTelemetry trace, as OTLP's JSON has it. All times are those of the object and all ids are made of its
 * UID, so the same Trial is the same trace, whoever sends it and however often the operator was restarted meanwhile.
 */
import { conditionOf, millisecondsOf as ms } from '../../crds/conditions.ts';
import { identityOf, sha256 } from '../../crds/names.ts';
import { PHASES, type Attempt } from '../../crds/trial-status.ts';
import type { Trial } from '../../crds/trial.ts';

type Value = { stringValue: string } | { doubleValue: number } | { intValue: number };

export interface Span {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  /** Internal. */
  kind: 1;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: { key: string; value: Value }[];
  /** 2: an error. */
  status?: { code: 2; message: string };
}

interface Draft {
  /** Unique in its Trial. */
  id: string;
  parent?: string;
  name: string;
  from: number;
  to: number;
  error?: string | undefined;
  attributes?: Record<string, string | number | undefined>;
}

const nanos = (at: number): string => `${BigInt(Math.round(at)) * 1_000_000n}`;

/** The spans of a Trial that has ended, its own first; none before. */
export function trialSpans(trial: Trial): Span[] {
  const root = rootOf(trial);
  if (Number.isNaN(root.from) || Number.isNaN(root.to)) return [];
  const attempts = trial.status?.attempts ?? [];
  const limits = { from: root.from, to: root.to + CUT_MS };
  const phases = phasesOf(trial)
    .filter(isKnown)
    .map((draft) => within(limits, draft));
  const end = Math.max(root.to, ...phases.map(({ to }) => to));
  const last = attempts.length - 1;
  const tries = attempts.map(attemptOf).map((draft, at) => (at === last ? { ...draft, to: end } : draft));
  const drafts = [{ ...root, to: end }, ...queueOf(root, attempts), ...tries, ...phases];
  const { uid } = identityOf(trial);
  return drafts.filter(isKnown).map((draft) => spanOf(uid, within({ from: root.from, to: end }, draft)));
}

/** Times of Kubernetes are whole seconds, cut off; a courier's are not, and its last phases end within the last one. */
const CUT_MS = 999;

const isKnown = ({ from, to }: Draft): boolean => !Number.isNaN(from) && !Number.isNaN(to);

/** Times of phases come from a tenant's Pod, which could say anything. */
function within(limits: Pick<Draft, 'from' | 'to'>, draft: Draft): Draft {
  const from = Math.min(Math.max(draft.from, limits.from), limits.to);
  return { ...draft, from, to: Math.min(Math.max(draft.to, from), limits.to) };
}

const ROOT = 'trial';

function rootOf(trial: Trial): Draft {
  const { metadata, spec, status = {} } = trial;
  const { namespace, name, uid } = identityOf(trial);
  const { status: succeeded, reason, message } = conditionOf(trial, 'Succeeded') ?? {};
  return {
    id: ROOT,
    name: ROOT,
    from: ms(metadata.creationTimestamp),
    to: Math.max(ms(metadata.creationTimestamp), ms(status.finishedAt)),
    error: succeeded === 'False' ? `${reason}: ${message}` : undefined,
    attributes: {
      'k8s.namespace.name': namespace,
      'sb.trial.name': name,
      'sb.trial.uid': uid,
      'sb.trial.reason': reason,
      'sb.run': spec.run,
      'sb.task.name': spec.task.name,
      'sb.agent.name': spec.agent.name,
      'sb.agent.model': spec.agent.model,
      'sb.reward': status.reward,
      'sb.usage.input_tokens': status.usage?.inputTokens,
      'sb.usage.output_tokens': status.usage?.outputTokens,
    },
  };
}

/** Until the first Job was made, its image's build included. */
const queueOf = ({ from }: Draft, [first]: readonly Attempt[]): Draft[] =>
  first?.number === 1 ? [{ id: 'queue', parent: ROOT, name: 'queue', from, to: ms(first.startTime) }] : [];

const attemptOf = ({ number, startTime, completionTime, reason, message, ...rest }: Attempt): Draft => ({
  id: `attempt ${number}`,
  parent: ROOT,
  name: `attempt ${number}`,
  from: ms(startTime),
  to: ms(completionTime),
  error: reason === undefined ? undefined : `${reason}: ${message ?? ''}`,
  attributes: {
    'k8s.job.name': rest.jobName,
    'k8s.pod.name': rest.podName,
    'k8s.node.name': rest.nodeName,
  },
});

/** They are of the last attempt. */
function phasesOf({ status = {} }: Trial): Draft[] {
  const last = status.attempts?.at(-1);
  if (!last) return [];
  return PHASES.map((phase) => ({
    id: phase,
    parent: attemptOf(last).id,
    name: phase,
    from: ms(status.timings?.[phase]?.startTime),
    to: ms(status.timings?.[phase]?.completionTime),
  }));
}

const spanId = (uid: string, id: string): string => sha256(`${uid}/${id}`).slice(0, 16);

function spanOf(uid: string, { id, parent, name, from, to, error, attributes = {} }: Draft): Span {
  return {
    traceId: sha256(uid).slice(0, 32),
    spanId: spanId(uid, id),
    ...(parent !== undefined && { parentSpanId: spanId(uid, parent) }),
    name,
    kind: 1,
    startTimeUnixNano: nanos(from),
    endTimeUnixNano: nanos(to),
    attributes: Object.entries(attributes).flatMap(([key, value]) =>
      value === undefined ? [] : [{ key, value: valueOf(value) }],
    ),
    ...(error !== undefined && { status: { code: 2 as const, message: error } }),
  };
}

function valueOf(value: string | number): Value {
  if (typeof value === 'string') return { stringValue: value };
  return Number.isInteger(value) ? { intValue: value } : { doubleValue: value };
}
