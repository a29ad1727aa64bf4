import { expect } from 'chai';
import {
  after,
  aJob,
  aPod,
  aTrial,
  containerStatus,
  stampOf,
  T0,
} from '../../../test/support/builders/objects.ts';
import type { Pod } from '../../kube/kinds.ts';
import { causeOf, earlierExits, type Cause } from './cause.ts';
import { isStuck, podState, stuckInMs, type PodState } from './state.ts';
import { awaitedOf, type Awaited, type Waiting } from './waiting.ts';

type Status = NonNullable<Pod['status']>;
type State = NonNullable<ReturnType<typeof containerStatus>['state']>;

const CONTAINERS = ['courier', 'fill-db', 'task', 'context', 'build', 'operator'] as const;
type Name = (typeof CONTAINERS)[number];

/** A courier beside a task. */
const TRIAL: Pod['spec'] = {
  restartPolicy: 'Never',
  initContainers: [{ name: 'courier', restartPolicy: 'Always' }],
  containers: [{ name: 'task' }],
};
/** The same where an image fills a volume first. */
const FILLED: Pod['spec'] = {
  ...TRIAL,
  initContainers: [{ name: 'courier', restartPolicy: 'Always' }, { name: 'fill-db' }],
};
/** One container after the other. */
const BUILD: Pod['spec'] = {
  restartPolicy: 'Never',
  initContainers: [{ name: 'context' }],
  containers: [{ name: 'build' }],
};
const SERVER: Pod['spec'] = { containers: [{ name: 'operator' }] };

/** A Pod by the states of its containers. */
function pod(spec: Pod['spec'], states: Partial<Record<Name, State>> = {}, status: Status = {}): Pod {
  const statuses = (containers: { name: string }[] = []) =>
    containers.flatMap(({ name }) => {
      const state = states[name as Name];
      return state ? [containerStatus(name, state)] : [];
    });
  return {
    ...aPod(aJob(aTrial())),
    ...(spec && { spec }),
    status: {
      phase: 'Pending',
      initContainerStatuses: statuses(spec?.initContainers),
      containerStatuses: statuses(spec?.containers),
      ...status,
    },
  };
}

const startedAt = stampOf(after(1));
const running: State = { running: { startedAt } };
const ended = (exitCode: number, more: object = {}): State => ({
  terminated: { exitCode, startedAt, ...more },
});
const waits = (reason: string, message?: string): State => ({
  waiting: { reason, ...(message !== undefined && { message }) },
});

const scheduled = (status: 'True' | 'False', more: object = {}): Status => ({
  conditions: [{ type: 'PodScheduled', status, lastTransitionTime: stampOf(T0), ...more }],
});
const disrupted = (more: object): Status => ({
  phase: 'Failed',
  conditions: [{ type: 'DisruptionTarget', status: 'True', ...more }],
});

describe('a Pod that waits', () => {
  const since = stampOf(T0);
  const cases: [what: string, pod: Pod, expected: Waiting][] = [
    ['for the scheduler to look at it', pod(TRIAL), { on: 'scheduler' }],
    [
      'for a node',
      pod(TRIAL, {}, scheduled('False', { reason: 'Unschedulable', message: '0/2 nodes' })),
      { on: 'node', why: 'Unschedulable', message: '0/2 nodes', since },
    ],
    [
      'for a node, with no word why',
      pod(TRIAL, {}, scheduled('False')),
      { on: 'node', why: 'Unschedulable', since },
    ],
    [
      'for whoever holds it back',
      pod(TRIAL, {}, scheduled('False', { reason: 'SchedulingGated', message: 'gates' })),
      { on: 'node', why: 'Gated', message: 'gates', since },
    ],
    [
      'for a scheduler that failed',
      pod(TRIAL, {}, scheduled('False', { reason: 'SchedulerError' })),
      { on: 'node', why: 'SchedulerError', since },
    ],
    [
      'for its kubelet',
      pod(TRIAL, { courier: running, task: waits('PodInitializing') }, scheduled('True')),
      { on: 'kubelet', since },
    ],
    [
      'while its volumes are filled',
      pod(
        FILLED,
        { courier: running, 'fill-db': running, task: waits('PodInitializing') },
        scheduled('True'),
      ),
      { on: 'kubelet', since },
    ],
    ...(
      [
        ['ErrImagePull', 'ImagePull'],
        ['ImagePullBackOff', 'ImagePull'],
        ['InvalidImageName', 'ImageUnusable'],
        ['ErrImageNeverPull', 'ImageUnusable'],
        ['CreateContainerConfigError', 'ConfigMissing'],
        ['CreateContainerError', 'Other'],
      ] as const
    ).map(([reason, why]): [string, Pod, Waiting] => [
      `since the kubelet says ${reason}`,
      pod(TRIAL, { courier: running, task: waits(reason, 'words') }),
      { on: 'container', held: { why, container: 'task', reason, message: 'words' } },
    ]),
    [
      'for what is known to keep one container, whatever another is kept for',
      pod(TRIAL, { courier: waits('CrashLoopBackOff'), task: waits('ErrImagePull') }),
      { on: 'container', held: { why: 'ImagePull', container: 'task', reason: 'ErrImagePull' } },
    ],
    [
      'for another start of its container',
      pod(SERVER, { operator: waits('CrashLoopBackOff', 'back-off 5m') }),
      {
        on: 'container',
        held: { why: 'Other', container: 'operator', reason: 'CrashLoopBackOff', message: 'back-off 5m' },
      },
    ],
    ['between two starts', pod(SERVER, { operator: ended(1) }, scheduled('True')), { on: 'kubelet', since }],
  ];
  for (const [what, waiting, expected] of cases)
    it(`waits ${what}`, () => expect(podState(waiting)).to.deep.equal({ kind: 'waiting', ...expected }));
});

