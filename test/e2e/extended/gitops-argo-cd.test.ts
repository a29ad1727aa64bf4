/** By the controllers of Argo CD, with the files of config/gitops/argo-cd. */
import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import type { ConfigMap } from '../../../src/kube/kinds.ts';
import { root } from '../../support/cluster.ts';
import { gitopsFile } from '../../support/gitops.ts';
import { startArgoCd, type ArgoApplication, type ArgoCd } from '../support/argo-cd.ts';
import {
  comesAgain,
  describeTrialsInGit,
  documents,
  expectAdopted,
  fileOf,
  gitTrial,
} from '../support/git-stories.ts';
import { ensureBaseImages } from '../cluster/index.ts';
import { ownTrial } from '../support/stories.ts';
import { hold } from '../support/story.ts';
import { reward } from '../support/task.ts';
import { world } from '../support/world.ts';

describe('Trials that Argo CD brings from Git', function () {
  this.timeout(600_000);
  let argo: ArgoCd;
  before(async () => {
    await ensureBaseImages(['debian:bookworm-slim']);
    argo = await startArgoCd();
  });
  after(() => argo?.stop());

  const application = (name: string): Promise<ArgoApplication> => argo.application(name, world().namespace);

  describe('are shown', () => {
    let app: ArgoApplication;
    before(async () => void (app = await application('argo-shown')));

    it('as Progressing while they run, and as Healthy with a reward, whatever it is', async () => {
      const story = gitTrial(app, 'argo-runs', { agent: hold('work'), tests: reward(0) });
      await story.reaches('work');
      await app.shows('Progressing');
      expect(await app.healthOf(story.name)).to.include({ status: 'Progressing' });
      await story.release('work');
      await story.earns(0);
      await app.shows('Healthy');
    });

    it('as Suspended, which is no end', async () => {
      const story = gitTrial(app, 'argo-suspended', { spec: { suspend: true } });
      await story.says('Suspended');
      await app.shows('Suspended');
      await app.commit(fileOf(story.name, { spec: { suspend: false } }));
      await story.earnsAtOnce(1);
      await app.shows('Healthy');
    });

    it('as Degraded without a result, with the reason', async () => {
      const story = gitTrial(app, 'argo-fails', { tests: 'true' });
      await story.fails('RewardMissing');
      await app.shows('Degraded');
      expect((await app.healthOf(story.name))?.message).to.match(/^RewardMissing: /);
    });
  });

  describeTrialsInGit({ prefix: 'argo', place: application });

  describe('as the hook gate.yaml', () => {
    const gate = ownTrial('gate');
    const [task] = loadAll(readFileSync(join(root, 'config/samples/trial.yaml'), 'utf8')) as [ConfigMap];
    let app: ArgoApplication;
    before(async () => void (app = await application('argo-gated')));

    it('end a sync with a reward, and not before', async () => {
      const revision = await app.commit({
        'task.yaml': documents([task]),
        'gate.yaml': readFileSync(gitopsFile('argo-cd/gate.yaml'), 'utf8'),
      });
      const { finishedAt = '' } = (await app.ends(revision)) ?? {};
      expect(gate.seen?.status?.reward).to.equal(1);
      expect(Date.parse(gate.seen?.status?.finishedAt ?? '')).to.be.at.most(Date.parse(finishedAt));
    });

    it('come again at the next sync, and do not run where nothing is another', async () => {
      const release = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'release' },
        data: { is: 'two' },
      };
      const before = gate.seen!;
      const revision = await app.commit({ 'release.yaml': documents([release]) });
      await app.ends(revision);
      expectAdopted(gate, await comesAgain(gate, before), before);
    });

    it('fail a sync with a reward below the minimum', async () => {
      const worse = { ...task, data: { ...task.data, 'solution__solve.sh': '#!/bin/sh\n' } };
      const revision = await app.commit({ 'task.yaml': documents([worse]) });
      await app.refuses(revision, /Reward 0, minimum 1/);
      expect(gate.seen?.status?.reward).to.equal(0);
    });
  });
});
