/** From the previous version to this checkout, as `kubectl apply -k` and as `helm upgrade` make an upgrade, with Trials in every state. */
import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { conditionOf } from '../../../src/crds/conditions.ts';
import type { Trial } from '../../../src/crds/trial.ts';
import type { Session } from '../../../src/client/index.ts';
import { OPERATOR } from '../../../src/installation/names.ts';
import { CONTAINERS } from '../../../src/wire/pod-paths.ts';
import { kubectlOk, root } from '../../support/cluster.ts';
import { deployOperator, ensureHelm } from '../cluster/index.ts';
import { operatorIsWell } from '../support/faults.ts';
import { done, operatorImage, removeOperator } from '../support/helm.ts';
import { commandSurvives, small, userSession } from '../support/sandboxes.ts';
import { ownTrial } from '../support/stories.ts';
import { hold, type Story } from '../support/story.ts';
import { reward } from '../support/task.ts';
import { world } from '../support/world.ts';
import { ConfigMap } from '../../../src/kube/kinds.ts';

const run = promisify(execFile);
/** Before the first tag: the first version with a chart. */
const FIRST = 'cc0a71c';
const NODE_LABEL = 'sb-upgraded';
/** What is built is new in every run. */
const NONCE = Date.now().toString(36);

async function previousVersion(): Promise<string> {
  const tags = ['describe', '--tags', '--abbrev=0', '--match', 'v*', 'HEAD^'];
  return run('git', tags, { cwd: root }).then(
    ({ stdout }) => stdout.trim(),
    () => FIRST,
  );
}

/** A checkout of that version with packages of its own, until it is disposed of. */
async function checkoutOf(version: string): Promise<AsyncDisposable & { path: string }> {
  const path = mkdtempSync(join(tmpdir(), 'sb-previous-'));
  await run('git', ['worktree', 'add', '--detach', '--force', path, version], { cwd: root });
  await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: path });
  // What the nodes are made of comes along: it would make the cluster anew for another version of that.
  for (const folder of ['node_modules/node', 'test/e2e/cluster/go'])
    cpSync(join(root, folder), join(path, folder), { recursive: true, verbatimSymlinks: true });
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      rmSync(path, { recursive: true, force: true });
      await run('git', ['worktree', 'prune'], { cwd: root });
    },
  };
}

/** Puts the operator of this checkout into the cluster, as `kubectl apply -k` does, and waits until it leads. Some versions are a Deployment, and would run beside this one. */
async function deploy(checkout: string): Promise<void> {
  await kubectlOk(['delete', 'statefulset', OPERATOR.name, '-n', OPERATOR.namespace, '--ignore-not-found']);
  await run('npm', ['run', '--silent', 'cluster:up'], { cwd: checkout, maxBuffer: 2 ** 26 });
}

/** Trials that the upgrade finds in every state, and what has to come of them. */
class Stories {
  readonly works: Story;
  readonly judges: Story;
  readonly starts: Story;
  readonly suspended: Story;
  readonly builds: Story;
  readonly retries: Story;
  /** Have ended, each in another way. */
  readonly ended: Story;
  readonly failed: Story;
  readonly cancelled: Story;
  /** Begins afterwards. */
  readonly after: Story;
  readonly #records = new Map<Story, string | undefined>();

