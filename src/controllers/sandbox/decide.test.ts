import { expect } from 'chai';
import { after, aPod, aTaskBuild, stampOf } from '../../../test/support/builders/objects.ts';
import {
  anAttempt,
  aSandbox,
  aSandboxJob,
  aSandboxSeen,
  courierless,
  DISRUPTED,
  endedWith,
  heldFor,
  IMAGE_READY,
  RUNNING,
  SCHEDULED,
  statusWith,
  type SandboxKnown,
} from '../../../test/support/builders/sandboxes.ts';
import type { SandboxSpec } from '../../crds/sandbox.ts';
import { nextAction, notBefore, type Action } from './decide.ts';

const next = (known: SandboxKnown = {}): Action => nextAction(aSandboxSeen(known));
const box = (spec: Partial<SandboxSpec>) => aSandbox({ spec });

const IDLE = '{"ended":"Idle","lastActivityTime":"2026-01-01T00:00:40Z"}';
const idle = endedWith({ exitCode: 0, reason: 'Completed' }, { lastWord: IDLE });
const lost = { reason: 'Evicted', message: 'EvictionByEvictionAPI: it had to go' };
const evicted = endedWith({ exitCode: 137, reason: 'Error' }, DISRUPTED('EvictionByEvictionAPI'));

describe('the next action for a Sandbox', () => {
  it('is to make a Job once its image is there', () => {
    expect(next()).to.deep.equal({
      kind: 'createJob',
      image: IMAGE_READY.kind === 'ready' && IMAGE_READY.image,
    });
  });

  it('is to make the build that its image needs, in place of one that failed before', () => {
    const stale = aTaskBuild();
    const inputs = { from: 'image', image: { kind: 'toBuild', taskBuild: 'build-1', stale } } as const;
    expect(next({ inputs })).to.deep.equal({ kind: 'createBuild', taskBuild: 'build-1', stale });
  });

  it('is to take a Pod of its pool where one is ready', () => {
    const job = aSandboxJob();
    const candidates = [{ job, pod: aPod(job), startedAt: stampOf(after(1)) }];
    expect(next({ inputs: { from: 'pool', candidates } })).to.deep.equal({ kind: 'adopt', candidates });
  });

  it('is to delete it once it has expired, whatever it does', () => {
    for (const spec of [{ ttlSeconds: 5 }, { deadline: '2026-01-01T00:00:05Z', ttlSeconds: 90 }])
      for (const known of [{}, { podStatus: RUNNING }])
        expect(next({ sandbox: box(spec), ...known })).to.deep.include({ kind: 'delete', reason: 'Expired' });
  });

  it('is nothing of the kind a moment before', () => {
    expect(next({ sandbox: box({ ttlSeconds: 6 }), podStatus: RUNNING })).to.include({ kind: 'ready' });
  });

  it('is to end one whose courier let nothing run, for nothing closes its network, and to leave it so', () => {
    const refused = { lastWord: '{"ended":"PolicyNotEnforced"}' };
    const podStatus = endedWith({ exitCode: 1, reason: 'Error' }, refused);
    expect(next({ podStatus })).to.deep.include({ kind: 'end', reason: 'PolicyNotEnforced' });
    const ended = anAttempt({ completionTime: stampOf(after(4)), reason: 'PolicyNotEnforced' });
    const sandbox = aSandbox({ status: statusWith('PolicyNotEnforced', [ended]) });
    expect(next({ sandbox, number: 2 })).to.deep.include({ kind: 'end', reason: 'PolicyNotEnforced' });
    // Who is no courier of ours cannot say so.
    const forged = endedWith({ exitCode: 1, reason: 'PolicyNotEnforced' }, { lastWord: 'PolicyNotEnforced' });
    expect(next({ podStatus: forged })).to.include({ reason: 'TaskContainerExited' });
  });

  it('is to delete one that nobody used for its idle timeout', () => {
    expect(next({ podStatus: idle, now: after(70) })).to.deep.include({
      kind: 'delete',
      reason: 'IdleTimeout',
    });
  });

  it('is another attempt after the loss of a Pod, where it asks for that', () => {
    const sandbox = box({ recreatePolicy: 'OnLoss' });
    expect(next({ sandbox, podStatus: evicted })).to.deep.equal({ kind: 'retry', ...lost });
  });

  it('is no other attempt for a container that ended by itself', () => {
    const sandbox = box({ recreatePolicy: 'OnLoss' });
    const podStatus = endedWith({ exitCode: 137, reason: 'OOMKilled' });
    expect(next({ sandbox, podStatus })).to.include({ kind: 'end', reason: 'OOMKilled' });
  });

  it('goes on in the grace period of a budget, and takes no Pod of a pool in it', () => {
    const budget = { kind: 'spent', message: '' } as const;
    expect(next({ budget, podStatus: RUNNING })).to.include({ kind: 'ready' });
    expect(next({ budget, inputs: { from: 'pool', candidates: [] } })).to.include({ kind: 'wait' });
  });

  it('starts again what was suspended, and what ended once it was suspended since', () => {
    for (const reason of ['Suspended', 'BudgetExceeded', 'OOMKilled']) {
      const ended = anAttempt({ completionTime: stampOf(after(1)), reason });
      const sandbox = aSandbox({ status: statusWith('Suspended', [ended]) });
      expect(next({ sandbox, number: 2 }), reason).to.include({ kind: 'createJob' });
    }
  });

  it('starts again what was idle, once it may be idle for longer', () => {
    const ended = anAttempt({ completionTime: stampOf(after(60)), reason: 'IdleTimeout' });
    const status = statusWith('IdleTimeout', [ended], { lastActivityTime: stampOf(after(40)) });
    const of = (idleTimeoutSeconds: number) =>
      next({ sandbox: aSandbox({ status, spec: { idleTimeoutSeconds } }), number: 2, now: after(70) });
    expect(of(20)).to.include({ kind: 'end', reason: 'IdleTimeout' });
    expect(of(60)).to.include({ kind: 'createJob' });
  });

  it('starts again what has expired, once its lifetime is extended', () => {
    const ended = anAttempt({ completionTime: stampOf(after(3)), reason: 'Expired' });
    const status = statusWith('Expired', [ended]);
    const of = (ttlSeconds: number) =>
      next({ sandbox: aSandbox({ status, spec: { ttlSeconds, expiryAction: 'Suspend' } }), number: 2 });
    expect(of(3)).to.include({ kind: 'end', reason: 'Expired' });
    expect(of(60)).to.include({ kind: 'createJob' });
  });

  it('is to wait for the Pod before, unless that is on a lost node', () => {
    const others = [aSandboxJob()];
    const of = (reason: string) => {
      const attempts = [anAttempt({ completionTime: stampOf(after(-60)), reason })];
      const sandbox = aSandbox({
        status: statusWith('Retrying', attempts),
        spec: { recreatePolicy: 'OnLoss' },
      });
      return next({ sandbox, number: 2, others });
    };
    expect(of('Suspended')).to.include({ kind: 'wait', reason: 'Stopping' });
    expect(of('NodeLost')).to.include({ kind: 'createJob' });
  });
});

