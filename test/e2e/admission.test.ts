import { expect } from 'chai';
import { conditionOf } from '../../src/crds/conditions.ts';
import { kubectlOk } from '../support/cluster.ts';
import { storedText } from './support/stored.ts';
import { ownTrial } from './support/stories.ts';
import { rewardIf } from './support/task.ts';
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

  it('for its Pod Security level does not refuse a Trial that is one user’s, by its number', async () => {
    const namespace = await world().makeNamespace();
    await kubectlOk(['label', 'namespace', namespace, 'pod-security.kubernetes.io/enforce=restricted']);
    const isOne = '[ "$(id -u)" = 1000 ] && grep -q "NoNewPrivs:.1" /proc/self/status';
    const story = ownTrial(
      'one-user',
      {
        agent: `${isOne} && cd /tmp && echo solved > answer && echo kept > /logs/artifacts/kept.txt`,
        tests: rewardIf(`${isOne} && [ "$(cat /tmp/answer)" = solved ] && [ -w /logs/verifier ]`),
        spec: { environment: { user: '1000', allowPrivilegeEscalation: false } },
      },
      namespace,
    );
    const done = await story.earns(1);
    expect(await storedText(done, 'output/kept.txt')).to.equal('kept\n');
    const solved = ownTrial(
      'one-user-oracle',
      {
        spec: { agent: { name: 'oracle' }, environment: { user: '1000', allowPrivilegeEscalation: false } },
        files: { 'solution__solve.sh': '#!/bin/sh\necho solved > /tmp/answer\n' },
        tests: rewardIf('[ -e /tmp/answer ]'),
      },
      namespace,
    );
    await solved.earns(1);
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

  it('for no bound of the sample namespace, which it keeps to', async () => {
    const namespace = await world().makeNamespace();
    const sample = ['-n', namespace, '-f', 'config/samples/namespace.yaml'];
    await kubectlOk(['apply', ...sample]);
    try {
      const story = ownTrial(
        'bounded',
        { spec: { scheduling: { priorityClassName: 'trials-low' } } },
        namespace,
      );
      await story.earns(1);
      expect(story.pods[0]?.spec?.priority).to.equal(-100);
      const used = await kubectlOk([
        'get',
        'quota',
        'trials',
        '-n',
        namespace,
        '-o',
        'jsonpath={.status.used}',
      ]);
      expect(JSON.parse(used)).to.include({ 'count/trials.sb.abundant.ai': '1' });
    } finally {
      await kubectlOk(['delete', ...sample]);
    }
  });
});
