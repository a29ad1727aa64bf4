import { expect } from 'chai';
import { conditionOf } from '../../src/crds/conditions.ts';
import { smallImage } from './support/images.ts';
import { trial } from './support/stories.ts';
import { reward, rewardIf } from './support/task.ts';
import { registry } from './cluster/index.ts';
import { CONTAINER, OPERATOR } from '../../src/installation/names.ts';
import { V8_FLAGS } from '../../src/installation/stateful-set.ts';
import { kubectlOk } from '../support/cluster.ts';

const deaf = smallImage(
  'deaf-entrypoint',
  [
    'FROM debian:bookworm-slim',
    'COPY --chmod=755 entry.sh /entry.sh',
    'ENV FROM_IMAGE=kept',
    'WORKDIR /srv',
    'ENTRYPOINT ["/entry.sh"]',
  ].join('\n'),
  { 'entry.sh': '#!/bin/sh\necho "$@" > /srv/arguments\nid -u > /srv/user\nexec sleep infinity\n' },
);
const ending = smallImage(
  'ending-entrypoint',
  'FROM debian:bookworm-slim\nENTRYPOINT ["/bin/sh", "-c", "touch /was-here"]',
);
const broken = smallImage('broken-entrypoint', 'FROM debian:bookworm-slim\nENTRYPOINT ["/no/such/program"]');
const noBash = smallImage('no-bash', 'FROM busybox:1.37\nWORKDIR /app');
const onlyShell = smallImage(
  'only-shell',
  'FROM busybox:1.37 AS tools\nFROM scratch\nCOPY --from=tools /bin/busybox /bin/sh\nUSER 1234:1234',
);
const noRoot = smallImage(
  'no-root',
  'FROM debian:bookworm-slim\nRUN useradd --create-home worker && mkdir /app && chown worker /app\nUSER worker\nWORKDIR /app',
);

describe('images as people make them', () => {
  const deafOne = trial('image-deaf', {
    image: deaf,
    solution: '[ "$(pwd)" = /srv ] && touch solved',
    tests: rewardIf(
      '[ -e /srv/solved ] && [ "$FROM_IMAGE" = kept ] && [ "$(cat /srv/arguments)" = "sh -c sleep infinity" ]',
    ),
  });
  // It runs beside the phases, and may come later than a test that waits for nothing.
  const endingOne = trial('image-entrypoint-ends', {
    image: ending,
    tests: `for _ in $(seq 100); do [ -e /was-here ] || sleep 0.1; done\n${rewardIf('[ -e /was-here ]')}`,
  });
  const brokenOne = trial('image-entrypoint-broken', { image: broken, tests: reward(1) });
  const noBashOne = trial('image-no-bash', {
    image: noBash,
    solution: 'echo hello > answer',
    tests: rewardIf('[ "$(cat /app/answer)" = hello ]'),
  });
  const onlyShellOne = trial('image-only-shell', {
    image: onlyShell,
    agent: 'echo hello > /tmp/answer || echo hello > /logs/agent/answer',
    tests: `read -r word < /logs/agent/answer || read -r word < /tmp/answer\nif [ "$word" = hello ]; then ${reward(1)}; else ${reward(0)}; fi`,
  });
  const noRootOne = trial('image-no-root', {
    image: noRoot,
    solution: 'id -un > /app/agent; echo "$HOME" >> /app/agent',
    tests: rewardIf(
      '[ "$(cat /app/agent)" = "$(printf \'worker\\n/home/worker\')" ] && [ "$(id -un)" = worker ]',
    ),
  });

  it('an entrypoint that ignores its arguments runs beside the phases', () => deafOne.earns(1));
  it('an entrypoint that ends at once ends nothing else', () => endingOne.earns(1));
  it('an entrypoint that cannot be started ends nothing else', () => brokenOne.earns(1));
  it('an image without bash is enough', () => noBashOne.earns(1));
  it('an image with nothing but /bin/sh and a number as its USER is enough', () => onlyShellOne.earns(1));
  it('an image with a USER who is not root runs all phases as that user', () => noRootOne.earns(1));
});

