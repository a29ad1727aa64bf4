import { expect } from 'chai';
import {
  aJob,
  aPod,
  aStoredOutcome,
  aTaskBuild,
  aTrial,
  after,
  anOutcome,
  endedPod,
  GPUS,
  aMetadata,
  NO_BUDGETS,
  NO_RULES,
  SOLVED_DATA,
  stampOf,
  T0,
} from '../../../test/support/builders/objects.ts';
import type { TaskBuild } from '../../crds/task-build.ts';
import { ANNOTATION, sha256 } from '../../crds/names.ts';
import { trialPrefix } from '../../results/keys.ts';
import { namespaceRules } from '../../crds/namespace-rules.ts';
import type { NamespaceRules } from '../../crds/namespace-rules.ts';
import type { VerifierMode } from '../../crds/verifier.ts';
import type { Trial } from '../../crds/trial.ts';
import type { KubeClient, KubeObject, ListOptions, Store } from '../../kube/types.ts';
import { memoryArtifactStore } from '../../providers/artifact-store/memory.ts';
import { ProviderError } from '../../providers/errors.ts';
import type { ProviderReason } from '../../providers/errors.ts';
import { memoryImageRegistry } from '../../providers/image-registry/memory.ts';
import { systemClock } from '../../async/clock.ts';
import { Lookups } from '../../images/lookups.ts';
import { TaskReader } from '../../task-source/read.ts';
import { AppliedOutcomes, storeApplied } from './record.ts';
import { observe } from './observe.ts';
import { Programs } from './program.ts';
import type { AttemptReport, AttemptSeen, CompiledTask, FaultyTask, RunnableTask } from './observed.ts';

/** A filled cache; `by` files objects under the UID of their controller. */
const storeOf = <T extends KubeObject>(...objects: T[]): Store<T> => ({
  get: ({ namespace, name }) =>
    objects.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name),
  list: () => objects,
  by: (_index, uid) =>
    objects.filter(({ metadata }) => metadata.ownerReferences?.some((owner) => owner.uid === uid)),
  synced: true,
  fresh: true,
});

/** Whether an object has the labels that a selector names; values are not looked at. */
const selected = ({ metadata }: KubeObject, selector: string): boolean =>
  selector
    .split(',')
    .filter((term) => term !== '')
    .every((term) => Object.hasOwn(metadata.labels ?? {}, term.replace(/=.*/, '')));

/** An API server that holds these objects beside what the caches show. */
const serverOf = (...objects: KubeObject[]) =>
  ({
    get: async (kind: { kind: string }, { name }: { name: string }) =>
      objects.find((object) => object.kind === kind.kind && object.metadata.name === name),
    list: async (kind: { kind: string }, { labelSelector = '' }: ListOptions = {}) =>
      objects.filter((object) => object.kind === kind.kind && selected(object, labelSelector)),
  }) as unknown as KubeClient;

const configMap = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'hello-task', namespace: 'default' },
  data: SOLVED_DATA,
};

/** Whatever was asked. */
type Seen = AttemptSeen &
  AttemptReport &
  Partial<FaultyTask & CompiledTask & Pick<RunnableTask, 'images'>> & { taskBuild?: TaskBuild };

interface World {
  trial?: Trial;
  cached?: KubeObject[];
  live?: KubeObject[];
  fault?: ProviderReason;
  rules?: NamespaceRules;
  /** Of the installation. */
  verifierMode?: VerifierMode;
  /** It is certain that no attempt at it was ever begun. */
  isUnbegun?: boolean;
}