describe('the pause before another attempt', () => {
  const lostAt = (...seconds: number[]) =>
    aSandbox({
      status: {
        attempts: seconds.map((at, index) =>
          anAttempt({
            number: index + 1,
            startTime: stampOf(after(at - 5)),
            completionTime: stampOf(after(at)),
            reason: 'Evicted',
          }),
        ),
      },
    });
  const pauseAfter = (...seconds: number[]): number =>
    (notBefore(lostAt(...seconds)) - after(seconds.at(-1) ?? 0).getTime()) / 1000;

  it('doubles from 10 seconds to 5 minutes', () => {
    expect(
      [1, 2, 3, 6, 9].map((count) => pauseAfter(...Array.from({ length: count }, (_, at) => at * 10))),
    ).to.deep.equal([10, 20, 40, 300, 300]);
  });

  it('begins anew after a Pod that has lasted', () => {
    const attempts = [
      anAttempt({ completionTime: stampOf(after(5)), reason: 'Evicted' }),
      anAttempt({
        number: 2,
        startTime: stampOf(after(20)),
        completionTime: stampOf(after(900)),
        reason: 'Evicted',
      }),
      anAttempt({
        number: 3,
        startTime: stampOf(after(910)),
        completionTime: stampOf(after(920)),
        reason: 'Evicted',
      }),
    ];
    expect(notBefore(aSandbox({ status: { attempts } }))).to.equal(after(930).getTime());
  });

  it('is told', () => {
    const attempts = [anAttempt({ completionTime: stampOf(after(0)), reason: 'Evicted' })];
    const sandbox = aSandbox({ status: statusWith('Retrying', attempts) });
    expect(next({ sandbox, number: 2 })).to.deep.equal({
      kind: 'wait',
      reason: 'Retrying',
      message: 'next attempt in 5 s',
      againMs: 5000,
    });
  });
});

