import { ConfigMap } from '../../src/kube/kinds.ts';
import { ownTrial } from './support/stories.ts';
import { reward } from './support/task.ts';
import { world } from './support/world.ts';

describe('one bad task, one bad Trial, one broken build', () => {
  it('do not touch the others that run beside them', async () => {
    const namespace = await world().makeNamespace();
    const bad = [
      ownTrial('bad-task', { toml: 'this is = not TOML = at all' }, namespace),
      ownTrial('bad-image', { spec: { environment: { image: 'nobody/has:this' } } }, namespace),
      ownTrial(
        'bad-agent',
        { agent: 'true', spec: { agent: { install: '#!/bin/sh\nkill -TERM 1; kill -9 -1; exit 1\n' } } },
        namespace,
      ),
      ownTrial('bad-reward', { tests: reward('?') }, namespace),
      ownTrial(
        'bad-build',
        {
          spec: { environment: { build: { context: { configMap: { name: 'bad-context' } } } } },
          given: (key) =>
            world().kube.create(ConfigMap, {
              apiVersion: 'v1',
              kind: 'ConfigMap',
              metadata: { namespace: key.namespace, name: 'bad-context' },
              data: { Dockerfile: 'FROM debian:bookworm-slim\nNONSENSE' },
            }),
        },
        namespace,
      ),
    ];
    const good = [1, 2, 3].map((number) =>
      ownTrial(`good-${number}`, { solution: 'true', tests: reward(number / 4) }, namespace),
    );
    const ends = [
      ...bad.map((story) => story.done()),
      ...good.map((story, index) => story.earns((index + 1) / 4)),
    ];
    const rewards = (await Promise.all(ends)).map(({ status }) => status?.reward);
    if (rewards.slice(0, bad.length).some((value) => value !== undefined))
      throw new Error(`a bad Trial has a reward: ${rewards.join(', ')}`);
  });
});
