import { expect } from 'chai';
import { BROKER, OPERATOR } from '../../src/installation/names.ts';
import { Secret } from '../../src/kube/kinds.ts';
import { brokerSecret } from './support/broker.ts';
import { eventually } from '../support/eventually.ts';
import { hold } from './support/story.ts';
import { checkedManifest } from './support/stored.ts';
import { ownTrial } from './support/stories.ts';
import { world } from './support/world.ts';

const key = { namespace: OPERATOR.namespace, name: BROKER.certificate };

describe('the broker’s certificate', () => {
  it('may be replaced while a Trial runs', async () => {
    const story = ownTrial('rotated', { agent: hold('work') });
    await story.reaches('work');
    const old = await brokerSecret();
    await world().kube.patch(Secret, key, { data: { 'tls.crt': null, 'tls.key': null } });
    const renewed = await eventually(
      'a new certificate',
      async () => {
        const now = await brokerSecret();
        return now['tls.crt'] && now['tls.crt'] !== old['tls.crt'] ? now : undefined;
      },
      120,
    );
    expect(renewed['ca.crt']).to.equal(old['ca.crt']);
    await story.release('work');
    await checkedManifest(await story.earnsAtOnce(1));
  });

  it('may be deleted with its authority while a Trial runs: the operator remembers whom couriers trust', async () => {
    const story = ownTrial('secret-deleted', { agent: hold('work') });
    await story.reaches('work');
    const old = await brokerSecret();
    await world().kube.delete(Secret, key);
    const renewed = await eventually(
      'the Secret is there again',
      async () => {
        const now = await brokerSecret();
        return now['tls.crt'] === undefined ? undefined : now;
      },
      60,
    );
    expect(renewed['ca.crt']).to.equal(old['ca.crt']);
    await story.release('work');
    await story.earnsAtOnce(1);
  });
});
