import { expect } from 'chai';
import type { TrialSpec } from '../../../src/crds/trial.ts';
import { FORWARDER_PORT } from '../../../src/wire/tunnel.ts';
import { kubectlOk } from '../../support/cluster.ts';
import { ownTrial } from '../support/stories.ts';
import type { Story, StoryOptions } from '../support/story.ts';
import { rewardIf } from '../support/task.ts';
import { endHosts, OUTSIDE, playHosts } from '../support/addresses.ts';
import { world } from '../support/world.ts';

const [ALLOWED, OTHER] = OUTSIDE.tunnels;
const KUBELET = 10_250;

/** Shell: appends to /tmp/said what the courier's proxy answers to a CONNECT. */
const asking = (target: string): string =>
  `timeout 20 bash -c 'exec 3<>/dev/tcp/127.0.0.1/${FORWARDER_PORT} && printf "CONNECT ${target} HTTP/1.1\\r\\n\\r\\n" >&3 && head -n 1 <&3' >> /tmp/said 2>&1`;

/** The same for what comes of a connection past the proxy. */
const past = (host: string, port: number | string): string =>
  `(timeout 3 bash -c '< /dev/tcp/${host}/${port}' 2> /dev/null && echo open || echo closed) >> /tmp/said`;

const VARIABLES = 'env | grep -ciE "^https?_proxy=" >> /tmp/said';
/** Reward 1 where /tmp/said is these lines, each a pattern. */
const saidIs = (...lines: string[]): string =>
  `cp /tmp/said /logs/verifier/said; printf '%s\\n' ${lines.map((line) => `'${line}'`).join(' ')} > /tmp/expected\n` +
  rewardIf(
    `[ $(wc -l < /tmp/said) = ${lines.length} ] && paste -d '\\t' /tmp/said /tmp/expected | (while IFS="$(printf '\\t')" read -r said pattern; do echo "$said" | grep -qE -- "$pattern" || exit 1; done)`,
  );

describe('the tunnels of a Trial', () => {
  let namespace: string;

  before(async function () {
    this.timeout(120_000);
    namespace = await world().makeNamespace();
    await playHosts(ALLOWED, OTHER);
  });

  after(async function () {
    this.timeout(60_000);
    await endHosts(ALLOWED, OTHER);
  });

  const restricted = (
    name: string,
    network: Partial<TrialSpec['environment']['network']>,
    options: StoryOptions,
  ): Story => ownTrial(name, { ...options, spec: { environment: { network } } }, namespace);

  it('are none for an agent without a network, and yet its task comes and its results are stored', async () => {
    const story = restricted(
      'tunnel-none',
      { mode: 'None', enforcement: 'Required' },
      {
        agent: [VARIABLES, asking(`${ALLOWED}:${KUBELET}`), past(ALLOWED, KUBELET)].join('\n'),
        tests: saidIs('^0$', '^HTTP/1.1 403 the phase agent has no network', '^closed$'),
      },
    );
    const { status } = await story.earns(1, 120);
    expect(story.condition('NetworkRestricted')).to.deep.include({
      status: 'True',
      reason: 'PolicyEnforced',
    });
    expect(story.condition('Uploaded')?.status).to.equal('True');
    expect(status?.attempts).to.have.length(1);
  });

  it('lead to the hosts of its list and to no other, and to nothing of the cluster', async () => {
    const apiServer = await kubectlOk([
      'get',
      'service',
      'kubernetes',
      '-n',
      'default',
      '-o',
      'jsonpath={.spec.clusterIP}',
    ]);
    const story = restricted(
      'tunnel-list',
      { mode: 'Allowlist', allowedHosts: [ALLOWED, apiServer], enforcement: 'Required' },
      {
        agent: [
          VARIABLES,
          asking(`${ALLOWED}:${KUBELET}`),
          asking(`${OTHER}:${KUBELET}`),
          asking(`${apiServer}:443`),
          asking('169.254.169.254:80'),
          past(ALLOWED, KUBELET),
          past(apiServer, 443),
        ].join('\n'),
        tests: saidIs(
          '^4$',
          '^HTTP/1.1 200 ',
          `^HTTP/1.1 403 .*${OTHER}`,
          '^HTTP/1.1 403 ',
          '^HTTP/1.1 403 ',
          '^closed$',
          '^closed$',
        ),
      },
    );
    await story.earns(1, 120);
  });

  it('show nobody in the Pod a token for the broker', async () => {
    const story = restricted(
      'tunnel-token',
      { mode: 'Allowlist', allowedHosts: [ALLOWED] },
      {
        agent: [
          asking(`${ALLOWED}:${KUBELET}`),
          'cat /proc/*/environ /proc/net/* 2> /dev/null | grep -c "eyJ" >> /tmp/said',
          'ls /var/run/secrets/sb-broker >> /tmp/said 2> /dev/null; true',
        ].join('\n'),
        tests: saidIs('^HTTP/1.1 200 ', '^0$'),
      },
    );
    await story.earns(1, 120);
  });
});