  constructor(prefix: string) {
    const name = (of: string): string => `${prefix}-${of}`;
    this.works = ownTrial(name('work'), { agent: hold('work') });
    this.judges = ownTrial(name('judged'), { tests: `${hold('judged')}\n${reward(1)}` });
    const scheduling = { nodeSelector: { [NODE_LABEL]: 'yes' } };
    this.starts = ownTrial(name('start'), { spec: { scheduling } });
    this.suspended = ownTrial(name('suspended'), { spec: { suspend: true } });
    const context = name('context');
    this.builds = ownTrial(name('builds'), {
      given: ({ namespace }) =>
        world().kube.apply(ConfigMap, {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { namespace, name: context },
          data: { Dockerfile: `FROM debian:bookworm-slim\nRUN echo ${NONCE} ${prefix} && sleep 45` },
        }),
      spec: { environment: { build: { context: { configMap: { name: context } } } } },
    });
    this.retries = ownTrial(name('retries'), { agent: hold('work'), spec: { backoffSeconds: 60 } });
    this.ended = ownTrial(name('ended'));
    this.failed = ownTrial(name('failed'), { tests: 'true' });
    this.cancelled = ownTrial(name('cancelled'), { agent: hold('work') });
    this.after = ownTrial(name('after'));
  }

  async begin(): Promise<void> {
    await Promise.all([
      this.works.reaches('work'),
      this.judges.reaches('judged'),
      this.starts.until('its Pod waits for a node', () => this.starts.pods.length === 1),
      this.suspended.says('Suspended'),
      this.retries.reaches('work'),
      this.ended.earns(1),
      this.failed.fails('RewardMissing'),
      this.#isCancelled(),
    ]);
    await this.builds.says('BuildingImage');
    await this.#losesItsPod();
    for (const story of this.#over) this.#records.set(story, recordOf(story));
  }

  async #losesItsPod(): Promise<void> {
    const { metadata } = await this.retries.reaches('work');
    const force = ['--grace-period=0', '--force'];
    await kubectlOk(['delete', 'pod', '-n', metadata.namespace ?? '', metadata.name, ...force]);
    await this.retries.says('Retrying');
  }

  async #isCancelled(): Promise<void> {
    await this.cancelled.reaches('work');
    await this.cancelled.change({ cancel: true });
    await this.cancelled.fails('Cancelled');
  }

  get #over(): Story[] {
    return [this.ended, this.failed, this.cancelled];
  }

  /** Lets them all go on. */
  async goOn(): Promise<void> {
    await this.works.release('work');
    await this.judges.release('judged', CONTAINERS.task);
    await kubectlOk(['label', 'nodes', '--all', '--overwrite', `${NODE_LABEL}=yes`]);
    await this.suspended.change({ suspend: false });
    await this.retries.until('a second attempt', ({ status }) => status?.attempts?.length === 2);
    await this.retries.reaches('work');
    await this.retries.release('work');
  }

  /** Each has run once, and the one whose Pod was lost twice. */
  async end(): Promise<void> {
    const once = [this.works, this.judges, this.starts, this.suspended, this.builds, this.after];
    await Promise.all(once.map((story) => story.earnsAtOnce(1)));
    const { status } = await this.retries.earns(1);
    expect(status?.attempts?.map(({ reason }) => reason)).to.deep.equal(['PodLost', undefined]);
    expect(this.retries.jobs).to.have.length(2);
    const { namespace } = world();
    const build = world().taskBuilds.get({ namespace, name: this.builds.seen?.status?.taskBuild ?? '' });
    expect(build?.status?.attempts).to.have.length(1);
    expect(build && conditionOf(build, 'Succeeded')?.reason).to.equal('Built');
    this.expectUnchanged();
  }

  /** Nobody has written to one that had ended. */
  expectUnchanged(): void {
    for (const story of this.#over) expect(recordOf(story), story.name).to.equal(this.#records.get(story));
  }
}

const recordOf = ({ seen }: { seen: Trial | undefined }): string | undefined =>
  seen?.metadata.resourceVersion;

/** A version as it is installed. */
interface Version {
  checkout: string;
  image: string;
}

interface Way {
  prefix: string;
  install: (previous: Version) => Promise<unknown>;
  upgrade: (current: Version) => Promise<unknown>;
}

