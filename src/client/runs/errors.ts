/** Pure: Trials in trouble, by class: what they came to, and what they have in common. */
import { byText } from '../../text/figures.ts';
import type { Trial } from '../../crds/trial.ts';
import { faultOfException } from '../../crds/agent-failures.ts';
import { present } from '../../crds/present.ts';
import { faultOf, type Fault, hasResult } from '../../crds/reasons.ts';
import { isEnded, stateOf, type StateSeen } from '../../results/state.ts';
import type { ErrorClass } from '../documents/run.ts';

/** What kubelet and scheduler call it, within the operator's sentence. */
const TELLING = [
  /\b(ImagePullBackOff|ErrImagePull|InvalidImageName|ErrImageNeverPull|CreateContainerConfigError|CreateContainerError|CrashLoopBackOff)\b/,
  /\b(Insufficient [a-z0-9./-]*[a-z0-9])/,
  /^TaskBuild \S+: ([A-Z][A-Za-z]+)/,
  /\b(exceeded quota)\b/,
];

interface Seen extends StateSeen {
  trial: Trial;
  ended: boolean;
  class: string;
}

/** The classes, the largest first. Trials that go as they should, and those that somebody cancelled, are in none. */
export function errorClasses(trials: readonly Trial[]): ErrorClass[] {
  const groups = Map.groupBy(
    trials.flatMap((trial) => seenOf(trial) ?? []),
    (seen) => `${seen.class} ${seen.reason} ${seen.ended}`,
  );
  return [...groups.values()].map(classOf).sort((a, b) => b.count - a.count || byText(a.class, b.class));
}

function seenOf(trial: Trial): Seen | undefined {
  const seen = stateOf(trial);
  const word = wordOf(trial, seen);
  return word === undefined ? undefined : { ...seen, trial, ended: isEnded(seen.state), class: word };
}

/** The trouble in a word; undefined where there is none. */
function wordOf({ status }: Trial, { state, reason, message }: StateSeen): string | undefined {
  if (state === 'cancelled') return undefined;
  if (hasResult(reason)) return status?.exception?.type;
  const telling = TELLING.flatMap((pattern) => pattern.exec(message)?.[1] ?? [])[0];
  return telling ?? (isEnded(state) || state === 'retrying' ? reason : undefined);
}

function classOf(group: Seen[]): ErrorClass {
  const [first] = group as [Seen, ...Seen[]];
  return {
    class: first.class,
    reason: first.reason,
    ...present({ fault: faultIn(group, first) }),
    ended: first.ended,
    count: group.length,
    shared: group.length > 1 ? sharedBy(group.map(({ trial }) => trial)) : [],
    message: first.message,
    trials: group.map(({ trial }) => trial.metadata.name).sort(byText),
  };
}

/** Of Trials with a result, that of their exception, where it tells. */
function faultIn(group: Seen[], { ended, class: word, reason, message }: Seen): Fault | undefined {
  if (hasResult(reason)) return faultOfException(word);
  const lost = ended && group.every(({ trial }) => trial.status?.reward === undefined);
  return lost ? faultOf(reason, message) : undefined;
}

/** From the most telling to the least; one of an image's names is enough. */
function sharedBy(trials: Trial[]): string[] {
  const same = (word: string, value: (trial: Trial) => string | undefined): string[] => {
    const values = new Set(trials.map(value));
    const [only] = values;
    return values.size === 1 && only !== undefined ? [`same ${word} ${only}`] : [];
  };
  const image = [
    ...same('digest', ({ status }) => status?.imageDigest),
    ...same('TaskBuild', ({ status }) => status?.taskBuild),
    ...same('image', ({ spec, status }) => spec.environment.image ?? status?.image),
  ];
  return [
    ...image.slice(0, 1),
    ...same('node', ({ status }) => status?.attempts?.at(-1)?.nodeName),
    ...same('task', ({ spec }) => spec.task.name),
  ];
}
