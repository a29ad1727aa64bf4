import { expect } from 'chai';
import { aJob, aPod, aTrial } from '../../test/support/builders/objects.ts';
import { withOwnMarks } from '../crds/marks.ts';
import { Shared } from '../kube/cache/shared.ts';
import type { Job } from '../kube/kinds.ts';
import { keptJob, keptPod } from './kept.ts';

/** Each with a user of its own. */
function jobOf(name: string): Job {
  const job = aJob(aTrial({ name }));
  const volumeMounts = [{ name: 'logs', mountPath: '/logs' }];
  const securityContext = { runAsUser: 65_000 + name.length };
  const containers = [{ name: 'task', volumeMounts, securityContext }];
  return { ...job, spec: { template: { spec: { containers } } } };
}

describe('what is kept of Jobs and Pods', () => {
  it('is all that they are but for foreign marks', () => {
    const shared = new Shared();
    for (const name of ['one', 'two']) {
      const job = jobOf(name);
      expect(keptJob(shared)(structuredClone(job))).to.deep.equal(withOwnMarks(job));
      expect(keptPod(shared)(structuredClone(aPod(job)))).to.deep.equal(withOwnMarks(aPod(job)));
    }
  });

  it('has what the containers of two Trials are alike in once, and once for Job and Pod', () => {
    const shared = new Shared();
    const [one, two] = ['one', 'two'].map((name) => keptJob(shared)(jobOf(name)).spec?.template.spec);
    const pod = keptPod(shared)(aPod(jobOf('three'))).spec;
    const mountsOf = (spec: typeof pod) => spec?.containers[0]?.volumeMounts;
    expect(mountsOf(one)).to.be.an('array');
    expect(mountsOf(one)).to.equal(mountsOf(two));
    expect(mountsOf(one)).to.equal(mountsOf(pod));
  });
});
