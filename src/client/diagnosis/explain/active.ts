/** Pure: why a Trial has not ended. */
import { conditionOf } from '../../../crds/conditions.ts';
import type { TrialActiveReason } from '../../../crds/reasons.ts';
import { OPERATOR_LOG } from '../../../installation/names.ts';
import { buildFinding } from './build.ts';
import type { Evidence, Explained } from './evidence.ts';
import { podFindings } from './pod.ts';

type Advice = (evidence: Evidence) => Explained[];

const say =
  (why: string, ...next: string[]): Advice =>
  () => [{ why: [why], next }];

/** What was found wrong with Job and Pod; nothing wrong is said so. */
const ofPod =
  (fine: string, ...next: string[]): Advice =>
  (evidence) => {
    const found = podFindings(evidence);
    return found.length > 0 ? found : [{ why: [fine], next }];
  };

export const ACTIVE_ADVICE: Record<TrialActiveReason, Advice> = {
  Pending: (evidence) =>
    evidence.job
      ? ofPod(
          'the cluster has not created the Pod yet',
          'wait a few seconds',
          'kubectl describe job <job>',
        )(evidence)
      : [
          {
            why: ['the operator has accepted it and comes to it next'],
            next: ['wait a few seconds', 'sb doctor    (if it stays so: is the operator up?)'],
          },
        ],
  Suspended: say(
    'spec.suspend is true',
    `kubectl patch trial <trial> --type=merge -p '{"spec":{"suspend":false}}'`,
  ),
  BuildingImage: ({ build }) => [
    buildFinding(build) ?? {
      why: ['its image is being built'],
      next: ['sb trial logs <trial> --phase build -f'],
    },
  ],
  RegistryUnavailable: say(
    'the registry does not answer the operator, which asks again and again',
    'sb doctor',
    OPERATOR_LOG,
  ),
  Unschedulable: ofPod('no node had room when it was last seen', 'kubectl describe pod <pod>'),
  PullingImage: ofPod('the kubelet pulls the image; large ones take minutes', 'kubectl describe pod <pod>'),
  Running: (evidence) => [...runningWhere(evidence), ...podFindings(evidence)],
  Retrying: (evidence) => [afterAttempt(evidence)],
  Stopping: ({ trial }) => [
    {
      why: [
        trial.spec.cancel
          ? 'it was cancelled; its Pod stores what there is'
          : 'its Pod is being ended and stores what there is',
      ],
      next: ['wait: this takes up to 45 s'],
    },
  ],
};

/** Which phase runs, as far as conditions and the courier's timeline tell. */
function runningWhere({ trial, log, now }: Evidence): Explained[] {
  const started = conditionOf(trial, 'Started')?.lastTransitionTime;
  const minutes = started === undefined ? 0 : Math.floor((now.getTime() - Date.parse(started)) / 60_000);
  const phase = log?.lines.flatMap((line) => /(\w+) began$/.exec(line)?.[1] ?? []).at(-1);
  const limit = phase === 'verifier' ? trial.spec.verifier.timeoutSeconds : trial.spec.agent.timeoutSeconds;
  return [
    {
      why: [
        `its phases run since ${minutes < 1 ? 'less than a minute' : `${minutes} min`}${phase === undefined ? '' : `; the latest that began: ${phase}`}`,
        limit === undefined
          ? 'its time limit is that of task.toml, if there is one'
          : `the limit of this phase is ${limit} s`,
      ],
      next: ['sb trial logs <trial> -f', 'sb trial debug <trial>    (a shell in its container)'],
    },
  ];
}

function afterAttempt({ trial: { spec, status } }: Evidence): Explained {
  const { number = 1, reason = '', message = '', nodeName } = status?.attempts?.at(-1) ?? {};
  const ended = `attempt ${number} of at most ${spec.maxAttempts} was ended by infrastructure: ${reason}: ${message}`;
  const again = 'it is tried again by itself';
  if (nodeName === undefined) return { why: [ended], next: [again] };
  return { why: [ended, `it ran on node ${nodeName}`], next: [again, `kubectl describe node ${nodeName}`] };
}