describe('an upgrade from the previous version', function () {
  this.timeout(900_000);
  const current: Version = { checkout: root, image: '' };
  const previous: Version = { checkout: '', image: '' };
  let checkout: Awaited<ReturnType<typeof checkoutOf>> | undefined;
  let helm = '';
  let helm3 = '';
  before(async () => {
    ({ helm, helm3 } = await ensureHelm());
    current.image = await operatorImage();
    checkout = await checkoutOf(await previousVersion());
    previous.checkout = checkout.path;
    await deploy(checkout.path);
    previous.image = await operatorImage();
    expect(previous.image).not.to.equal(current.image);
  });
  after(async () => {
    if (current.image !== '') await deployOperator(current.image);
    await kubectlOk(['label', 'nodes', '--all', `${NODE_LABEL}-`]);
    await checkout?.[Symbol.asyncDispose]();
  });

  /** A command in a Sandbox goes on meanwhile, or there is no test to begin with. */
  function upgrades({ prefix, install, upgrade }: Way): Stories {
    const stories = new Stories(prefix);
    let session: Session | undefined;
    before(async () => {
      await kubectlOk(['label', 'nodes', '--all', `${NODE_LABEL}-`]);
      await install(previous);
      session = userSession();
      const sandbox = await small(session, `${prefix}-sandbox`).init();
      await stories.begin();
      await commandSurvives(sandbox, () => upgrade(current));
    });
    after(() => session?.close());

    it('loses no Trial, whatever it was at, and runs none twice', async () => {
      await stories.goOn();
      await stories.end();
      await operatorIsWell();
    });

    it('has couriers of the previous version finish with this operator, those too that had not asked for anything yet', () => {
      const image = (story: Story) => story.pods.at(-1)?.spec?.initContainers?.[0]?.image;
      expect(image(stories.starts)).to.equal(previous.image).and.to.equal(image(stories.works));
      expect(image(stories.after)).to.equal(current.image);
      expect(conditionOf(stories.starts.seen!, 'Succeeded')?.reason).to.equal('RewardObtained');
    });
    return stories;
  }

  describe('by kubectl apply -k', () => {
    upgrades({
      prefix: 'upgraded',
      install: ({ checkout: path }) => deploy(path),
      upgrade: ({ image }) => deployOperator(image),
    });
  });

  describe('by helm upgrade, with Helm 4, of what Helm 3 has installed', () => {
    const release = (...args: string[]): string[] => [...args, '-n', OPERATOR.namespace, '--wait'];
    const version = ({ checkout: path, image }: Version): string[] => {
      const chart = join(path, 'charts/sb-operator');
      const values = `image.digest=${image.split('@')[1]}`;
      return [chart, '-f', join(chart, 'profiles/local.yaml'), '--set', values];
    };
    const stories = upgrades({
      prefix: 'helmed',
      install: async (from) => {
        await removeOperator();
        await makeNamespace();
        // The CRDs are still there.
        await done(helm3, release('install', OPERATOR.name, ...version(from), '--take-ownership'));
      },
      upgrade: (to) => done(helm, release('upgrade', OPERATOR.name, ...version(to))),
    });
    after(async () => {
      await done(helm, release('uninstall', OPERATOR.name, '--ignore-not-found'));
    });

    it('goes back with helm rollback: what has ended stays, and what comes runs', async () => {
      await done(helm, release('rollback', OPERATOR.name));
      expect(await operatorImage()).to.equal(previous.image);
      await ownTrial('rolled-back').earnsAtOnce(1);
      stories.expectUnchanged();
    });
  });
});

/** As docs/install.md makes it. */
async function makeNamespace(): Promise<void> {
  const { namespace } = OPERATOR;
  const keys = '--from-literal=AWS_ACCESS_KEY_ID=sb --from-literal=AWS_SECRET_ACCESS_KEY=sb-local-only';
  await kubectlOk(['create', 'namespace', namespace]);
  await kubectlOk(['label', 'namespace', namespace, 'pod-security.kubernetes.io/enforce=restricted']);
  await kubectlOk(`create secret generic sb-s3 -n ${namespace} ${keys}`.split(' '));
}