/** What causes each reason, and what it is told as. */
const CAUSES: [reason: string, known: SandboxKnown, message: RegExp][] = [
  ['Pending', { job: { kind: 'own', job: aSandboxJob() } }, /has not created the Pod yet/],
  ['Pending', { podStatus: { phase: 'Pending' } }, /scheduler has not looked/],
  ['Pending', { job: { kind: 'leftover' } }, /earlier Sandbox of this name/],
  [
    'Pending',
    {
      job: { kind: 'own', job: aSandboxJob() },
      refusal: 'pods "box-s1-x" is forbidden: exceeded quota: few, used: pods=1',
    },
    /exceeded quota/,
  ],
  [
    'BuildingImage',
    {
      inputs: { from: 'image', image: { kind: 'building', taskBuild: 'b', message: 'TaskBuild b: Queued' } },
    },
    /Queued/,
  ],
  [
    'RegistryUnavailable',
    { inputs: { from: 'image', image: { kind: 'unavailable', message: 'no answer' } } },
    /no answer/,
  ],
  ['NetworkPending', { policies: { kind: 'awaited' } }, /not in place yet/],
  [
    'JobRejected',
    { policies: { kind: 'refused', message: 'networkpolicies is forbidden: no' } },
    /NetworkPolicies: .*forbidden/,
  ],
  [
    'JobRejected',
    {
      job: { kind: 'own', job: aSandboxJob() },
      refusal: 'pods "box-s1-x" is forbidden: violates PodSecurity "restricted:latest": no',
    },
    /enforces Pod Security restricted.*allowPrivilegeEscalation/,
  ],
  [
    'VolumePending',
    {
      podStatus: {
        conditions: [
          {
            type: 'PodScheduled',
            status: 'False',
            reason: 'Unschedulable',
            message: '0/1 nodes: pod has unbound immediate PersistentVolumeClaims',
          },
        ],
      },
    },
    /unbound/,
  ],
  [
    'Unschedulable',
    {
      podStatus: {
        conditions: [
          {
            type: 'PodScheduled',
            status: 'False',
            reason: 'Unschedulable',
            message: '0/1 nodes: Insufficient cpu',
          },
        ],
      },
    },
    /Insufficient cpu/,
  ],
  ['PullingImage', { podStatus: { phase: 'Pending', conditions: [SCHEDULED] } }, /preparing/],
  [
    'ImagePullBackOff',
    { podStatus: heldFor('ImagePullBackOff', 'Back-off pulling image') },
    /container task: ImagePullBackOff: Back-off/,
  ],
  ['ImagePullBackOff', { podStatus: heldFor('ErrImagePull', 'not found') }, /not found/],
  [
    'CreateContainerConfigError',
    { podStatus: heldFor('CreateContainerConfigError', 'secret "keys" not found') },
    /secret "keys" not found/,
  ],
  [
    'CreateContainerError',
    { podStatus: heldFor('CreateContainerError', 'no such device') },
    /no such device/,
  ],
  [
    'CrashLoopBackOff',
    {
      podStatus: {
        ...RUNNING,
        initContainerStatuses: heldFor('CrashLoopBackOff', 'back-off 10s', 'courier').containerStatuses ?? [],
      },
    },
    /container courier: CrashLoopBackOff/,
  ],
  [
    'CrashLoopBackOff',
    { podStatus: courierless({ exitCode: 137, reason: 'OOMKilled' }) },
    /container courier ended with exit code 137 \(OOMKilled\); the kubelet starts it again$/,
  ],
  [
    'CrashLoopBackOff',
    {
      podStatus: courierless(
        { exitCode: 1, reason: 'Error' },
        { reason: 'CrashLoopBackOff', message: 'back-off 20s restarting failed container=courier' },
      ),
    },
    /container courier ended with exit code 1 \(Error\); the kubelet starts it again: back-off 20s/,
  ],
  [
    'Stopping',
    {
      podStatus: {
        ...RUNNING,
        containerStatuses: endedWith({ exitCode: 0, reason: 'Completed' }).containerStatuses ?? [],
      },
    },
    /container is ending/,
  ],
  [
    'NodeLost',
    { podStatus: { ...RUNNING, conditions: [SCHEDULED, { type: 'Ready', status: 'False' }] } },
    /sb-worker does not answer/,
  ],
  [
    'PoolNotFound',
    { inputs: { from: 'nothing', said: { reason: 'PoolNotFound', message: 'there is none' } } },
    /there is none/,
  ],
  ['NameConflict', { job: { kind: 'foreign' } }, /Job box-s1 exists/],
  [
    'ImageNotFound',
    { inputs: { from: 'image', image: { kind: 'failed', reason: 'ImageNotFound', message: 'no image' } } },
    /no image/,
  ],
  [
    'ImageAccessDenied',
    { inputs: { from: 'image', image: { kind: 'failed', reason: 'ImageAccessDenied', message: 'no' } } },
    /no/,
  ],
  [
    'BuildFailed',
    {
      inputs: {
        from: 'image',
        image: { kind: 'failed', reason: 'BuildFailed', message: 'TaskBuild b: DockerfileFailed' },
      },
    },
    /DockerfileFailed/,
  ],
  [
    'BuildNotFound',
    { inputs: { from: 'image', image: { kind: 'failed', reason: 'BuildNotFound', message: 'none' } } },
    /none/,
  ],
  ['BudgetExceeded', { budget: { kind: 'spent', message: '$5 of $5' } }, /\$5 of \$5/],
  ['Pending', { budget: { kind: 'awaited' } }, /not counted yet/],
];

