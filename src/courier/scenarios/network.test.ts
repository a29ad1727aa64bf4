import { expect } from 'chai';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { useCourierPorts } from '../../../test/support/courier-ports.ts';
import { TOKEN } from '../../../test/support/courier-services.ts';
import { until } from '../../../test/support/kube.ts';
import type { TrialRun } from '../../../test/support/trial-run.ts';
import { bash, custom, reward, REWARD_1, taskOf, useTrialRuns } from '../../../test/support/trial-scripts.ts';
import { FORWARDER_PORT } from '../../wire/tunnel.ts';

const PROXY = `http://127.0.0.1:${FORWARDER_PORT}`;
/** What an agent tries, so that its output says what came of it. */
const CURL = 'curl -sS --max-time 5 -w " %{http_code}\\n"';

describe('a Pod whose network is restricted', function () {
  useCourierPorts();
  const make = useTrialRuns();
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });
  const serve = async (server: Server): Promise<number> => {
    servers.push(server.listen(0, '127.0.0.1'));
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  /** Puts a server behind `files.test`, which remembers the requests that it saw. */
  const filesBehind = async ({ services }: TrialRun): Promise<string[]> => {
    const seen: string[] = [];
    const server = createHttpServer((request, response) => {
      seen.push([request.url, ...request.rawHeaders].join(' '));
      response.end(`file ${request.url}`);
    });
    services.tunnels.rules.hosts['files.test:80'] = await serve(server);
    return seen;
  };

  it('shows the way out to the commands of phases that have one', async () => {
    const own = 'env | grep -iE "^(http|https|all|no)_proxy=|^NODE_USE_ENV_PROXY=" | sort';
    const run = await make({
      files: taskOf([], [`(${own}) > /logs/verifier/env; true`, reward('true')]),
      pod: { env: { No_Proxy: 'own' } },
      assignment: {
        agent: custom(`${own} > /logs/agent/run; true`, {
          install: `${own} > /logs/agent/setup`,
          env: [{ name: 'http_proxy', value: 'http://mine' }],
        }),
        network: { phases: { environment: 'Public', agent: 'Allowlist', verifier: 'None' } },
      },
    });
    const outcome = await run.finish();
    expect(outcome.result, run.said()).to.deep.equal(REWARD_1);
    expect(outcome.network).to.deep.equal({ enforced: true });
    const ours = ['HTTPS_PROXY', 'https_proxy'].map((name) => `${name}=${PROXY}`);
    const all = ['NODE_USE_ENV_PROXY=1', 'No_Proxy=own', 'http_proxy=http://mine', ...ours].toSorted();
    for (const phase of ['setup', 'run'])
      expect(run.text(`agent/${phase}`).trim().split('\n').toSorted(), phase).to.deep.equal(all);
    expect(run.text('verifier/env')).to.equal('No_Proxy=own\n');
  });

  it('lets every phase reach what the broker lets it reach, and tells the others why not', async () => {
    const run = await make({
      files: taskOf([], [`${CURL} http://files.test/v > /logs/verifier/got`, reward('true')]),
      assignment: {
        agent: custom(
          `${CURL} http://files.test/a > /logs/agent/got; ${CURL} -x "" http://files.test/ 2>&1 | head -1`,
          {
            install: `${CURL} http://files.test/s > /logs/agent/setup`,
          },
        ),
        network: { phases: { environment: 'Public', agent: 'Allowlist', verifier: 'Public' } },
      },
    });
    const seen = await filesBehind(run);
    const refusal = { status: 403, error: 'files.test is not among the hosts of the phase agent' };
    run.services.tunnels.rules.refusal = ({ purpose }) =>
      purpose.kind === 'phase' && purpose.phase === 'agent' ? refusal : undefined;
    const outcome = await run.finish();
    expect(outcome.result, run.said()).to.deep.equal(REWARD_1);
    expect(run.text('agent/setup')).to.equal('file /s 200\n');
    expect(run.text('agent/got')).to.equal(`${refusal.error}\n 403\n`);
    expect(run.text('verifier/got')).to.equal('file /v 200\n');
    expect(seen.join('\n'))
      .to.match(/^\/s .*\n\/v /)
      .and.not.match(/token|authorization|sb-p/i);
    const phases = run.services.tunnels.asked.flatMap(({ purpose }) =>
      purpose.kind === 'phase' ? [purpose.phase] : [],
    );
    expect(phases).to.deep.equal(['environment', 'agent', 'verifier']);
  });

  it('cuts off what the setup left connected, and refuses it in the agent’s phase', async () => {
    const install = bash(
      '(',
      `exec 3<>/dev/tcp/127.0.0.1/${FORWARDER_PORT}`,
      "printf 'CONNECT held.test:7 HTTP/1.1\\r\\n\\r\\n' >&3",
      'head -c 12 <&3 > /tmp/held',
      'cat <&3 > /dev/null',
      // Between two phases nothing can be reached, either.
      `while ${CURL} http://files.test/ > /tmp/again 2>&1; grep -q '^no phase' /tmp/again; do sleep 0.1; done`,
      'touch /tmp/cut',
      ') &',
      'until [ -s /tmp/held ]; do sleep 0.1; done',
    );
    const run = await make({
      assignment: {
        agent: custom('until [ -e /tmp/cut ]; do sleep 0.1; done; cp /tmp/held /tmp/again /logs/agent/', {
          install,
          timeoutSeconds: 20,
        }),
        network: { phases: { environment: 'Public', agent: 'None', verifier: 'None' } },
      },
    });
    await filesBehind(run);
    run.services.tunnels.rules.hosts['held.test:7'] = await serve(createServer(() => {}));
    const outcome = await run.finish();
    expect(outcome.result, run.said()).to.deep.equal(REWARD_1);
    expect(run.text('agent/held')).to.equal('HTTP/1.1 200');
    expect(run.text('agent/again')).to.equal('the phase agent has no network\n 403\n');
    const left = [...run.services.tunnels.open.values()].filter(({ purpose }) => purpose.kind === 'phase');
    expect(left).to.deep.equal([]);
  });

  it('shows the courier’s token to nobody in it', async () => {
    const run = await make({
      files: taskOf([], [reward('true')]),
      assignment: {
        agent: custom(
          [
            `for url in http://files.test/ http://none.test/ ${PROXY}/ ; do ${CURL} -i $url; ${CURL} -ip $url; done > /logs/agent/all 2>&1`,
            'cat /proc/*/environ /proc/*/cmdline >> /logs/agent/all 2>/dev/null; true',
          ].join('\n'),
        ),
        network: { phases: { environment: 'Public', agent: 'Public', verifier: 'Public' } },
      },
    });
    const seen = await filesBehind(run);
    const outcome = await run.finish();
    expect(outcome.result, run.said()).to.deep.equal(REWARD_1);
    expect(seen).not.to.deep.equal([]);
    expect(seen.join('\n') + run.text('agent/all') + run.said()).not.to.include(TOKEN);
  });

  it('fetches the task and stores the results through tunnels alone', async () => {
    const run = await make({
      assignment: { network: { phases: { environment: 'None', agent: 'None', verifier: 'None' } } },
    });
    const outcome = await run.finish();
    expect(outcome.result, run.said()).to.deep.equal(REWARD_1);
    expect(run.manifest().files.length).to.be.greaterThan(2);
    const { asked } = run.services.tunnels;
    expect(asked.map(({ purpose }) => purpose.kind))
      .to.include('store')
      .and.not.include('phase');
    expect(asked.length).to.be.within(1, 17);
  });

  it('stores 200 MB without holding them', async () => {
    const run = await make({
      files: taskOf(
        ['for i in 1 2 3 4; do head -c 50000000 /dev/urandom > /logs/artifacts/$i; done'],
        [reward('true')],
      ),
      assignment: { network: { phases: { environment: 'None', agent: 'None', verifier: 'None' } } },
    });
    const finished = run.finish();
    await until('the agent', () => run.said().includes('agentExecution began'));
    const before = run.residentKiB();
    let peakKiB = 0;
    const watching = setInterval(() => (peakKiB = Math.max(peakKiB, run.residentKiB())), 20);
    const outcome = await finished;
    clearInterval(watching);
    expect(outcome.result, run.said()).to.deep.equal(REWARD_1);
    expect(outcome.stored?.bytes).to.be.greaterThan(200_000_000);
    expect(peakKiB - before, 'KiB more than before').to.be.below(100 * 1024);
  });

  it('runs no agent where the policy is required and not in force', async () => {
    const probe = createServer((socket) => void socket.on('error', () => {}).resume());
    const probePort = await serve(probe);
    const phases = { environment: 'Public', agent: 'None', verifier: 'None' } as const;
    const run = await make({ assignment: { network: { phases, probePort, enforcement: 'Required' } } });
    const outcome = await run.finish();
    expect(outcome.result).to.deep.include({ kind: 'failed', reason: 'PolicyNotEnforced' });
    expect(outcome.network).to.deep.equal({ enforced: false });
    expect(run.said()).not.to.include('agentSetup began');
    expect(run.storedOutcome().outcome.network).to.deep.equal({ enforced: false });
  });

  it('waits for a policy that comes late, and no longer', async () => {
    const probe = createServer((socket) => void socket.on('error', () => {}).resume());
    const probePort = await serve(probe);
    const phases = { environment: 'Public', agent: 'None', verifier: 'None' } as const;
    const run = await make({ assignment: { network: { phases, probePort, enforcement: 'Required' } } });
    const finished = run.finish();
    await until('the container', () => run.said().includes('assignment for attempt'));
    setTimeout(() => probe.close(), 1500);
    const outcome = await finished;
    expect(outcome.result, run.said()).to.deep.equal(REWARD_1);
    expect(outcome.network).to.deep.equal({ enforced: true });
  });
});