function look(world: World = {}) {
  const { trial = aTrial(), cached = [], live = [configMap], fault } = world;
  const { rules = NO_RULES, verifierMode = 'Shared', isUnbegun = false } = world;
  const artifacts = memoryArtifactStore({ bucket: 'artifacts' });
  const warnings: string[] = [];
  const read: [string, number][] = [];
  const get = artifacts.get.bind(artifacts);
  artifacts.get = (key, maxBytes) => {
    read.push([key, maxBytes]);
    return get(key, maxBytes);
  };
  const registry = memoryImageRegistry({
    fault: () => (fault ? new ProviderError(fault, 'the registry says so') : undefined),
  });
  registry.add('debian:bookworm-slim', { config: { user: 'agent' } });
  const of = <T extends KubeObject>(kind: string) =>
    storeOf(...(cached.filter((object) => object.kind === kind) as T[]));
  const kube = serverOf(...live);
  const sources = {
    kube,
    trials: storeOf(trial),
    jobs: of<ReturnType<typeof aJob>>('Job'),
    pods: of<ReturnType<typeof aPod>>('Pod'),
    taskBuilds: of<TaskBuild>('TaskBuild'),
    registry,
    lookups: new Lookups(systemClock),
    artifacts,
    gpus: GPUS,
    verifierMode,
    modelPrices: [],
    tasks: new TaskReader({ kube, artifacts, rulesOf: async () => rules }),
    rulesOf: async () => rules,
    platform: 'linux/amd64',
    programs: new Programs({ how: 'Image', authorities: undefined, versionsPerNamespace: 2 }),
    applied: new AppliedOutcomes({ artifacts, log: { warn: () => undefined } }),
    policiesOf: () => ({ kind: 'inPlace' as const }),
    budgets: NO_BUDGETS,
    inTerm: { isUnbegun: () => isUnbegun },
    log: {
      warn: (fields: object, message: string) =>
        void warnings.push(`${message}: ${(fields as { key: string }).key}`),
    },
    now: () => after(5),
  };
  const seen = (): Promise<Seen | undefined> =>
    observe(sources, { namespace: 'default', name: trial.metadata.name });
  return { artifacts, warnings, read, seen };
}

/** JSON of an `outcome.json`, of the Trial that `aTrial` makes. */
const storedOutcome = ({ uid = aTrial().metadata.uid, outcome = anOutcome() } = {}): string => {
  const { metadata, ...rest } = aTrial();
  return JSON.stringify(aStoredOutcome({ ...rest, metadata: { ...metadata, ...(uid && { uid }) } }, outcome));
};
const outcomeKey = `${trialPrefix(aTrial())}outcome.json`;

