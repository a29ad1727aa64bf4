import { conditionOf } from '../../src/crds/conditions.ts';
import { kubectlOk } from '../support/cluster.ts';
import { ownTrial } from './support/stories.ts';
import { world } from './support/world.ts';

describe('a Pod that admission refuses', () => {
  it('for its Pod Security level ends the Trial within seconds, naming both levels before the words of admission', async () => {
    const namespace = await world().makeNamespace();
    await kubectlOk(['label', 'namespace', namespace, 'pod-security.kubernetes.io/enforce=restricted']);
    const story = ownTrial('restricted', {}, namespace);
    const isTold =
      /^the namespace enforces Pod Security restricted, and the Pod meets baseline: .*violates PodSecurity "restricted/;
    await story.fails('JobRejected', isTold, 30);
  });

  it('for a quota waits, naming the quota, and runs when there is room', async () => {
    const namespace = await world().makeNamespace();
    await kubectlOk(['create', 'quota', 'few', '--hard=pods=0', '-n', namespace]);
    const story = ownTrial('over-quota', {}, namespace);
    const isTold = /exceeded quota: few, requested: pods=1/;
    await story.until(
      'Pending for the quota',
      (trial) => {
        const { reason, message = '' } = conditionOf(trial, 'Succeeded') ?? {};
        return reason === 'Pending' && isTold.test(message);
      },
      30,
    );
    await kubectlOk(['patch', 'quota', 'few', '-n', namespace, '-p', '{"spec":{"hard":{"pods":"5"}}}']);
    await story.earns(1);
  });
});
