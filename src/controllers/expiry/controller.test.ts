import { expect } from 'chai';
import { after, aTrial, stampOf, T0 } from '../../../test/support/builders/objects.ts';
import { Trial as TrialKind } from '../../crds/kinds.ts';
import type { Trial } from '../../crds/trial.ts';
import { keptOf } from '../trial/ended.ts';
import { ObjectCache } from '../../kube/cache/cache.ts';
import type { DeleteOptions, Kind, KubeClient, KubeObject, ObjectKey } from '../../kube/types.ts';
import { expiresInMs, expiryController } from './controller.ts';

const KEY: ObjectKey = { namespace: 'default', name: 'hello' };

/** A Trial that ended at T0, and is kept for a minute. */
const ended = (): Trial =>
  aTrial({ spec: { ttlSecondsAfterFinished: 60 }, status: { finishedAt: stampOf(T0) } });

/** Reconciles what the cache shows, so many seconds after T0. */
async function pass(trial: Trial | undefined, seconds: number, isRecorded = true) {
  const events: [string, string][] = [];
  const trials = new ObjectCache<Trial>(TrialKind);
  if (trial) trials.put(trial);
  const deleted: { kind: string; key: ObjectKey; options?: DeleteOptions }[] = [];
  const kube = {
    delete: async ({ kind }: Kind<KubeObject>, key: ObjectKey, options: DeleteOptions) =>
      deleted.push({ kind, key, options }) > 0,
  } as unknown as KubeClient;
  const reconcile = expiryController({
    kube,
    events: { normal: (_, reason, message) => void events.push([reason, message]) },
    trials,
    isRecorded: () => isRecorded,
    now: () => after(seconds),
  });
  const again = await reconcile(KEY, new AbortController().signal);
  return { again, deleted, ...(events.length > 0 && { events }) };
}

/** The Trial as a GitOps tool leaves it. */
const appliedBy = (marks: Pick<Trial['metadata'], 'labels' | 'annotations'>): Trial => {
  const trial = ended();
  return { ...trial, metadata: { ...trial.metadata, ...marks } };
};

describe('the expiry of a Trial', () => {
  it('is so many seconds after its end', () => {
    expect(expiresInMs(ended(), after(20))).to.equal(40_000);
    expect(expiresInMs(ended(), after(61))).to.equal(-1000);
  });

  it('never comes without a limit, or before its end', () => {
    const { status: _, ...running } = ended();
    expect(expiresInMs(running, after(1e6))).to.equal(undefined);
    expect(expiresInMs(aTrial({ status: { finishedAt: stampOf(T0) } }), after(1e6))).to.equal(undefined);
  });

  it('may be at once', () => {
    const trial = aTrial({ spec: { ttlSecondsAfterFinished: 0 }, status: { finishedAt: stampOf(T0) } });
    expect(expiresInMs(trial, T0)).to.equal(0);
  });
});

describe('the expiry controller', () => {
  it('looks again when the time is up', async () => {
    expect(await pass(ended(), 20)).to.deep.equal({ again: { requeueAfterMs: 40_000 }, deleted: [] });
  });

  it('deletes a Trial whose time is up: that very object, with what it owns', async () => {
    const trial = ended();
    expect(await pass(trial, 60)).to.deep.equal({
      again: undefined,
      deleted: [{ kind: 'Trial', key: KEY, options: { uid: trial.metadata.uid, propagation: 'Background' } }],
    });
  });

  it('keeps a Trial that sets no limit, or has not ended', async () => {
    const { status: _, ...running } = ended();
    for (const trial of [running, aTrial({ status: { finishedAt: stampOf(T0) } })])
      expect(await pass(trial, 1e6)).to.deep.equal({ again: undefined, deleted: [] });
  });

  it('leaves alone what is gone, or going', async () => {
    const trial = ended();
    const going = { ...trial, metadata: { ...trial.metadata, deletionTimestamp: stampOf(T0) } };
    for (const each of [undefined, going])
      expect(await pass(each, 1e6)).to.deep.equal({ again: undefined, deleted: [] });
  });

  const tools = {
    'Argo CD': appliedBy({
      annotations: { 'argocd.argoproj.io/tracking-id': 'app:sb.abundant.ai/Trial:x/hello' },
    }),
    'Flux, by a Kustomization': appliedBy({ labels: { 'kustomize.toolkit.fluxcd.io/name': 'trials' } }),
    'Flux, by a HelmRelease': appliedBy({ labels: { 'helm.toolkit.fluxcd.io/name': 'trials' } }),
  };
  for (const [tool, trial] of Object.entries(tools))
    it(`keeps a Trial of ${tool}, which would create it again, and says so when its time is up`, async () => {
      const { again, deleted, events } = await pass(keptOf(trial), 61);
      expect([again, deleted]).to.deep.equal([undefined, []]);
      expect(events).to.deep.equal([
        [
          'KeptForGitOps',
          `ttlSecondsAfterFinished does not delete this Trial: ${tool.split(',')[0]} applied it and would create it again; remove it from Git instead`,
        ],
      ]);
    });

  it('does not say so again of what was kept long ago', async () => {
    expect(await pass(tools['Argo CD'], 3600)).to.deep.equal({ again: undefined, deleted: [] });
  });

  it('deletes a Trial with the label that Argo CD and Helm both set: nobody can tell which it was', async () => {
    const trial = appliedBy({ labels: { 'app.kubernetes.io/instance': 'trials' } });
    expect((await pass(trial, 61)).deleted).to.have.length(1);
  });

  it('deletes a Trial that took over an outcome without waiting: the Trial that ran is in the index', async () => {
    const trial = ended();
    const adopted = { trial: 'hello__7654321', uid: 'other', finishedAt: stampOf(T0) };
    const { deleted } = await pass({ ...trial, status: { ...trial.status, adopted } }, 61, false);
    expect(deleted).to.have.length(1);
  });

  it('waits until the Trial is in the index of its run', async () => {
    const { again, deleted } = await pass(ended(), 61, false);
    expect([again, deleted]).to.deep.equal([{ requeueAfterMs: 2000 }, []]);
  });
});