/** What ends it, and what it is told as. */
const ENDS: [reason: string, known: SandboxKnown, message: RegExp][] = [
  ['Suspended', { sandbox: box({ operatingMode: 'Suspended' }) }, /operatingMode/],
  ['Suspended', { sandbox: box({ operatingMode: 'Suspended' }), podStatus: RUNNING }, /operatingMode/],
  ['BudgetExceeded', { budget: { kind: 'over', message: '$5 of $5' }, podStatus: RUNNING }, /\$5 of \$5/],
  ['BudgetExceeded', { budget: { kind: 'over', message: '$5 of $5' } }, /\$5 of \$5/],
  [
    'Expired',
    { sandbox: box({ ttlSeconds: 5, expiryAction: 'Suspend' }), podStatus: RUNNING },
    /have passed/,
  ],
  [
    'IdleTimeout',
    { sandbox: box({ expiryAction: 'Suspend' }), podStatus: idle, now: after(70) },
    /since 2026-01-01T00:00:40Z/,
  ],
  [
    'OOMKilled',
    { podStatus: endedWith({ exitCode: 137, reason: 'OOMKilled' }) },
    /exceeded its memory limit/,
  ],
  ['TaskContainerExited', { podStatus: endedWith({ exitCode: 1, reason: 'Error' }) }, /exit code 1/],
  ['TaskContainerExited', { podStatus: endedWith({ exitCode: 0, reason: 'Completed' }) }, /exit code 0/],
  [
    'EphemeralStorageExceeded',
    {
      podStatus: endedWith(
        { exitCode: 137, reason: 'Error' },
        { reason: 'Evicted', message: 'Pod ephemeral local storage usage exceeds' },
      ),
    },
    /exceeds/,
  ],
  ['Evicted', { podStatus: evicted }, /EvictionByEvictionAPI/],
  [
    'Evicted',
    { podStatus: endedWith({ exitCode: 137, reason: 'Error' }, DISRUPTED('PreemptionByScheduler')) },
    /Preemption/,
  ],
  [
    'NodeLost',
    { podStatus: endedWith({ exitCode: 137, reason: 'Error' }, DISRUPTED('DeletionByTaintManager')) },
    /TaintManager/,
  ],
  ['PodLost', { recorded: anAttempt() }, /Pod is gone/],
  [
    'PodLost',
    {
      job: { kind: 'own', job: aSandboxJob() },
      altered: 'Pod x is not what the operator rendered: image differs',
    },
    /image differs/,
  ],
];

