import { expect } from 'chai';
import { tmpdir } from 'node:os';
import { attachSandbox } from '../../src/client/index.ts';
import { NetworkPolicy, Pod } from '../../src/kube/kinds.ts';
import { SANDBOX_PORT, TRIAL_ENTRY_PORT } from '../../src/wire/sandbox/names.ts';
import { kubectlOk } from '../support/cluster.ts';
import { eventually, eventuallyTrue } from '../support/eventually.ts';
import { becomes, small, userSession } from './support/sandboxes.ts';
import { startSb } from './support/sb.ts';
import { hold, Story } from './support/story.ts';
import { rewardIf } from './support/task.ts';
import { world } from './support/world.ts';

const HELD = 300;

/** Holds connections on which it says nothing, opens another for each that is lost, and says how many it has opened. */
const SIEGE = `
use IO::Socket::INET; use IO::Select;
my ($ip, $port) = @ARGV; my $held = IO::Select->new; my $opened = 0; $| = 1;
while (1) {
  while ($held->count < ${HELD}) {
    my $one = IO::Socket::INET->new(PeerAddr => $ip, PeerPort => $port, Timeout => 2) or last;
    $held->add($one); $opened++;
  }
  for my $one ($held->can_read(0.05)) { $held->remove($one); close $one }
  print "opened $opened\\n";
}`;

describe('a Pod next door that holds the door of another, where no policy closes it', function () {
  this.timeout(300_000);
  let namespace: string;

  before(async () => {
    namespace = await world().makeNamespace();
    // Policies add up: with this one, what ours close is open.
    await world().kube.create(NetworkPolicy, {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { namespace, name: 'open' },
      spec: { podSelector: {}, policyTypes: ['Ingress'], ingress: [{}] },
    });
  });

  /** Resolves once the neighbour has opened more connections than any door has places. */
  async function besiege(name: string, { status }: Pod, port: number): Promise<void> {
    const target = [status?.podIP ?? '', String(port)];
    const image = '--image=debian:bookworm-slim';
    await kubectlOk(['run', name, '-n', namespace, image, '--command', '--', 'perl', '-e', SIEGE, ...target]);
    await eventuallyTrue(
      `${name} has opened them`,
      async () => {
        const log = await kubectlOk(['logs', '-n', namespace, name, '--tail=1']).catch(() => '');
        return Number(/opened (\d+)/.exec(log)?.[1]) >= 2 * HELD;
      },
      90,
    );
  }

  const endSiege = (name: string): Promise<string> =>
    kubectlOk(['delete', 'pod', name, '-n', namespace, '--grace-period=0', '--force']);

  it('keeps nobody from a Trial who may enter it, and the Trial goes on', async () => {
    const files = { agent: hold('agent'), tests: rewardIf('[ -e /tmp/from-outside ]') };
    const story = new Story('besieged', files, namespace);
    await story.reaches('agent');
    await besiege('at-a-trial', await story.running(), TRIAL_ENTRY_PORT);
    const args = ['trial', 'debug', story.name, '--', 'touch', '/tmp/from-outside'];
    const { code, stderr } = await startSb(args, { cwd: tmpdir(), namespace }).end;
    expect(code, stderr).to.equal(0);
    await story.release('agent');
    await story.earns(1);
    await endSiege('at-a-trial');
  });

  it('keeps nobody from a Sandbox who may use it', async () => {
    const [owner, other] = [userSession(namespace), userSession(namespace)];
    const sandbox = small(owner, 'besieged-box');
    try {
      await sandbox.create();
      const { status } = await becomes('besieged-box', 'Ready', { namespace });
      const key = { namespace, name: status?.podName ?? '' };
      const pod = await eventually('its Pod', () => world().kube.get(Pod, key));
      await besiege('at-a-sandbox', pod, SANDBOX_PORT);
      expect((await sandbox.runCommand('echo in')).stdout).to.equal('in\n');
      const attached = attachSandbox(other, 'besieged-box');
      expect((await attached.runCommand('echo in, too')).stdout).to.equal('in, too\n');
      attached.close();
      await endSiege('at-a-sandbox');
    } finally {
      await sandbox.teardown();
      await Promise.all([owner.close(), other.close()]);
    }
  });
});