/** Takes a layer out of the registry, so that the manifest is there and the image cannot be pulled. */
async function loseLayers(reference: string): Promise<void> {
  const [, repository, tag] = /^[^/]+\/(.+):([^:]+)$/.exec(reference) ?? [];
  const base = `${registry.host}/v2/${repository}`;
  const types = [
    'application/vnd.oci.image.index.v1+json',
    'application/vnd.oci.image.manifest.v1+json',
    'application/vnd.docker.distribution.manifest.v2+json',
  ];
  const get = async (name: string): Promise<Manifest> =>
    (await fetch(`${base}/manifests/${name}`, {
      headers: { accept: types.join(', ') },
    }).then((response) => response.json())) as Manifest;
  const found = await get(tag ?? '');
  const amd64 = found.manifests?.find(({ platform }) => platform.architecture === 'amd64');
  const { layers = [] } = amd64 ? await get(amd64.digest) : found;
  for (const { digest } of layers) await fetch(`${base}/blobs/${digest}`, { method: 'DELETE' });
}

interface Manifest {
  manifests?: { digest: string; platform: { architecture: string } }[];
  layers?: { digest: string }[];
}

describe('images that are not there', () => {
  const nonce = Date.now();
  const lost = smallImage('lost-layer', `FROM scratch\nCOPY unique /unique`, { unique: `${nonce}` });
  const absent = trial('image-absent', { spec: { environment: { image: 'debian:no-such-tag' } } });
  const impossible = trial('image-name-impossible', {
    spec: { environment: { image: 'NOT A NAME' } },
  });
  const unpullable = trial('image-unpullable', {
    spec: { startTimeoutSeconds: 45, environment: { image: lost.reference } },
    given: async () => {
      await lost.ensure();
      await loseLayers(lost.reference);
    },
  });

  const unjudged = trial('image-unpullable-verifier', {
    spec: {
      startTimeoutSeconds: 45,
      verifier: { mode: 'Separate', image: lost.reference, disabled: false },
    },
    given: async () => {
      await lost.ensure();
      await loseLayers(lost.reference);
    },
  });

  it('end the Trial with ImageNotFound and their name, and no Job is made', async () => {
    await absent.fails('ImageNotFound', /debian:no-such-tag/);
    expect(absent.jobs).to.deep.equal([]);
  });

  it('end it with ImageNotFound where the name is none', () =>
    impossible.fails('ImageNotFound', /NOT A NAME/));

  it('end it with ImagePullFailed where the registry has the manifest but not the layers', async () => {
    await unpullable.fails('ImagePullFailed');
  });

  it('end it likewise where they are the verifier’s: what the agent did is stored, and no attempt follows', async () => {
    const done = await unjudged.fails('ImagePullFailed', /container verifier did not start within 45 s/);
    expect(done.status?.attempts).to.have.length(1);
    expect(conditionOf(done, 'AgentFinished')?.status).to.equal('True');
    expect(conditionOf(done, 'Uploaded')?.status).to.equal('True');
  });
});

/** What the operator's image says of a program of its own: whether V8 refuses its code, who owns that, and who may do what with it. */
const SAYS = (program: string): string => `
  const { uid, mode } = fs.statSync('/app/${program}.code');
  const { cachedDataRejected } = require('/app/start.js').scriptOf('${program}');
  JSON.stringify({ cachedDataRejected, uid, mode: (mode & 0o777).toString(8) })`;

describe('the image of the operator', () => {
  for (const program of ['operator', 'courier'])
    it(`has what V8 compiled of the ${program}, and V8 takes it`, async () => {
      const flags = program === 'courier' ? ['--max-semi-space-size=1', '--no-turbofan'] : V8_FLAGS;
      const pod = ['-n', OPERATOR.namespace, `statefulset/${OPERATOR.name}`, '-c', CONTAINER];
      const said = await kubectlOk(['exec', ...pod, '--', 'node', ...flags, '-p', SAYS(program)]);
      expect(JSON.parse(said)).to.deep.equal({ cachedDataRejected: false, uid: 0, mode: '644' });
    });
});
