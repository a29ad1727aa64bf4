import { expect } from 'chai';
import { PassThrough } from 'node:stream';
import { join } from 'node:path';
import { folderOf, type Folder } from '../../../test/support/folder.ts';
import { Trial as TrialKind } from '../../crds/kinds.ts';
import type { TrialStatus } from '../../crds/trial-status.ts';
import type { Trial } from '../../crds/trial.ts';
import { BROKER, OPERATOR } from '../../installation/names.ts';
import { ConfigMap } from '../../kube/kinds.ts';
import type { Kind, KubeObject } from '../../kube/types.ts';
import type { StartRequest } from '../../wire/sandbox/requests.ts';
import { active, broken, rewarded } from '../../../test/support/builders/run-trials.ts';
import { failureOf, world, type World } from '../../../test/support/client/world.ts';
import { testBroker, type TestBroker } from '../../../test/support/sandbox/broker.ts';
import { TestCourier } from '../../../test/support/sandbox/courier.ts';
import { recordedIo } from '../../../test/support/terminal/recorded.ts';
import { debugName, debugTrial } from './debug.ts';

type DebugOptions = Parameters<typeof debugTrial>[1];

const PLAIN = { trial: 'hello', copy: false, seconds: 600, remove: false };

/** Status of a Trial whose container runs. */
const started = (podName: string): TrialStatus => ({
  ...active('Running').status,
  conditions: [
    ...(active('Running').status?.conditions ?? []),
    { type: 'Started', status: 'True', reason: 'PodStarted', message: '', lastTransitionTime: '' },
  ],
  podName,
});

