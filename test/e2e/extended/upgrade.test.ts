/** From the previous version to this checkout, as `kubectl apply -k` makes an upgrade, with Trials in every state. */
import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { conditionOf } from '../../../src/crds/conditions.ts';
import type { Session } from '../../../src/client/index.ts';
import { CONTAINERS } from '../../../src/wire/pod-paths.ts';
import { kubectlOk, root } from '../../support/cluster.ts';
import { operatorIsWell } from '../support/faults.ts';
import { commandSurvives, small, userSession } from '../support/sandboxes.ts';
import { ownTrial } from '../support/stories.ts';
import { hold } from '../support/story.ts';
import { reward } from '../support/task.ts';

const run = promisify(execFile);
/** Before the first tag. */
const FIRST = '967db39';
const NODE_LABEL = 'sb-upgraded';

async function previous(): Promise<string> {
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
  cpSync(join(root, 'node_modules/node'), join(path, 'node_modules/node'), {
    recursive: true,
    verbatimSymlinks: true,
  });
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      rmSync(path, { recursive: true, force: true });
      await run('git', ['worktree', 'prune'], { cwd: root });
    },
  };
}

/** Puts the operator of this checkout into the cluster, as `kubectl apply -k` does, and waits until it leads. */
const deploy = (checkout: string) =>
  run('npm', ['run', '--silent', 'cluster:up'], { cwd: checkout, maxBuffer: 2 ** 26 });

/** A command in a Sandbox goes on meanwhile, or there is no test to begin with. */
describe('an upgrade from the previous version', function () {
  this.timeout(600_000);
  const works = ownTrial('upgraded-work', { agent: hold('work') });
  const judges = ownTrial('upgraded-judged', { tests: `${hold('judged')}\n${reward(1)}` });
  const starts = ownTrial('upgraded-start', {
    spec: { scheduling: { nodeSelector: { [NODE_LABEL]: 'yes' } } },
  });
  const suspended = ownTrial('upgraded-suspended', { spec: { suspend: true } });
  const ended = ownTrial('upgraded-ended');
  const builds = ownTrial('upgraded-after');
  let session: Session;

  before(async () => {
    await using checkout = await checkoutOf(await previous());
    await deploy(checkout.path);
    session = userSession();
    const sandbox = await small(session, 'upgraded-sandbox').init();
    await Promise.all([
      works.reaches('work'),
      judges.reaches('judged'),
      starts.until('its Pod waits for a node', () => starts.pods.length === 1),
      suspended.says('Suspended'),
      ended.earns(1),
    ]);
    await commandSurvives(sandbox, () => deploy(root));
  });
  after(async () => {
    await kubectlOk(['label', 'nodes', '--all', `${NODE_LABEL}-`]);
    await session?.close();
  });

  it('loses no Trial, whatever it was at, and starts none twice', async () => {
    const { resourceVersion } = (await ended.done()).metadata;
    await works.release('work');
    await judges.release('judged', CONTAINERS.task);
    await kubectlOk(['label', 'nodes', '--all', `${NODE_LABEL}=yes`]);
    await suspended.change({ suspend: false });
    await Promise.all([works, judges, starts, suspended, builds].map((story) => story.earnsAtOnce(1)));
    expect((await ended.earnsAtOnce(1)).metadata.resourceVersion).to.equal(resourceVersion);
    await operatorIsWell();
  });

  it('has couriers of the previous version finish with this operator, those too that had not asked for anything yet', () => {
    const image = (story: typeof works) => story.pods[0]?.spec?.initContainers?.[0]?.image;
    expect(image(starts)).to.equal(image(works));
    expect(image(starts)).not.to.equal(image(builds));
    expect(conditionOf(starts.seen!, 'Succeeded')?.reason).to.equal('RewardObtained');
  });
});
