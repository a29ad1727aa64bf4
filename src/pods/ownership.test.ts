import { expect } from 'chai';
import { aJob, aPod, aTrial } from '../../test/support/builders/objects.ts';
import type { Job } from '../kube/kinds.ts';
import { byControllerUid, controlledBy, isControlledBy, isLeftover, isOwnedBy } from './ownership.ts';

const trial = aTrial();
const job = aJob(trial);
const [owner] = job.metadata.ownerReferences ?? [];

/** The Job with another owner reference, or other labels. */
const jobWith = (metadata: Partial<Job['metadata']>): Job => ({
  ...job,
  metadata: { ...job.metadata, ...metadata },
});
const ownedBy = (change: object): Job => jobWith({ ownerReferences: owner ? [{ ...owner, ...change }] : [] });

describe('whose a Job is', () => {
  const cases: [what: string, job: Job, expected: 'own' | 'leftover' | 'neither'][] = [
    ['the one that the operator made for it', job, 'own'],
    ['one of an earlier Trial of its name', ownedBy({ uid: 'earlier' }), 'leftover'],
    ['one without the label that the operator alone may write', jobWith({ labels: {} }), 'neither'],
    [
      'one with the label of a TaskBuild',
      jobWith({ labels: { 'sb.abundant.ai/task-build': 'hello' } }),
      'neither',
    ],
    ['one that it owns and does not control', ownedBy({ controller: false }), 'neither'],
    ['one of another Trial', ownedBy({ uid: 'other', name: 'other' }), 'neither'],
    ['one of a TaskBuild of its name', ownedBy({ uid: 'other', kind: 'TaskBuild' }), 'neither'],
    ['one that nothing owns', jobWith({ ownerReferences: [] }), 'neither'],
  ];
  for (const [what, found, expected] of cases)
    it(`is told of ${what}: ${expected}`, () => {
      expect(isOwnedBy(found, trial)).to.equal(expected === 'own');
      expect(isLeftover(found, trial)).to.equal(expected === 'leftover');
    });

  it('is nobody’s where neither has a UID', () => {
    const bare = { ...trial, metadata: { name: 'hello' } };
    expect(isControlledBy(jobWith({ ownerReferences: [] }), bare)).to.equal(false);
  });

  it('is what its reference says', () => {
    const made = jobWith({ ownerReferences: [controlledBy(trial)] });
    expect(isOwnedBy(made, trial)).to.equal(true);
    expect(byControllerUid(made)).to.deep.equal([trial.metadata.uid]);
    expect(isControlledBy(aPod(job), job)).to.equal(true);
  });
});