describe('A shell for a Trial', () => {
  let w: World;
  let courier: TestCourier;
  let broker: TestBroker;
  let folder: Folder;
  /** What Kubernetes says of `create` on `trials/exec`. */
  let mayEnter: boolean;

  beforeEach(async () => {
    mayEnter = true;
    folder = await folderOf({ 'root/app/file': 'there' });
    courier = new TestCourier(join(folder.path, 'root'));
    [w, broker] = await Promise.all([world(), testBroker(courier)]);
    w.session.env = { SB_BROKER_URL: broker.url };
    w.haveOf(ConfigMap, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: OPERATOR.namespace, name: BROKER.authority },
      data: { 'ca.crt': broker.ca },
    });
    const { kube } = w.session;
    const made = kube.create.bind(kube);
    const isAsked = (object: object): boolean =>
      JSON.stringify(object).includes('"resource":"trials","subresource":"exec"');
    kube.create = async <T extends KubeObject>(kind: Kind<T>, object: T): Promise<T> =>
      kind.kind === 'SelfSubjectAccessReview'
        ? { ...object, status: { allowed: mayEnter || !isAsked(object) } }
        : made(kind, object);
  });
  afterEach(async () => {
    courier.close();
    broker.close();
    await w.close();
    await folder.remove();
  });

  const debug = async (trial: string, over: Partial<DebugOptions> = {}) => {
    const typed = Object.assign(new PassThrough(), { setRawMode: () => undefined });
    const io = recordedIo({
      streams: { stdin: typed, stdout: new PassThrough().resume(), stderr: new PassThrough().resume() },
    });
    Object.assign(io.terminal, { input: true });
    typed.end('exit 7\n');
    const wish = { io, trial, command: [], copy: false, seconds: 600, remove: false, ...over };
    const code = await debugTrial(w.session, wish);
    return { code, said: io.terminal.stderr };
  };
  /** Trials that were entered, in order. */
  const entered = (): string[] =>
    broker.paths.flatMap(
      (path) => /^\/v1\/namespaces\/default\/trials\/(.+)\/connect$/.exec(path)?.[1] ?? [],
    );
  const asked = (): StartRequest[] => courier.requests.filter((request) => request.op === 'run');
  const copies = (): Trial[] => w.trials().filter(({ metadata }) => metadata.name.includes('-debug'));
  /** The operator, as far as a copy needs one. */
  const startCopies = (): void =>
    void w.server.collection(TrialKind).watchers.add(({ type, object }) => {
      if (type === 'ADDED')
        queueMicrotask(() =>
          w.server.collection(TrialKind).update({ ...object, status: started('copy-pod') }, 'status'),
        );
    });

  it('is one in its own container while it runs, on a terminal, as whom and where the courier says', async () => {
    w.have(active('Running', { status: started('p') }));
    const { code, said } = await debug('hello');
    expect(code).to.equal(7);
    expect(entered()).to.deep.equal(['hello']);
    expect(asked()[0]).to.include.keys('command', 'pty').and.not.to.include.any.keys('user', 'workdir');
    expect(said).to.include('may change its result');
    expect(copies()).to.deep.equal([]);
  });

  it('is another user’s where one is named', async () => {
    w.have(active('Running', { status: started('p') }));
    await debug('hello', { user: '0', command: ['true'] });
    expect(asked()[0]).to.deep.include({ user: '0', argv: ['true'] });
  });

  it('asks for no right on Pods', async () => {
    w.have(active('Running', { status: started('p') }));
    await debug('hello', { command: ['true'] });
    expect(w.server.requests.filter(({ path }) => path.includes('/pods'))).to.deep.equal([]);
  });

  it('is for nobody without create on trials/exec, who starts no copy either', async () => {
    const refusal = { error: 'user "jane" has no rule', reason: 'NotAllowed' };
    broker.refusals.push({ status: 403, refusal });
    w.have(active('Running', { status: started('p') }));
    const refused = await failureOf(debug('hello'));
    expect(refused).to.include({
      code: 'SB-E104',
      what: 'you may not enter the Trial hello',
      why: refusal.error,
    });
    mayEnter = false;
    w.have(rewarded(0));
    const { code, why, fix } = await failureOf(debug('hello'));
    expect({ code, why }).to.deep.equal({
      code: 'SB-E104',
      why: 'you lack create on trials/exec (sb.abundant.ai) in default',
    });
    expect(fix).to.include('--clusterrole=sb-edit');
    expect(copies()).to.deep.equal([]);
  });

  it('says that the Trial has ended, or that the operator knows of no such way', async () => {
    w.have(active('Running', { status: started('p') }));
    for (const [status, reason] of [
      [409, 'Stopped'],
      [404, 'NoSuchRoute'],
    ] as const) {
      broker.refusals.push({ status, refusal: { error: 'it has ended: Rewarded', reason } });
      expect(await failureOf(debug('hello'))).to.include({
        code: 'SB-E095',
        why: `${reason}: it has ended: Rewarded`,
        fix: 'sb trial explain hello',
      });
    }
  });

  it('is one in a copy of a regrade, which has no container of an agent', async () => {
    const trial = active('Running', { status: started('p') });
    trial.spec.regrade = { trial: 'first' };
    w.have(trial);
    startCopies();
    await debug('hello');
    expect(entered()).to.deep.equal(['hello-debug']);
    expect(copies()[0]?.spec).not.to.have.property('regrade');
  });

  it('is one in a copy where the Trial has ended: same image, nothing judged, nothing stored, in no run', async () => {
    const status = { ...rewarded(0).status, image: 'registry/x@sha256:1' };
    w.have(rewarded(0, { status }));
    startCopies();
    const { said } = await debug('hello');
    const [copy] = copies();
    expect(copy?.metadata.name).to.equal('hello-debug');
    expect(copy?.metadata.labels).to.equal(undefined);
    expect(copy?.spec).to.deep.include({
      verifier: { mode: 'Shared', disabled: true },
      uploadResults: false,
      maxAttempts: 1,
    });
    expect(copy?.spec.environment.image).to.equal('registry/x@sha256:1');
    // In place of the one that its task may have.
    expect(copy?.spec.environment.healthcheck).to.include({ command: 'true' });
    expect(copy?.spec.agent).to.include({ name: 'custom', run: '#!/sb/sbd sleep 600' });
    expect(copy?.spec.run).to.equal(undefined);
    expect(entered()).to.deep.equal(['hello-debug']);
    expect(said)
      .to.include('it ends by itself after 600 s')
      .and.to.include('sb trial cancel hello-debug --yes');
  });

  it('goes back into the copy that lives, and makes another beside one that has ended', async () => {
    w.have(rewarded(0), active('Running', { name: 'hello-debug', status: started('first') }));
    await debug('hello');
    expect(entered()).to.deep.equal(['hello-debug']);
    expect(w.trials()).to.have.length(2);
    w.have(broken('Cancelled', { name: 'hello-debug' }));
    startCopies();
    await debug('hello', { remove: true });
    expect(entered()).to.deep.equal(['hello-debug', 'hello-debug-2']);
    expect(copies().map(({ metadata }) => metadata.name)).to.deep.equal(['hello-debug']);
  });

  it('says why a copy does not come to run', async () => {
    w.have(rewarded(0));
    w.server.collection(TrialKind).watchers.add(({ type, object }) => {
      if (type === 'ADDED')
        queueMicrotask(() =>
          w.server
            .collection(TrialKind)
            .update({ ...object, status: broken('ImageNotFound').status }, 'status'),
        );
    });
    const failure = await failureOf(debug('hello'));
    expect(failure).to.include({
      code: 'SB-E095',
      why: 'ImageNotFound: why',
      fix: 'sb trial explain hello-debug',
    });
  });

  it('needs a terminal, unless a command is given', async () => {
    w.have(active('Running', { status: started('p') }));
    const io = recordedIo();
    expect(await failureOf(debug('hello', { io }))).to.include({
      code: 'SB-E095',
      fix: 'sb trial debug hello -- <command>',
    });
    io.streams.stdout.on('data', () => undefined);
    expect(await debugTrial(w.session, { ...PLAIN, io, command: ['sh', '-c', 'exit 9'] })).to.equal(9);
    expect(asked()[0]).to.include({ stdin: true }).and.not.to.include.any.keys('pty');
  });

  it('has a copy whose name is never too long for a Job’s', () => {
    expect(debugName('a'.repeat(80), 12).length).to.be.at.most(52);
    expect(debugName('hello', 2)).to.equal('hello-debug-2');
  });
});
