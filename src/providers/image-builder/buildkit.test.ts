import { expect } from 'chai';
import { ApiError } from '../../kube/errors.ts';
import type { Job, Pod } from '../../kube/kinds.ts';
import type { KubeClient, ListOptions, ObjectKey } from '../../kube/types.ts';
import type { ProviderError } from '../errors.ts';
import { buildkitImageBuilder } from './buildkit.ts';
import type { Build, ImageBuilder } from './port.ts';

/** The few verbs that a test needs; the contract runs on a real API server in test/e2e. */
const builderOn = (kube: Partial<KubeClient>): ImageBuilder =>
  buildkitImageBuilder({
    kube: kube as KubeClient,
    address: 'tcp://buildkitd:1234',
    buildctlImage: 'buildctl',
    courierImage: 'courier',
    brokerUrl: 'https://broker',
    brokerCa: () => 'PEM',
  });

const build = (namespace: string): Build => ({
  token: 'b-1',
  owner: { namespace, name: 'b', uid: `uid-${namespace}` },
  attempt: 1,
  image: 'registry/b:1',
  context: { kind: 's3', uri: 's3://artifacts/tasks/t/context.zip', sha256: 'ab'.repeat(32) },
  dockerfile: 'Dockerfile',
  platform: 'linux/amd64',
  buildArgs: {},
  timeoutSeconds: 60,
});

const POD = { containers: [{ name: 'build', image: 'buildctl' }] };

const job = (namespace: string, status: object = {}): Job => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: 'b-1', namespace, uid: `job-${namespace}` },
  spec: { template: { spec: POD } },
  status,
});

const brokenPod = (namespace: string, message: string): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'b-1-x',
    namespace,
    ownerReferences: [
      { apiVersion: 'batch/v1', kind: 'Job', name: 'b-1', uid: `job-${namespace}`, controller: true },
    ],
  },
  spec: POD,
  status: {
    phase: 'Failed',
    containerStatuses: [
      {
        name: 'build',
        image: '',
        imageID: '',
        ready: false,
        restartCount: 0,
        state: { terminated: { exitCode: 1, message } },
      },
    ],
  },
});

/** Jobs and Pods by namespace. */
const holding = (jobs: Record<string, Job>, pods: Record<string, Pod> = {}): Partial<KubeClient> => ({
  create: async (_kind, object) => object,
  get: (async (_kind: object, { namespace }: ObjectKey) => jobs[namespace]) as KubeClient['get'],
  list: (async ({ kind }: { kind: string }, { namespace = '' }: ListOptions = {}) => {
    const found = (kind === 'Job' ? jobs : pods)[namespace];
    return found ? [found] : [];
  }) as KubeClient['list'],
});

const failure = (work: Promise<unknown>): Promise<ProviderError> =>
  work.then(
    () => expect.fail('it did not fail'),
    (error: ProviderError) => error,
  );

describe('buildkit ImageBuilder on an API server in trouble', () => {
  const cases = [
    [403, 'AccessDenied'],
    [404, 'NotFound'],
    [422, 'Invalid'],
    [429, 'Throttled'],
    [500, 'Unavailable'],
    [0, 'Unavailable'],
  ] as const;
  for (const [status, reason] of cases) {
    it(`says ${reason} for ${status}`, async () => {
      const refuse = (): Promise<never> =>
        Promise.reject(new ApiError({ status, reason: 'Scripted', message: 'no' }));
      const builder = builderOn({ create: refuse, get: refuse, list: refuse, delete: refuse });
      const errors = [
        await failure(builder.start(build('one'))),
        await failure(builder.states([{ id: 'one/b-1', namespace: 'one' }])),
        await failure(builder.stop({ id: 'one/b-1', namespace: 'one' })),
      ];
      expect(errors.map((error) => error.reason)).to.deep.equal([reason, reason, reason]);
    });
  }

  it('adopts no Job without the label that the operator alone may write', async () => {
    const exists = new ApiError({ status: 409, reason: 'AlreadyExists', message: 'exists' });
    const ownerReferences = [
      { apiVersion: 'v1', kind: 'TaskBuild', name: 'b', uid: 'uid-one', controller: true },
    ];
    const starting = (labels: Record<string, string>) => {
      const found = { ...job('one'), metadata: { ...job('one').metadata, ownerReferences, labels } };
      const kube = { ...holding({ one: found }), create: () => Promise.reject(exists) };
      return builderOn(kube).start(build('one'));
    };
    expect((await starting({ 'sb.abundant.ai/task-build': 'b' })).id).to.equal('one/b-1');
    expect((await failure(starting({}))).reason).to.equal('Invalid');
  });

  it('says Unavailable where the Job of that name vanishes before it can be looked at', async () => {
    const exists = new ApiError({ status: 409, reason: 'AlreadyExists', message: 'exists' });
    const builder = builderOn({ create: () => Promise.reject(exists), get: async () => undefined });
    expect((await failure(builder.start(build('one')))).reason).to.equal('Unavailable');
  });
});