describe('a main container that could start and has not', () => {
  const APART: Pod['spec'] = {
    restartPolicy: 'Never',
    initContainers: [{ name: 'courier', restartPolicy: 'Always' }, { name: 'task' }],
    containers: [{ name: 'build' }],
  };
  const BESIDE: Pod['spec'] = {
    ...TRIAL,
    containers: [{ name: 'task' }, { name: 'build' }, { name: 'context' }],
  };
  const finishedAt = stampOf(after(9));
  const done = ended(0, { finishedAt });
  const cases: [what: string, pod: Pod, expected: Awaited | undefined][] = [
    ['none before the Pod has started', pod(BESIDE, { task: waits('ErrImagePull') }), undefined],
    [
      'none while one before it works',
      pod(APART, { task: running, build: waits('PodInitializing') }),
      undefined,
    ],
    [
      'none after one before it failed',
      pod(APART, { task: ended(1, { finishedAt }), build: waits('PodInitializing') }),
      undefined,
    ],
    ['none that runs', pod(APART, { task: done, build: running }), undefined],
    ['none that has ended', pod(BESIDE, { task: running, build: ended(0) }), undefined],
    [
      'its turn came when the one before it had ended',
      pod(APART, { task: done, build: waits('PodInitializing') }),
      { container: 'build', since: finishedAt },
    ],
    [
      'and what holds it',
      pod(APART, { task: done, build: waits('ErrImagePull', 'words') }),
      {
        container: 'build',
        since: finishedAt,
        held: { why: 'ImagePull', container: 'build', reason: 'ErrImagePull', message: 'words' },
      },
    ],
    [
      'it could start beside the first one, and one that is held for a known reason goes before others',
      pod(BESIDE, {
        courier: waits('ErrImagePull'),
        task: running,
        build: waits('CreateContainerError'),
        context: waits('InvalidImageName'),
      }),
      {
        container: 'context',
        since: startedAt,
        held: { why: 'ImageUnusable', container: 'context', reason: 'InvalidImageName' },
      },
    ],
  ];
  for (const [what, waiting, expected] of cases)
    it(what, () => expect(awaitedOf(waiting)).to.deep.equal(expected));
});

describe('a Pod that runs', () => {
  const cases: [what: string, pod: Pod, expected: Omit<PodState & { kind: 'running' }, 'kind'>][] = [
    ['its container', pod(TRIAL, { courier: running, task: running }), { startedAt, ready: false }],
    [
      'its sidecar alone, which may store what there is',
      pod(TRIAL, { courier: running, task: ended(0) }),
      { startedAt, ready: false },
    ],
    [
      'beside a sidecar that crashed',
      pod(TRIAL, { courier: waits('CrashLoopBackOff'), task: running }),
      {
        startedAt,
        ready: false,
        held: { why: 'Other', container: 'courier', reason: 'CrashLoopBackOff' },
      },
    ],
    [
      'an init container, which is a part of its work',
      pod(BUILD, { context: running, build: waits('PodInitializing') }),
      { startedAt, ready: false },
    ],
    [
      'its container between two',
      pod(BUILD, { context: ended(0), build: waits('ErrImagePull') }),
      {
        startedAt,
        ready: false,
        held: { why: 'ImagePull', container: 'build', reason: 'ErrImagePull' },
      },
    ],
  ];
  for (const [what, found, expected] of cases)
    it(`runs ${what}`, () => expect(podState(found)).to.deep.equal({ kind: 'running', ...expected }));

  it('is ready where all its containers are', () => {
    const found = pod(SERVER, { operator: running });
    for (const status of found.status?.containerStatuses ?? []) status.ready = true;
    expect(podState(found)).to.include({ kind: 'running', ready: true });
  });
});

