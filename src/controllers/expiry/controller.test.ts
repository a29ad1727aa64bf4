import { expect } from 'chai';
import { after, aTrial, stampOf, T0 } from '../../../test/support/builders/objects.ts';
import { Trial as TrialKind } from '../../crds/kinds.ts';
import type { Trial } from '../../crds/trial.ts';
import { ObjectCache } from '../../kube/cache/cache.ts';
import type { DeleteOptions, Kind, KubeClient, KubeObject, ObjectKey } from '../../kube/types.ts';
import { expiresInMs, expiryController } from './controller.ts';

const KEY: ObjectKey = { namespace: 'default', name: 'hello' };

/** A Trial that ended at T0, and is kept for a minute. */
const ended = (): Trial =>
  aTrial({ spec: { ttlSecondsAfterFinished: 60 }, status: { finishedAt: stampOf(T0) } });

/** Reconciles what the cache shows, so many seconds after T0. */
async function pass(trial: Trial | undefined, seconds: number, isRecorded = true) {
  const trials = new ObjectCache<Trial>(TrialKind);
  if (trial) trials.put(trial);
  const deleted: { kind: string; key: ObjectKey; options?: DeleteOptions }[] = [];
  const kube = {
    delete: async ({ kind }: Kind<KubeObject>, key: ObjectKey, options: DeleteOptions) =>
      deleted.push({ kind, key, options }) > 0,
  } as unknown as KubeClient;
  const reconcile = expiryController({
    kube,
    trials,
    isRecorded: () => isRecorded,
    now: () => after(seconds),
  });
  return { again: await reconcile(KEY, new AbortController().signal), deleted };
}

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

  it('waits until the Trial is in the index of its run', async () => {
    const { again, deleted } = await pass(ended(), 61, false);
    expect([again, deleted]).to.deep.equal([{ requeueAfterMs: 2000 }, []]);
  });
});
