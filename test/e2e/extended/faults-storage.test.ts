import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { CONTAINERS } from '../../../src/wire/pod-paths.ts';
import { withoutS3 } from '../support/faults.ts';
import { hold } from '../support/story.ts';
import { checkedManifest } from '../support/stored.ts';
import { ownTrial } from '../support/stories.ts';
import { reward } from '../support/task.ts';

describe('S3 that refuses for 30 seconds while Trials upload', () => {
  const patient = ownTrial('storage-patient', { tests: `${hold('judge')}\n${reward(1)}` });
  const cancelled = ownTrial('storage-cancelled', { tests: `${hold('judge')}\n${reward(0.5)}` });
  const apart = ownTrial('storage-apart', {
    toml: '[verifier]\nenvironment_mode = "separate"\n',
    tests: `${hold('judge')}\n${reward(1)}`,
  });
  const late = ownTrial('storage-late');

  it('costs no reward, no attempt and no file', async () => {
    const { verifier } = CONTAINERS;
    await Promise.all([
      patient.reaches('judge'),
      cancelled.reaches('judge'),
      apart.reaches('judge', verifier),
    ]);
    await withoutS3(async () => {
      const released = [
        patient.release('judge'),
        cancelled.release('judge'),
        apart.release('judge', verifier),
      ];
      await Promise.all([...released, late.start()]);
      await sleep(10_000);
      // Its reward is known and its files are not stored: what was obtained is kept.
      await cancelled.change({ cancel: true });
      await sleep(20_000);
    });
    for (const story of [patient, apart]) await checkedManifest(await story.earnsAtOnce(1));
  });

  it('does not take a reward from a Trial that is cancelled while it uploads', async () => {
    const done = await cancelled.earns(0.5);
    // The Job was deleted to stop it, so only the record tells of the attempt.
    expect(done.status?.attempts).to.have.lengthOf(1);
    await checkedManifest(done);
  });

  it('only delays a Trial that was made meanwhile', async () => {
    await late.earns(1);
  });
});