describe('a Pod that ended', () => {
  const exit = (container: string, exitCode: number, more: object = {}) => ({ container, exitCode, ...more });
  const oom = ended(137, { reason: 'OOMKilled' });
  const cases: [what: string, pod: Pod, expected: { succeeded: boolean; cause: Cause }][] = [
    [
      'well',
      pod(TRIAL, { courier: ended(0), task: ended(0) }, { phase: 'Succeeded' }),
      { succeeded: true, cause: { why: 'Exited', exit: exit('task', 0) } },
    ],
    [
      'as a container ran out of memory',
      pod(TRIAL, { courier: ended(0), task: oom }, { phase: 'Failed' }),
      { succeeded: false, cause: { why: 'Exited', exit: exit('task', 137, { reason: 'OOMKilled' }) } },
    ],
    [
      'as an init container failed, before its phase says so',
      pod(BUILD, { context: ended(1, { message: 'words' }), build: waits('PodInitializing') }),
      { succeeded: false, cause: { why: 'Exited', exit: exit('context', 1, { message: 'words' }) } },
    ],
    [
      'as all its containers did, before its phase says so',
      pod(BUILD, { context: ended(0), build: ended(0, { message: 'digest' }) }),
      { succeeded: true, cause: { why: 'Exited', exit: exit('build', 0, { message: 'digest' }) } },
    ],
    [
      'by an eviction for its own use',
      pod(TRIAL, { task: ended(137) }, { phase: 'Failed', reason: 'Evicted', message: 'Usage of EmptyDir' }),
      {
        succeeded: false,
        cause: { why: 'OverLimit', message: 'Usage of EmptyDir', exit: exit('task', 137) },
      },
    ],
    [
      'by a disruption, whatever else is on it',
      pod(
        TRIAL,
        { task: oom },
        { ...disrupted({ reason: 'TerminationByKubelet', message: 'memory' }), reason: 'Evicted' },
      ),
      {
        succeeded: false,
        cause: {
          why: 'Disrupted',
          by: 'TerminationByKubelet',
          message: 'memory',
          exit: exit('task', 137, { reason: 'OOMKilled' }),
        },
      },
    ],
    [
      'by a disruption that it ended well under',
      pod(
        TRIAL,
        { courier: ended(0), task: ended(0) },
        { ...disrupted({ reason: 'EvictionByEvictionAPI' }), phase: 'Succeeded' },
      ),
      {
        succeeded: true,
        cause: { why: 'Disrupted', by: 'EvictionByEvictionAPI', exit: exit('task', 0) },
      },
    ],
    [
      'at its deadline',
      pod(BUILD, { context: ended(0), build: running }, { phase: 'Failed', reason: 'DeadlineExceeded' }),
      { succeeded: false, cause: { why: 'DeadlineExceeded' } },
    ],
    [
      'with its node',
      pod(BUILD, {}, { phase: 'Failed', reason: 'NodeShutdown', message: 'shut down' }),
      { succeeded: false, cause: { why: 'Stopped', reason: 'NodeShutdown', message: 'shut down' } },
    ],
    ['without a word', pod(TRIAL, {}, { phase: 'Failed' }), { succeeded: false, cause: { why: 'Unknown' } }],
  ];
  for (const [what, found, expected] of cases)
    it(`ended ${what}`, () => {
      const { startedAt: _, ...state } = { startedAt: '', ...podState(found) };
      expect(state).to.deep.equal({ kind: 'ended', ...expected });
    });

  it('says when it began to run, where it did', () => {
    expect(podState(pod(TRIAL, { task: ended(1) }, { phase: 'Failed' }))).to.include({ startedAt });
    expect(podState(pod(TRIAL, {}, { phase: 'Failed' }))).to.not.have.property('startedAt');
  });

  it('has its cause on it before it has ended', () => {
    const leaving = pod(
      TRIAL,
      { courier: running, task: running },
      { ...disrupted({ reason: 'Preemption' }), phase: 'Running' },
    );
    expect(podState(leaving)).to.include({ kind: 'running' });
    expect(causeOf(leaving)).to.include({ why: 'Disrupted', by: 'Preemption' });
  });

  it('keeps the end before the last start', () => {
    const found = pod(SERVER, { operator: running });
    for (const status of found.status?.containerStatuses ?? [])
      Object.assign(status, { restartCount: 2, lastState: oom });
    expect(earlierExits(found)).to.deep.equal([
      { restarts: 2, exit: exit('operator', 137, { reason: 'OOMKilled' }) },
    ]);
  });
});

describe('a Pod that is being deleted', () => {
  const leaving = (status?: Status): Pod =>
    aPod(aJob(aTrial()), { deletionTimestamp: stampOf(after(10)), ...(status && { status }) });

  it('is stuck when it has outlived its grace period by some seconds', () => {
    expect(isStuck(leaving(), after(25))).to.equal(false);
    expect(isStuck(leaving(), after(26))).to.equal(true);
    expect(isStuck(leaving({ phase: 'Failed' }), after(26))).to.equal(false);
    expect(isStuck(aPod(aJob(aTrial())), after(26))).to.equal(false);
  });

  it('is to be looked at again when it may be stuck', () => {
    expect(stuckInMs(leaving(), after(0))).to.equal(25_100);
    expect(stuckInMs(leaving(), after(60))).to.equal(100);
    expect(stuckInMs(aPod(aJob(aTrial())), after(0))).to.equal(undefined);
  });
});
