import { type Shell } from './shell.ts';
import { expect } from 'chai';
import { aJob, aPod } from '../../../test/support/builders/objects.ts';
import { Trial as TrialKind } from '../../crds/kinds.ts';
import { ANNOTATION } from '../../crds/names.ts';
import type { TrialStatus } from '../../crds/trial-status.ts';
import type { Trial } from '../../crds/trial.ts';
import { Pod as PodKind } from '../../kube/kinds.ts';
import { active, broken, rewarded } from '../../../test/support/builders/run-trials.ts';
import { failureOf, world, type World } from '../../../test/support/client/world.ts';
import { recordedIo } from '../../../test/support/terminal/recorded.ts';
import { debugName, debugTrial } from './debug.ts';

type ShellRequest = Parameters<Shell>[0];

type DebugOptions = Parameters<typeof debugTrial>[1];

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
  let asked: ShellRequest[];
  beforeEach(async () => {
    w = await world();
    asked = [];
  });
  afterEach(() => w.close());

  const debug = async (trial: string, over: Partial<DebugOptions> = {}) => {
    const io = recordedIo();
    Object.assign(io.terminal, { input: true });
    const shell = async (request: ShellRequest) => (asked.push(request), 7);
    const code = await debugTrial(w.session, {
      io,
      shell,
      trial,
      command: [],
      copy: false,
      seconds: 600,
      remove: false,
      ...over,
    });
    return { code, said: io.terminal.stderr };
  };
  const copies = (): Trial[] => w.trials().filter(({ metadata }) => metadata.name.includes('-debug'));
  /** The operator, as far as a copy needs one. */
  const startCopies = (): void =>
    void w.server.collection(TrialKind).watchers.add(({ type, object }) => {
      if (type === 'ADDED')
        queueMicrotask(() =>
          w.server.collection(TrialKind).update({ ...object, status: started('copy-pod') }, 'status'),
        );
    });

  it('is one in its own container while it runs, in the image’s folder', async () => {
    const trial = active('Running', { status: started('p') });
    const pod = aPod(aJob(trial));
    pod.metadata = {
      ...pod.metadata,
      name: 'p',
      annotations: { [ANNOTATION.imageConfig]: '{"workdir":"/app"}' },
    };
    w.have(trial);
    w.haveOf(PodKind, pod);
    const { code, said } = await debug('hello');
    expect(code).to.equal(7);
    expect(asked[0]).to.include({ pod: 'p', container: 'task', tty: true });
    expect(asked[0]?.command.slice(-1)).to.deep.equal(['/app']);
    expect(said).to.include('may change its result');
    expect(copies()).to.deep.equal([]);
  });

  it('is one in a copy of a regrade, which has no container of an agent', async () => {
    const trial = active('Running', { status: started('p') });
    trial.spec.regrade = { trial: 'first' };
    w.have(trial);
    startCopies();
    await debug('hello');
    expect(asked[0]).to.include({ pod: 'copy-pod', container: 'task' });
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
    expect(asked[0]?.pod).to.equal('copy-pod');
    expect(said)
      .to.include('it ends by itself after 600 s')
      .and.to.include('sb trial cancel hello-debug --yes');
  });

  it('goes back into the copy that lives, and makes another beside one that has ended', async () => {
    w.have(rewarded(0), active('Running', { name: 'hello-debug', status: started('first') }));
    await debug('hello');
    expect(asked[0]?.pod).to.equal('first');
    w.have(broken('Cancelled', { name: 'hello-debug' }));
    startCopies();
    await debug('hello', { remove: true });
    expect(asked[1]?.pod).to.equal('copy-pod');
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
    await debug('hello', { io, command: ['ls', '-l'] });
    expect(asked[0]?.tty).to.equal(false);
    expect(asked[0]?.command.slice(-3)).to.deep.equal(['/', 'ls', '-l']);
  });

  it('has a copy whose name is never too long for a Job’s', () => {
    expect(debugName('a'.repeat(80), 12).length).to.be.at.most(52);
    expect(debugName('hello', 2)).to.equal('hello-debug-2');
  });
});