describe('the reason why a Sandbox is not ready', () => {
  for (const [reason, known, message] of CAUSES)
    it(`is ${reason}, with ${message.source}`, () => {
      const action = next(known);
      expect(action).to.deep.include({ kind: 'wait', reason });
      expect('message' in action ? action.message : '').to.match(message);
    });

  for (const [reason, known, message] of ENDS)
    it(`is ${reason} at the end, with ${message.source}`, () => {
      const action = next(known);
      expect(action).to.deep.include({ kind: 'end', reason });
      expect('message' in action ? action.message : '').to.match(message);
    });

  it('is OOMKilled as soon as the kubelet says it of the container, though the Pod still counts as running', () => {
    const ended = endedWith({ exitCode: 137, reason: 'OOMKilled' }).containerStatuses ?? [];
    const podStatus = { ...RUNNING, containerStatuses: ended };
    const action = next({ recorded: anAttempt(), podStatus });
    expect(action).to.include({ kind: 'end', reason: 'OOMKilled' });
    const drained = next({ podStatus: { ...podStatus, ...DISRUPTED('EvictionByEvictionAPI') } });
    expect(drained).to.include({ kind: 'end', reason: 'Evicted' });
  });

  it('is not OOMKilled where the kubelet says so only because of a command before: it stopped it, or somebody deletes the Pod', () => {
    const [stopped, killed] = [143, 137].map(
      (exitCode) => endedWith({ exitCode, reason: 'OOMKilled' }).containerStatuses ?? [],
    );
    expect(next({ podStatus: { ...RUNNING, containerStatuses: stopped ?? [] } })).to.include({
      kind: 'wait',
      reason: 'Stopping',
    });
    const job = aSandboxJob();
    const over = endedWith({ exitCode: 137, reason: 'OOMKilled' });
    const deleted = (status: typeof over) =>
      next({
        job: { kind: 'own', job },
        pod: aPod(job, { status, deletionTimestamp: stampOf(after(90)) }),
      });
    expect(deleted({ ...RUNNING, containerStatuses: killed ?? [] })).to.include({
      kind: 'wait',
      reason: 'Stopping',
    });
    expect(deleted(over)).to.include({ kind: 'end', reason: 'PodLost' });
  });

  it('is NodeLost for a Pod that its node does not end', () => {
    const job = aSandboxJob();
    const pod = aPod(job, { status: RUNNING, deletionTimestamp: stampOf(after(30)) });
    const of = (seconds: number) => next({ job: { kind: 'own', job }, pod, now: after(seconds) });
    expect(of(44)).to.include({ kind: 'wait', reason: 'Stopping' });
    expect(of(46)).to.include({ kind: 'end', reason: 'NodeLost' });
  });

  it('is PodLost for a Pod that someone deleted, and Evicted where its Job says so', () => {
    const ending = aPod(aSandboxJob(), {
      status: endedWith({ exitCode: 143, reason: 'Error' }),
      deletionTimestamp: stampOf(after(4)),
    });
    expect(next({ job: { kind: 'own', job: aSandboxJob() }, pod: ending })).to.include({
      kind: 'end',
      reason: 'PodLost',
    });
    const failed = { type: 'Failed', status: 'True', reason: 'PodFailurePolicy', message: 'disrupted' };
    const job = aSandboxJob(aSandbox(), 1, { conditions: [failed] });
    expect(next({ job: { kind: 'own', job } })).to.include({ kind: 'end', reason: 'Evicted' });
  });

  it('stays what it ended with', () => {
    const ended = anAttempt({ completionTime: stampOf(after(1)), reason: 'OOMKilled' });
    const sandbox = aSandbox({ status: statusWith('OOMKilled', [ended]) });
    expect(next({ sandbox, number: 2 })).to.deep.equal({
      kind: 'end',
      reason: 'OOMKilled',
      message: 'so it was',
    });
  });

  it('is VolumePending while the node mounts its disks', () => {
    const volumes = [{ name: 'data', mountPath: '/data', size: '1Gi', accessMode: 'ReadWriteOnce' as const }];
    const sandbox = box({ volumes });
    const conditions = [SCHEDULED, { type: 'PodReadyToStartContainers', status: 'False' }];
    expect(next({ sandbox, podStatus: { phase: 'Pending', conditions } })).to.include({
      reason: 'VolumePending',
    });
  });
});