describe('buildkit ImageBuilder’s builds', () => {
  it('take no digest out of a Pod that somebody wrote in the name of the Job', async () => {
    const digest = `sha256:${'e'.repeat(64)}`;
    const real = brokenPod('one', digest);
    const status = {
      ...real.status,
      phase: 'Succeeded',
      containerStatuses: real.status?.containerStatuses?.map((container) => ({
        ...container,
        state: { terminated: { exitCode: 0, message: digest } },
      })),
    } as NonNullable<Pod['status']>;
    const stateWith = async (spec: NonNullable<Pod['spec']>) => {
      const builder = builderOn(holding({ one: job('one') }, { one: { ...real, spec, status } }));
      return (await builder.states([{ id: 'one/b-1', namespace: 'one' }])).get('one/b-1');
    };
    expect(await stateWith(POD)).to.deep.equal({ kind: 'succeeded', digest });
    const forged = { containers: [{ name: 'build', image: 'evil' }] };
    expect(await stateWith(forged)).to.have.property('kind', 'queued');
  });

  it('of the same token in two namespaces are two', async () => {
    const builder = builderOn(holding({ one: job('one'), two: job('two', { succeeded: 1 }) }));
    const handles = [await builder.start(build('one')), await builder.start(build('two'))];
    const states = await builder.states(handles);
    expect(handles.map(({ id }) => states.get(id)?.kind)).to.deep.equal(['queued', 'failed']);
  });

  it('are asked for by name, with Pods that nobody but the Job controller can have labelled', async () => {
    const asked: [string, ListOptions | undefined][] = [];
    const kube = holding({ one: job('one') });
    const builder = builderOn({
      ...kube,
      list: async ({ kind }, options) => {
        asked.push([kind, options]);
        return [];
      },
    });
    const handles = Array.from({ length: 60 }, (_, n) => ({ id: `one/b-${n}`, namespace: 'one' }));
    await builder.states(handles);
    expect(asked.map(([kind]) => kind)).to.deep.equal(['Pod', 'Pod']);
    for (const [, options] of asked)
      expect(options?.labelSelector).to.match(
        /^sb\.abundant\.ai\/task-build,batch\.kubernetes\.io\/job-name in \((b-\d+,?){10,50}\)$/,
      );
  });

  it('are explained by the end of the log in the termination message, for the operator may read no log', async () => {
    const lastWords = 'error: failed to solve: dockerfile parse error on line 1: unknown instruction: X';
    const builder = builderOn(holding({ one: job('one') }, { one: brokenPod('one', lastWords) }));
    const states = await builder.states([{ id: 'one/b-1', namespace: 'one' }]);
    expect(states.get('one/b-1')).to.deep.equal({
      kind: 'failed',
      reason: 'DockerfileFailed',
      message: 'dockerfile parse error on line 1: unknown instruction: X',
      logTail: [lastWords],
    });
  });
});