describe('observing a Trial', () => {
  it('takes over an outcome with one read more, although the task is gone from the bucket since', async () => {
    const s3 = { uri: 's3://artifacts/tasks/local/hello/0123456789ab' };
    const trial = aTrial({ spec: { task: { name: 'hello', dataset: 'local', s3 } } });
    const { artifacts, read, seen } = look({
      trial: { ...trial, metadata: { ...trial.metadata, uid: 'another' } },
    });
    expect(await seen()).to.have.property('taskFault');
    const before = read.length;
    const conditions = [
      {
        type: 'Succeeded',
        status: 'True' as const,
        reason: 'RewardObtained',
        message: '',
        lastTransitionTime: '',
      },
    ];
    const status = { conditions, reward: 1, finishedAt: stampOf(after(5)) };
    await storeApplied({ artifacts, log: { warn: () => undefined } }, trial, status);
    expect(await seen(), 'once it is known that there is none').to.have.property('taskFault');
    expect(read.slice(before).filter(([key]) => key.startsWith('indexes/'))).to.deep.equal([]);
    const anew = look({ trial: { ...trial, metadata: { ...trial.metadata, uid: 'another' } } });
    await storeApplied({ artifacts: anew.artifacts, log: { warn: () => undefined } }, trial, status);
    expect(await anew.seen()).to.include({ need: 'applied' });
    expect(anew.read.filter(([key]) => key.startsWith('indexes/'))).to.have.length(1);
  });

  it('sees nothing to decide in one that has ended', async () => {
    const conditions = [
      {
        type: 'Succeeded',
        status: 'True' as const,
        reason: 'RewardObtained',
        message: '',
        lastTransitionTime: stampOf(T0),
      },
    ];
    expect(await look({ trial: aTrial({ status: { conditions } }) }).seen()).to.equal(undefined);
  });

  it('finds no task that the namespace may not read, and does not look whether it exists', async () => {
    const rules = namespaceRules(
      { 'sb.abundant.ai/task-prefixes': 'tasks/team-a/' },
      { requirePrefixes: false },
    );
    const task = (path: string) => ({
      task: { name: 'x', dataset: 'local', s3: { uri: `s3://artifacts/tasks/${path}` } },
    });
    const foreign = look({ trial: aTrial({ spec: task('team-b/x/1/') }), rules });
    await foreign.artifacts.put('tasks/team-b/x/1/metadata.json', JSON.stringify(aMetadata()));
    expect((await foreign.seen())?.taskFault?.message).to.equal(
      'spec.task.s3.uri: namespace default may not read tasks/team-b/x/1: the Namespace’s annotation sb.abundant.ai/task-prefixes allows tasks/team-a/',
    );
    const own = look({ trial: aTrial({ spec: task('team-a/x/1/') }), rules });
    await own.artifacts.put('tasks/team-a/x/1/metadata.json', JSON.stringify(aMetadata()));
    expect((await own.seen())?.taskFault).to.equal(undefined);
    const around = look({ trial: aTrial({ spec: task('team-a/../team-b/x/1') }), rules });
    expect((await around.seen())?.taskFault?.message).to.contain('is not under s3://artifacts/tasks/');
  });

  it('refuses a type of GPU that the installation does not know', async () => {
    const { environment } = aTrial().spec;
    const task = { name: 'x', dataset: 'local', s3: { uri: 's3://artifacts/tasks/x/1/' } };
    const wanting = async (type: string) => {
      const spec = { task, environment: { ...environment, gpus: 1, gpuTypes: [type] } };
      const { artifacts, seen } = look({ trial: aTrial({ spec }) });
      await artifacts.put('tasks/x/1/metadata.json', JSON.stringify(aMetadata()));
      return (await seen())?.taskFault;
    };
    expect(await wanting('H100')).to.equal(undefined);
    const fault = await wanting('T4');
    expect(fault?.reason).to.equal('TaskUnsupported');
    expect(fault?.message).to.match(/no GPU of type T4; it knows h100: .* SB_GPU_TYPES/);
  });

  it('has a separate verifier where namespace or installation want one, and refuses a word that is no mode', async () => {
    const rulesOf = (mode: string) =>
      namespaceRules({ 'sb.abundant.ai/verifier-mode': mode }, { requirePrefixes: false });
    const rolesOf = async (world: World) => {
      const seen = await look(world).seen();
      return Object.keys(seen?.images ?? {});
    };
    expect(await rolesOf({})).to.deep.equal(['agent']);
    expect(await rolesOf({ verifierMode: 'Separate' })).to.deep.equal(['agent', 'verifier']);
    expect(await rolesOf({ rules: rulesOf('Separate') })).to.deep.equal(['agent', 'verifier']);
    expect(await rolesOf({ rules: rulesOf('Shared'), verifierMode: 'Separate' })).to.deep.equal(['agent']);
    const refused = await look({ rules: rulesOf('separate'), verifierMode: 'Separate' }).seen();
    expect(refused?.taskFault).to.deep.equal({
      reason: 'TaskUnsupported',
      message:
        'the Namespace’s annotation sb.abundant.ai/verifier-mode is "separate"; expected Shared or Separate',
    });
  });

  describe('with a Pod that somebody wrote in the Job’s name', () => {
    const trial = aTrial();
    const job = aJob(trial);
    const forged = {
      ...aPod(job, { status: endedPod(JSON.stringify(anOutcome())) }),
      spec: { containers: [{ name: 'task', image: 'mallory' }] },
    };

    it('believes no outcome in it', async () => {
      const seen = await look({ trial, cached: [job, forged] }).seen();
      expect(seen).to.not.have.any.keys('outcome', 'pod');
      expect(seen?.altered).to.equal(
        'Pod hello-1-abcde is not what the operator rendered: image of container task differs',
      );
    });

    it('sees the real one beside it, whichever is first', async () => {
      const real = aPod(job, { status: { phase: 'Running' } });
      for (const cached of [
        [job, forged, real],
        [job, real, forged],
      ]) {
        const seen = await look({ trial, cached }).seen();
        expect(seen?.pod).to.equal(real);
        expect(seen).to.not.have.property('altered');
      }
    });

    it('adopts no Job without the label that the operator alone may write', async () => {
      const unlabelled = { ...job, metadata: { ...job.metadata, labels: {} } };
      expect((await look({ trial, cached: [unlabelled, forged] }).seen())?.job).to.deep.equal({
        kind: 'foreign',
      });
    });

    it('reads none of the Pods that somebody labelled as the Job’s', async () => {
      const ended = aJob(trial, { status: { conditions: [{ type: 'Failed', status: 'True' }] } });
      const labels = { 'batch.kubernetes.io/controller-uid': ended.metadata.uid ?? '' };
      const forgedLive = { ...forged, metadata: { ...forged.metadata, labels } };
      expect(await look({ trial, cached: [ended], live: [forgedLive] }).seen()).to.not.have.property(
        'altered',
      );
    });

    it('believes no Pod that has the Job’s label and not its reference', async () => {
      const ended = aJob(trial, { status: { conditions: [{ type: 'Failed', status: 'True' }] } });
      const real = aPod(ended, { status: endedPod(JSON.stringify(anOutcome())) });
      const labelled = { ...real, metadata: { ...real.metadata, ownerReferences: [] } };
      const seen = await look({ trial, cached: [ended], live: [labelled] }).seen();
      expect(seen).to.not.have.any.keys('outcome', 'pod', 'altered');
    });
  });

  it('tells one content of the task’s ConfigMap from another', async () => {
    const of = async (over: object) =>
      (await look({ live: [{ ...configMap, ...over }] }).seen())?.taskContent;
    const one = await of({ data: { a: '1', b: '2' } });
    expect(one).to.match(/^[0-9a-f]{12}$/);
    expect(
      await of({ data: { b: '2', a: '1' }, metadata: { ...configMap.metadata, labels: { x: 'y' } } }),
    ).to.equal(one);
    expect(await of({ data: { a: '1', b: '3' } })).not.to.equal(one);
    expect(await of({ data: { a: '1' }, binaryData: { b: '2' } })).not.to.equal(one);
  });

  describe('a Job that has no Pod', () => {
    const trial = aTrial();
    const job = aJob(trial, { status: { startTime: stampOf(T0) } });
    const event = (lastTimestamp: string, message: string, component = 'job-controller') =>
      ({
        kind: 'Event',
        metadata: { name: message },
        lastTimestamp,
        message,
        source: { component },
      }) as unknown as KubeObject;
    const refusal = async (cached: KubeObject[], live: KubeObject[]) =>
      (await look({ trial, cached, live }).seen())?.refusal;
    const events = [event('2026-01-01T00:00:03Z', 'late'), event('2026-01-01T00:00:01Z', 'early')];

    it('says why in the Job controller’s last event', async () => {
      expect(await refusal([job], events)).to.equal('late');
      expect(await refusal([job], [event('2026-01-01T00:00:03Z', 'forged', 'somebody')])).to.equal(undefined);
    });

    it('is not hidden by events without a time', async () => {
      const { lastTimestamp: _, ...timeless } = event('', 'timeless') as KubeObject & {
        lastTimestamp: string;
      };
      expect(
        await refusal([job], [timeless, ...events, { ...timeless, lastTimestamp: null } as KubeObject]),
      ).to.equal('late');
    });

    it('is not read to its end where somebody wrote a very long one', async () => {
      const long = await refusal([job], [event('2026-01-01T00:00:03Z', ', used: '.repeat(100_000))]);
      expect(long).to.have.length(2048);
    });

    it('is not asked about before the Job controller has looked at it, or once that has made a Pod', async () => {
      const busy = look({ trial, cached: [aJob(trial)], live: events });
      expect((await busy.seen())?.refusal).to.equal(undefined);
      const made = aJob(trial, { status: { startTime: stampOf(T0), active: 1 } });
      expect(await refusal([made], events)).to.equal(undefined);
    });

    it('is not asked about while it may yet get one, has one, or is held back by a queue', async () => {
      const young = { ...job, metadata: { ...job.metadata, creationTimestamp: stampOf(after(4)) } };
      const held = { ...job, spec: job.spec && { ...job.spec, suspend: true } };
      expect(await refusal([young], events)).to.equal(undefined);
      expect(await refusal([held], events)).to.equal(undefined);
      expect(await refusal([job, aPod(job)], events)).to.equal(undefined);
    });
  });

  it('names the task that is missing', async () => {
    expect((await look({ live: [] }).seen())?.taskFault?.message).to.contain('default/hello-task');
    const outside = { task: { name: 'x', dataset: 'local', s3: { uri: 's3://other/tasks/x' } } };
    expect((await look({ trial: aTrial({ spec: outside }) }).seen())?.taskFault?.message).to.contain(
      's3://artifacts/tasks/',
    );
    const absent = { task: { name: 'x', dataset: 'local', s3: { uri: 's3://artifacts/tasks/x' } } };
    expect((await look({ trial: aTrial({ spec: absent }) }).seen())?.taskFault?.message).to.contain(
      'there is no object s3://artifacts/tasks/x/metadata.json; store the task again with sb task push or sb cloud run',
    );
  });

  it('finds no task where the store will never answer for its key, and asks again where it may', async () => {
    const task = {
      name: 'x',
      dataset: 'local',
      s3: { uri: `s3://artifacts/tasks/${'\u{1F4A3}'.repeat(500)}` },
    };
    const { artifacts, seen } = look({ trial: aTrial({ spec: { task } }) });
    const get = artifacts.get.bind(artifacts);
    const failing = (error: ProviderError): void => {
      artifacts.get = (key, max) => (key.startsWith('tasks/') ? Promise.reject(error) : get(key, max));
    };
    failing(new ProviderError('Invalid', 'KeyTooLongError'));
    expect((await seen())?.taskFault?.message).to.equal('spec.task.s3.uri: KeyTooLongError');
    for (const reason of ['Unavailable', 'AccessDenied'] as const) {
      failing(new ProviderError(reason, reason));
      expect(await seen().catch((error: Error) => error.message)).to.equal(reason);
    }
  });

  it('sees the image that the agent works in, where an attempt may start', async () => {
    expect((await look().seen())?.images).to.have.nested.property('agent.image.config.user', 'agent');
    const suspended = aTrial({ spec: { suspend: true } });
    expect(await look({ trial: suspended }).seen()).to.not.have.property('images');
  });

  it('waits for a registry that does not answer', async () => {
    expect((await look({ fault: 'Unavailable' }).seen())?.images?.agent).to.include({ kind: 'unavailable' });
  });

  it('sees the TaskBuild of the image also when only the Job tells of it', async () => {
    const trial = aTrial();
    const job = aJob(trial);
    job.metadata.annotations = { ...job.metadata.annotations, [ANNOTATION.taskBuildName]: 'build-1' };
    const taskBuild = aTaskBuild({ name: 'build-1' });
    expect((await look({ trial, cached: [job, taskBuild] }).seen())?.taskBuild).to.equal(taskBuild);
    expect(await look({ trial, cached: [aJob(trial), taskBuild] }).seen()).to.not.have.property('taskBuild');
  });

  describe('its attempt', () => {
    const trial = aTrial();
    const job = aJob(trial);

    it('reads the courier’s message', async () => {
      const pod = aPod(job, { status: endedPod(JSON.stringify(anOutcome())) });
      expect((await look({ trial, cached: [job, pod] }).seen())?.outcome).to.deep.equal(anOutcome());
    });

    describe('a message that has no room for its steps', () => {
      const step = { name: 'one', result: { kind: 'unverified' as const }, timings: {} };
      const whole = storedOutcome({ outcome: anOutcome({ steps: { ran: 1, listed: [step] } }) });
      const told = anOutcome({
        steps: { ran: 1, listed: [] },
        stored: { files: 3, bytes: 42, skipped: 0, outcomeSha256: sha256(whole) },
      });
      const pod = aPod(job, { status: endedPod(JSON.stringify(told)) });

      it('is completed by the object that it names', async () => {
        const { artifacts, seen, read } = look({ trial, cached: [job, pod] });
        await artifacts.put(outcomeKey, whole);
        expect((await seen())?.outcome).to.deep.equal({ ...told, steps: { ran: 1, listed: [step] } });
        expect(read).to.deep.equal([[outcomeKey, 16_384]]);
      });

      it('is not completed by an object that somebody stored in its place', async () => {
        const { artifacts, seen } = look({ trial, cached: [job, pod] });
        await artifacts.put(outcomeKey, whole.replace('"one"', '"two"'));
        expect((await seen())?.outcome).to.deep.equal(told);
      });

      it('stands alone where there is no object', async () => {
        const { seen } = look({ trial, cached: [job, pod] });
        expect((await seen())?.outcome).to.deep.equal(told);
      });
    });

    it('reads nothing from the store where the message says all', async () => {
      const pod = aPod(job, { status: endedPod(JSON.stringify(anOutcome())) });
      const { seen, read } = look({ trial, cached: [job, pod] });
      await seen();
      expect(read).to.deep.equal([]);
    });

    it('never takes a Job of another object for its own', async () => {
      const other = aJob({ ...trial, metadata: { ...trial.metadata, name: 'other', uid: 'another' } });
      const named = { ...other, metadata: { ...other.metadata, name: job.metadata.name } };
      expect((await look({ trial, cached: [named] }).seen())?.job).to.deep.equal({ kind: 'foreign' });
    });

    it('knows the Job of a Trial that was deleted and made again under its name', async () => {
      const earlier = aJob({ ...trial, metadata: { ...trial.metadata, uid: 'another' } });
      expect((await look({ trial, cached: [earlier] }).seen())?.job).to.deep.equal({ kind: 'leftover' });
    });

    it('asks for a Job on the record where the cache still has that of an earlier Trial of its name', async () => {
      const attempts = [{ number: 1, jobName: job.metadata.name }];
      const begun = aTrial({ status: { attempts } });
      const earlier = aJob({ ...begun, metadata: { ...begun.metadata, uid: 'another' } });
      const own = aJob(begun);
      const { seen } = look({ trial: begun, cached: [earlier], live: [own] });
      expect((await seen())?.job).to.deep.equal({ kind: 'own', job: own });
    });

    it('asks for the Pod of a Job that ended before the Pod was seen', async () => {
      const ended = aJob(trial, { status: { conditions: [{ type: 'Complete', status: 'True' }] } });
      const pod = aPod(ended, { status: endedPod(JSON.stringify(anOutcome())) });
      expect((await look({ trial, cached: [ended], live: [pod] }).seen())?.outcome).to.deep.equal(
        anOutcome(),
      );
    });

    it('finds the result of an attempt that ran and was collected while no operator lived', async () => {
      const { artifacts, seen } = look({ trial });
      await artifacts.put(outcomeKey, storedOutcome());
      expect((await seen())?.outcome).to.deep.equal(anOutcome());
    });

    it('asks the store for no outcome of an attempt that was certainly never begun', async () => {
      const before = look({ trial });
      await before.seen();
      expect(before.read.map(([key]) => key)).to.include(outcomeKey);
      const { artifacts, seen, read } = look({ trial, isUnbegun: true });
      await artifacts.put(outcomeKey, storedOutcome());
      expect((await seen())?.images).to.have.property('agent');
      expect(read.map(([key]) => key)).not.to.include(outcomeKey);
    });

    it('recovers the result of a vanished Pod from the store, and only its own', async () => {
      const gone = aJob(trial, { status: { conditions: [{ type: 'Failed', status: 'True' }] } });
      const { artifacts, seen } = look({ trial, cached: [gone] });
      const own = trial.metadata.uid ?? '';
      await artifacts.put(outcomeKey, storedOutcome({ uid: 'another' }));
      expect((await seen())?.outcome).to.equal(undefined);
      await artifacts.put(outcomeKey, storedOutcome({ outcome: anOutcome({ attempt: 2 }) }));
      expect((await seen())?.outcome).to.equal(undefined);
      await artifacts.put(outcomeKey, storedOutcome({ uid: own }));
      expect((await seen())?.outcome).to.deep.equal(anOutcome());
    });

    it('never reads a manifest, however large somebody made it', async () => {
      const gone = aJob(trial, { status: { conditions: [{ type: 'Failed', status: 'True' }] } });
      const { artifacts, seen, read } = look({ trial, cached: [gone] });
      await artifacts.put(`${trialPrefix(trial)}manifest.json`, `{"files":[${'[],'.repeat(1e6)}[]]}`);
      expect((await seen())?.outcome).to.equal(undefined);
      expect(read).to.deep.equal([[outcomeKey, 16_384]]);
    });

    it('takes an outcome that is too large for none, and says so', async () => {
      const gone = aJob(trial, { status: { conditions: [{ type: 'Failed', status: 'True' }] } });
      const { artifacts, seen, warnings } = look({ trial, cached: [gone] });
      await artifacts.put(outcomeKey, storedOutcome().padEnd(16_384));
      expect((await seen())?.outcome).to.deep.equal(anOutcome());
      await artifacts.put(outcomeKey, storedOutcome().padEnd(16_385));
      expect((await seen())?.outcome).to.equal(undefined);
      expect(warnings).to.deep.equal([`outcome too large, not read: ${outcomeKey}`]);
    });

    it('takes what is no outcome for none', async () => {
      const gone = aJob(trial, { status: { conditions: [{ type: 'Failed', status: 'True' }] } });
      const { artifacts, seen } = look({ trial, cached: [gone] });
      for (const text of ['', 'null', '[]', '{', storedOutcome().replace('"reward":1', '"reward":1e999')]) {
        await artifacts.put(outcomeKey, text);
        expect((await seen())?.outcome, text).to.equal(undefined);
      }
    });
  });
});
