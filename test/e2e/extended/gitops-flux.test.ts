/** By the controllers of Flux, with the files of config/gitops/flux. */
import { expect } from 'chai';
import { API_VERSION } from '../../../src/crds/names.ts';
import type { SandboxSpec } from '../../../src/crds/sandbox.ts';
import { kubectl } from '../../support/cluster.ts';
import { ensureBaseImages } from '../cluster/index.ts';
import { startFlux, type Flux, type FluxPlace } from '../support/flux.ts';
import type { Changes } from '../support/git-server.ts';
import { describeTrialsInGit, documents, fileOf, gitTrial } from '../support/git-stories.ts';
import { hold } from '../support/story.ts';
import { reward } from '../support/task.ts';
import { world } from '../support/world.ts';

const MINIMUM = { 'sb.abundant.ai/minimum-reward': '1' };

describe('Trials that Flux brings from Git', function () {
  this.timeout(600_000);
  let flux: Flux;
  before(async () => {
    await ensureBaseImages(['debian:bookworm-slim']);
    flux = await startFlux();
  });
  after(() => flux?.stop());

  const place = (name: string): Promise<FluxPlace> => flux.place(name, world().namespace);

  describe('are waited for', () => {
    let shown: FluxPlace;
    before(async () => void (shown = await place('flux-shown')));

    it('while they run, until they have a reward, whatever it is', async () => {
      const story = gitTrial(shown, 'flux-runs', { agent: hold('work'), tests: reward(0) });
      await story.reaches('work');
      await shown.shows('Progressing');
      await story.release('work');
      await story.earns(0);
      await shown.shows('Healthy');
    });

    it('until one has no result, which is told by its name', async () => {
      const story = gitTrial(shown, 'flux-fails', { tests: 'true' });
      await story.fails('RewardMissing');
      await shown.shows('Degraded');
      expect(await shown.message()).to.contain(`Trial/${world().namespace}/flux-fails status: 'Failed'`);
    });
  });

  it('are done beside a Sandbox that is suspended, as its spec asks, and not beside one that cannot be used', async () => {
    const beside = await place('flux-beside');
    const sandbox = (name: string, spec: Partial<SandboxSpec>) => ({
      [`${name}.yaml`]: documents([
        { apiVersion: API_VERSION, kind: 'Sandbox', metadata: { name }, spec } as never,
      ]),
    });
    await beside.commit(
      sandbox('flux-suspended', { image: 'debian:bookworm-slim', operatingMode: 'Suspended' }),
    );
    await beside.shows('Healthy');
    await beside.commit(sandbox('flux-broken', { image: 'debian:there-is-no-such-tag' }));
    await beside.shows('Degraded');
    expect(await beside.message()).to.contain(`Sandbox/${world().namespace}/flux-broken status: 'Failed'`);
  });

  describeTrialsInGit({ prefix: 'flux', place });

  describe('gate what comes after them, by after.yaml', () => {
    const release = (is: string) => ({
      'after/release.yaml': documents([
        { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'flux-release' }, data: { is } } as never,
      ]),
    });
    const released = async (): Promise<string> => {
      const get = ['get', 'configmap', 'flux-release', '-n', world().namespace, '--ignore-not-found'];
      return (await kubectl([...get, '-o', 'jsonpath={.data.is}'])).stdout;
    };
    let trials: FluxPlace;
    let after: FluxPlace;
    before(async () => {
      trials = await place('trials');
      after = await flux.after(world().namespace);
    });

    it('which waits for a reward of at least the minimum', async () => {
      const both = { commit: (changes: Changes) => trials.commit(changes, release('one')) };
      const story = gitTrial(both, 'flux-gate', { agent: hold('work'), annotations: MINIMUM });
      await story.reaches('work');
      await trials.shows('Progressing');
      await after.isHeldBack();
      expect(await released()).to.equal('');
      await story.release('work');
      await story.earns(1);
      await trials.shows('Healthy');
      await after.shows('Healthy', trials.revision);
      expect(await released()).to.equal('one');
    });

    it('which is held back by a lower one', async () => {
      const worse = fileOf('flux-worse', { tests: reward(0.5), annotations: MINIMUM });
      await trials.commit(worse, release('two'));
      await trials.shows('Degraded');
      expect(await trials.message()).to.contain('flux-worse');
      await after.isHeldBack();
      expect(await released()).to.equal('one');
    });
  });
});
