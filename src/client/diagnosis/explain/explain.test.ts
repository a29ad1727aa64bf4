import { expect } from 'chai';
import {
  aJob,
  aPod,
  aTaskBuild,
  containerStatus,
  after as secondsAfter,
} from '../../../../test/support/builders/objects.ts';
import {
  BUILD_ACTIVE,
  BUILD_DONE,
  BUILD_FAILED,
  TRIAL_ACTIVE,
  TRIAL_DONE,
  TRIAL_FAILED,
  type TrialReason,
} from '../../../crds/reasons.ts';
import { AGENT_FAILURES } from '../../../crds/agent-failures.ts';
import type { Trial } from '../../../crds/trial.ts';
import type { Event, Node, Pod } from '../../../kube/kinds.ts';
import { active, broken, inRun, rewarded, RUN } from '../../../../test/support/builders/run-trials.ts';
import { failureOf, world } from '../../../../test/support/client/world.ts';
import { recordedTerminal } from '../../../../test/support/terminal/recorded.ts';
import type { LogSources } from '../../logs/logs.ts';
import { resolveTrial } from '../../runs/find/trial.ts';
import type { Explanation } from '../../documents/trial.ts';
import type { Evidence } from './evidence.ts';
import { explainTrial } from './explain.ts';
import { gather } from './gather.ts';
import { printExplanation } from '../../../cli/render/explanation.ts';

const NOW = secondsAfter(120);
const explained = (trial: Trial, over: Partial<Evidence> = {}): Explanation =>
  explainTrial({ trial, events: [], unread: [], now: NOW, ...over });
const text = ({ where, why, next }: Explanation): string => [where, ...why, ...next].join('\n');

const event = (reason: string, message: string): Event => ({
  apiVersion: 'v1',
  kind: 'Event',
  metadata: { name: reason, namespace: 'default' },
  involvedObject: { apiVersion: 'v1', kind: 'Pod', name: 'p' },
  reason,
  message,
  type: 'Warning',
  count: 1,
  firstTimestamp: '',
  lastTimestamp: '',
  source: { component: 'kubelet' },
  reportingComponent: '',
  reportingInstance: '',
});

const node = (over: Pick<Node, 'status'> = {}): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'sb-worker' },
  ...over,
});

describe('An explanation of an agent that failed for its model', () => {
  for (const [type, { means, fault }] of Object.entries(AGENT_FAILURES))
    it(`says of ${type} what it means and what to do`, () => {
      const exception = { type, message: 'in its own words' };
      const agent = { name: 'custom', model: 'v/large' };
      const explanation = explained(rewarded(0, { agent, status: { exception } }));
      expect(text(explanation)).to.include(means).and.include('in its own words').and.include('reward 0');
      expect(explanation.next.length).to.be.at.least(2);
      expect(text(explanation)).to.not.match(/<(trial|run|agent|model)>/);
      expect(explanation.next.some((line) => line.includes('--only model'))).to.equal(fault === 'model');
    });
});

describe('An explanation', () => {
  const built = (reason: string): Trial =>
    broken('BuildFailed', { status: { ...broken('BuildFailed').status, taskBuild: reason } });

  for (const reason of Object.keys({ ...TRIAL_ACTIVE, ...TRIAL_DONE, ...TRIAL_FAILED }) as TrialReason[])
    it(`says why a Trial is ${reason}, and what to do`, () => {
      const trial =
        reason in TRIAL_ACTIVE
          ? active(reason, { message: 'said' })
          : reason in TRIAL_FAILED
            ? broken(reason, { message: 'said' })
            : rewarded(1, {
                status: {
                  conditions: [
                    { type: 'Succeeded', status: 'True', reason, message: 'said', lastTransitionTime: '' },
                  ],
                },
              });
      const { where, why, next, ...rest } = explained(trial);
      expect(rest.reason).to.equal(reason);
      expect(where).to.include(reason).and.to.not.include('undefined');
      expect(why.join(''), 'why').to.not.equal('');
      expect(next, 'next').to.have.length.above(0);
      expect([...why, ...next].join('\n')).to.not.match(/undefined|<trial>|<run>/);
    });

  for (const reason of Object.keys({ ...BUILD_ACTIVE, ...BUILD_DONE, ...BUILD_FAILED }))
    it(`says why a build is ${reason}, and what to do`, () => {
      const conditions = [
        { type: 'Succeeded', status: 'Unknown' as const, reason, message: 'said', lastTransitionTime: '' },
      ];
      const build = aTaskBuild({ name: 'b', status: { conditions } });
      const { why, next } = explained(active('BuildingImage'), { build });
      expect(why).to.include(`TaskBuild b: ${reason}: said`).and.to.have.length(2);
      expect(next.join('\n')).to.not.match(/undefined|^$/);
    });

  it('says why a Trial whose time is up is still there', () => {
    const ended = rewarded(1);
    const trial = { ...ended, spec: { ...ended.spec, ttlSecondsAfterFinished: 1 } };
    const labels = { 'helm.toolkit.fluxcd.io/name': 'trials' };
    const { why } = explained({ ...trial, metadata: { ...trial.metadata, labels } });
    expect(why.join('\n')).to.contain('Flux applied it and would create it again');
    expect(explained(trial).why.join('\n')).to.not.contain('again');
  });

  it('names run and Trial in the commands, and says how long ago it was', () => {
    const { where, next } = explained(broken('NodeLost', { name: 'a', endedAt: 60 }));
    expect(where).to.include('lost').and.to.include(', 1m00s ago, after 1m00s');
    expect(next[0]).to.equal(`sb run rerun ${RUN} --only infra`);
    expect(explained(broken('RewardMissing', { name: 'a' })).next[0]).to.equal(
      'sb trial logs a --phase verifier',
    );
  });

  it('names every attempt of one that infrastructure ended', () => {
    const attempts = [
      { number: 1, jobName: 'a-1', nodeName: 'n1', reason: 'NodeLost', message: 'silent' },
      { number: 2, jobName: 'a-2', nodeName: 'n2', reason: 'Evicted', message: 'drained' },
    ];
    const trial = broken('Evicted', { status: { ...broken('Evicted').status, attempts } });
    expect(text(explained(trial)))
      .to.include('attempt 1 on n1: NodeLost: silent')
      .and.to.include('attempt 2 on n2: Evicted: drained')
      .and.to.include('kubectl describe node n1');
  });

  it('tells a wrong answer from a failure', () => {
    expect(text(explained(rewarded(0)))).to.include('this is a result, not a failure');
  });

  it('says what looked like tampering', () => {
    const status = {
      ...rewarded(1).status,
      integrity: {
        verdict: 'Suspicious' as const,
        findings: [{ code: 'StrangerConnected' as const, message: 'marker twice' }],
      },
    };
    expect(text(explained(rewarded(1, { status })))).to.include(
      'suspicious: StrangerConnected: marker twice',
    );
  });

  it('says why it cannot be told whether the agent interfered', () => {
    const status = {
      ...rewarded(1).status,
      integrity: {
        verdict: 'Unknown' as const,
        findings: [{ code: 'AgentWasRoot' as const, message: 'the agent was root' }],
      },
    };
    expect(text(explained(rewarded(1, { status })))).to.include(
      'is unknown: AgentWasRoot: the agent was root',
    );
  });

  it('says which phase runs', () => {
    const log = { title: 'l', lines: ['2026 agentSetup began', '2026 agentExecution began'] };
    expect(text(explained(active('Running'), { log }))).to.include('the latest that began: agentExecution');
  });

  it('knows a reason of a newer operator from none at all', () => {
    expect(text(explained(active('Novel' as TrialReason)))).to.include('does not know the reason Novel');
    expect(text(explained(inRun(), { now: secondsAfter(5) }))).to.include('created a moment ago');
    expect(text(explained(inRun())))
      .to.include('the operator has not looked at it yet')
      .and.to.include('sb doctor');
  });

  it('names the step of the Dockerfile that failed', () => {
    const build = aTaskBuild({
      name: 'b',
      status: {
        conditions: [
          {
            type: 'Succeeded',
            status: 'False',
            reason: 'DockerfileFailed',
            message: 'exit code 1',
            lastTransitionTime: '',
          },
        ],
        attempts: [{ number: 1, token: 't', failedStep: 'RUN make' }],
      },
    });
    expect(text(explained(built('b'), { build })))
      .to.include('the step: RUN make')
      .and.to.include('--phase build');
  });

  describe('of a Pod without a node', () => {
    const unscheduled = (message: string, over: Partial<Evidence> = {}): string => {
      const trial = active('Unschedulable', { message });
      const conditions = [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }];
      const pod = aPod(aJob(trial), { status: { phase: 'Pending', conditions } });
      return text(explained(trial, { job: aJob(trial), pod, ...over }));
    };
    const causes: [message: string, told: string][] = [
      ['0/2 nodes are available: 2 Insufficient cpu.', 'no node has 500m of cpu free'],
      ['0/2 nodes are available: 2 Insufficient memory.', 'no node has 512Mi of memory free'],
      [
        '0/2 nodes are available: 2 Insufficient ephemeral-storage.',
        'no node has 8Gi of ephemeral-storage free',
      ],
      ['0/2 nodes are available: 2 Insufficient nvidia.com/gpu.', 'no node has nvidia.com/gpu left'],
      ['0/2 nodes are available: 2 Too many pods.', 'maximum number of Pods'],
      [
        '0/1 nodes are available: 1 node(s) had untolerated taint {team: red}.',
        'keeps the Pod off a node: team: red',
      ],
      [
        '0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/disk-pressure: }.',
        'short of disk',
      ],
      [
        '0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }.',
        'a node is not ready',
      ],
      ["0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.", 'nodeSelector wants'],
      ['0/1 nodes are available: 1 node(s) were unschedulable.', 'cordoned'],
      ['no nodes available to schedule pods', 'no node at all'],
      ['0/1 nodes are available: 1 something new.', 'something new'],
    ];
    for (const [message, told] of causes)
      it(`says of "${message}": ${told}`, () =>
        expect(unscheduled(message)).to.include(told).and.to.include(message));

    it('says which GPUs the task accepts, where no node has one', () => {
      const trial = active('Unschedulable', { message: '' });
      const job = aJob(trial);
      const requiredDuringSchedulingIgnoredDuringExecution = {
        nodeSelectorTerms: [
          { matchExpressions: [{ key: 'gpu', operator: 'In', values: ['h100'] }] },
          { matchExpressions: [{ key: 'accelerator', operator: 'In', values: ['x'] }] },
        ],
      };
      const template = {
        spec: {
          containers: [],
          affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution } },
        },
      };
      const told = unscheduled(
        "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
        {
          job: { ...job, spec: { ...job.spec, template } },
        },
      );
      expect(told).to.include(
        'no node has one of the GPUs that the task accepts: expected gpu=h100; or accelerator=x',
      );
      expect(told).not.to.include('nodeSelector wants');
    });

    it('says every cause where there are several', () => {
      const told = unscheduled('0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.');
      expect(told).to.include('of cpu free').and.to.include('cordoned');
    });

    it('says that no node will ever hold it', () => {
      const small = node({ status: { allocatable: { cpu: '250m' } } });
      const told = unscheduled('0/1 nodes are available: 1 Insufficient cpu.', { nodes: [small] });
      expect(told)
        .to.include('the largest node has 250m in all')
        .and.to.include('no node of this size will ever hold it');
    });

    it('counts the courier beside the task: two CPUs are more than a node of two has', () => {
      const message = '0/1 nodes are available: 1 Insufficient cpu.';
      const trial = active('Unschedulable', { message });
      trial.spec.environment.resources = { requests: { cpu: '2' } };
      const two = node({ status: { allocatable: { cpu: '2' } } });
      const told = unscheduled(message, { nodes: [two], trial });
      expect(told)
        .to.include(
          'no node has 2 of cpu free, and 50m for the courier beside it; the largest node has 2 in all',
        )
        .and.to.include('no node of this size will ever hold it')
        .and.to.include('ask for 1.95 at most: sb cloud run … --cpus 1.95,');
    });

    it('says what the autoscaler makes of it', () => {
      const events = [event('TriggeredScaleUp', 'pod triggered scale-up: 1->2')];
      expect(unscheduled('0/1 nodes are available: 1 Insufficient cpu.', { events })).to.include('is on it');
    });
  });

  describe('of a Pod that was not created', () => {
    const without = (message: string): string => {
      const trial = active('Pending', { status: { jobName: 'hello-1' } });
      return text(explained(trial, { job: aJob(trial), events: [event('FailedCreate', message)] }));
    };

    it('says that a quota is used up', () => {
      const message =
        'Error creating: pods "x" is forbidden: exceeded quota: q, requested: cpu=1, used: cpu=2, limited: cpu=2';
      expect(without(message))
        .to.include('a quota of the namespace is used up')
        .and.to.include('limited: cpu=2');
    });

    it('says that a policy forbids it', () => {
      expect(without('pods "x" is forbidden: violates PodSecurity "restricted:latest": x')).to.include(
        'the namespace enforces Pod Security restricted, and the Pod meets baseline',
      );
      expect(without('admission webhook "p" denied the request')).to.include('admission policy');
    });

    it('says that a queue holds it back', () => {
      const trial = active('Pending');
      const job = { ...aJob(trial), spec: { suspend: true, template: {} } };
      expect(text(explained(trial, { job }))).to.include('Kueue');
    });
  });

  describe('of a Pod that does not start', () => {
    const waiting = (reason: string, message: string, over: Partial<Evidence> = {}): string => {
      const trial = active('PullingImage', { message: `${reason}: ${message}` });
      const status: Pod['status'] = {
        phase: 'Pending',
        containerStatuses: [containerStatus('task', { waiting: { reason, message } })],
      };
      return text(explained(trial, { job: aJob(trial), pod: aPod(aJob(trial), { status }), ...over }));
    };
    const causes: [message: string, told: string][] = [
      ['toomanyrequests: You have reached your pull rate limit: 429 Too Many Requests', '(429)'],
      ['failed to resolve reference "x": not found', 'no such image'],
      ['pull access denied, authorization failed: 401 Unauthorized', 'the registry refuses'],
      ['dial tcp: lookup registry: no such host', 'do not reach the registry'],
      ['tls: failed to verify certificate: x509: unknown authority', 'do not trust'],
      ['write /var/lib: no space left on device', 'disk is full'],
      ['no match for platform in manifest', 'nodes’ platform'],
      ['something new', 'cannot pull the image'],
    ];
    for (const [message, told] of causes)
      it(`says of "${message}": ${told}`, () => expect(waiting('ErrImagePull', message)).to.include(told));

    it('finds the registry’s answer in the events when the kubelet only backs off', () => {
      const events = [
        event('Failed', 'Failed to pull image "x": 429 Too Many Requests'),
        event('Failed', 'Error: ImagePullBackOff'),
      ];
      expect(waiting('ImagePullBackOff', 'Back-off pulling image "x"', { events }))
        .to.include('(429)')
        .and.to.include('Failed to pull image "x": 429');
    });

    it('says that a Secret or a volume is missing', () => {
      expect(waiting('CreateContainerConfigError', 'secret "s" not found')).to.include('kubectl get secrets');
      const events = [event('FailedMount', 'configmap "t" not found')];
      expect(waiting('ContainerCreating', '', { events })).to.include('configmap "t" not found');
    });

    it('says what is wrong with its node', () => {
      const sick = node({
        status: {
          conditions: [
            { type: 'DiskPressure', status: 'True', reason: 'Full' },
            { type: 'Ready', status: 'True' },
          ],
        },
      });
      expect(waiting('ContainerCreating', '', { node: sick })).to.include(
        'node sb-worker has DiskPressure: Full',
      );
    });
  });
});

describe('The evidence for an explanation', () => {
  const signal = new AbortController().signal;
  const sources: LogSources = {
    podLog: async ({ container }) =>
      container === 'courier'
        ? (async function* () {
            yield* Array.from({ length: 9 }, (_, at) => `line ${at}`);
          })()
        : undefined,
    store: () => Promise.reject(new Error('away')),
    taskBuild: async () => undefined,
    podOfJob: async () => undefined,
  };

  it('is read from the cluster, with the last lines of the log', async () => {
    const w = await world();
    try {
      const trial = active('Running', {
        status: { ...active('Running').status, jobName: 'hello-1', podName: 'hello-1-abcde' },
      });
      const job = aJob(trial);
      w.have(trial);
      const { Job, Pod: PodKind, Event: EventKind, Node: NodeKind } = await import('../../../kube/kinds.ts');
      w.haveOf(Job, job);
      const pod = aPod(job);
      w.haveOf(PodKind, pod);
      w.haveOf(NodeKind, node());
      const about = event('Pulled', 'x');
      w.haveOf(EventKind, {
        ...about,
        involvedObject: { ...about.involvedObject, uid: pod.metadata.uid ?? '' },
      });
      const seen = await gather(w.session, await resolveTrial(w.session, 'hel'), { sources, signal });
      expect(seen.job?.metadata.name).to.equal('hello-1');
      expect(seen.events.map(({ reason }) => reason)).to.deep.equal(['Pulled']);
      expect(seen.node?.metadata.name).to.equal('sb-worker');
      expect(seen.log).to.deep.equal({
        title: 'container courier of Pod hello-1-abcde',
        lines: ['line 3', 'line 4', 'line 5', 'line 6', 'line 7', 'line 8'],
      });
    } finally {
      await w.close();
    }
  });

  it('finds the Job before the status names it, unless it is that of another Trial', async () => {
    const w = await world();
    try {
      const trial = inRun();
      w.have(trial);
      const { Job } = await import('../../../kube/kinds.ts');
      w.haveOf(Job, aJob(trial));
      expect((await gather(w.session, trial, { sources, signal })).job?.metadata.name).to.equal('hello-1');
      const again = { ...trial, metadata: { ...trial.metadata, uid: 'another' } };
      expect((await gather(w.session, again, { sources, signal })).job).to.equal(undefined);
    } finally {
      await w.close();
    }
  });

  it('says what the user may not read, and goes on without it', async () => {
    const w = await world();
    try {
      const trial = active('Unschedulable', { status: { ...active('Unschedulable').status, podName: 'p' } });
      w.have(trial);
      w.server.faults.add({
        on: ({ path }) => /nodes|pods/.test(path),
        fault: { kind: 'status', status: 403, reason: 'Forbidden' },
        times: 9,
      });
      const seen = await gather(w.session, trial, {
        sources: { ...sources, podLog: async () => undefined },
        signal,
      });
      expect(seen.unread).to.deep.equal(['Pods', 'nodes']);
      expect(text(explainTrial(seen))).to.include('you may not read Pods');
    } finally {
      await w.close();
    }
  });

  it('is printed without control sequences, in a few lines', async () => {
    const terminal = recordedTerminal();
    const explanation = explained(broken('OOMKilled', { message: 'bad\u001b[31m' }), {
      log: { title: 'trial.log', lines: ['last\u0007 words'] },
    });
    await printExplanation(terminal, explanation, 'table');
    for (const control of ['\u0007', '\u001b']) expect(terminal.stdout).to.not.include(control);
    expect(terminal.stdout.split('\n')).to.have.length.below(12);
    expect(terminal.stdout).to.include('  | last\\x07 words').and.to.include('do next:');
    await printExplanation(terminal, explanation, 'json');
  });

  it('needs a Trial that is there', async () => {
    const w = await world();
    try {
      w.have(active('Running', { name: 'a1' }), active('Running', { name: 'a2' }));
      expect((await failureOf(resolveTrial(w.session, 'a'))).why).to.include('a1, a2');
      expect((await failureOf(resolveTrial(w.session, 'b'))).code).to.equal('SB-E090');
      const folder = `a1__${w.trials()[0]?.metadata.uid?.replaceAll('-', '').slice(0, 7)}`;
      expect((await resolveTrial(w.session, folder)).metadata.name).to.equal('a1');
    } finally {
      await w.close();
    }
  });
});
