import { expect } from 'chai';
import { Pod } from '../../../src/kube/kinds.ts';
import { storedJson, storedText } from '../support/stored.ts';
import { trial } from '../support/stories.ts';
import { rewardIf } from '../support/task.ts';
import { eventuallyTrue } from '../../support/eventually.ts';
import { world } from '../support/world.ts';

const FILE = 'environment__docker-compose.yaml';
const IMAGE = 'debian:bookworm-slim';

/** Answers each connection with a line, and dies of the word `die`. */
const SERVER = `use IO::Socket::INET; $SIG{PIPE} = "IGNORE";
my $server = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => 7777, Listen => 5, ReuseAddr => 1) or die;
print "listening\\n";
while (my $client = $server->accept) { my $word = <$client>; exit 3 if $word =~ /die/; print $client "heard $word"; close $client; }
`;

const SERVICES = `services:
  main:
    volumes: ["shared:/shared"]
    depends_on: { side: { condition: service_healthy } }
  side:
    image: ${IMAGE}
    command: [perl, /srv/server.pl]
    hostname: sideboard
    restart: on-failure
    environment: { GREETING: "$GREETING" }
    volumes: ["./server.pl:/srv/server.pl:ro", "shared:/shared"]
    tmpfs: /fast
    healthcheck: { test: [CMD, bash, -c, "exec 3<>/dev/tcp/side/7777"], interval: 1s }
    depends_on: { first: { condition: service_completed_successfully } }
  first:
    image: ${IMAGE}
    command: [bash, -c, "echo first > /shared/first"]
    volumes: ["shared:/shared"]
volumes: { shared: }
`;

/** Says a word to a service, and what that answers. */
const ask = (word: string, host = 'side'): string =>
  `$(bash -c 'exec 3<>/dev/tcp/${host}/7777; echo ${word} >&3; cat <&3')`;

describe('a task with services', () => {
  const whole = trial('compose-whole', {
    toml: `artifacts = [{ source = "/fast/dump", service = "side" }]
[environment.env]
GREETING = "hello"
[[verifier.collect]]
command = "echo $GREETING > /fast/dump; df -T /fast | tail -1 >> /fast/dump"
service = "side"
`,
    files: { [FILE]: SERVICES, 'environment__server.pl': SERVER },
    solution: `echo "${ask('agent', 'sideboard')}"; cat /shared/first; bash -c 'exec 3<>/dev/tcp/side/7777; echo die >&3'; sleep 3`,
    tests: rewardIf(`[ "${ask('verifier')}" = "heard verifier" ]`),
  });
  const failing = trial('compose-failing', {
    files: { [FILE]: `services: { side: { image: "${IMAGE}", command: [bash, -c, "exit 7"] } }\n` },
  });
  const refused = trial('compose-refused', {
    files: {
      [FILE]: `services: { side: { image: "${IMAGE}", privileged: true, network_mode: host } }\n`,
    },
  });

  it('reaches them by name, from agent and verifier, and starts again what fails', async () => {
    const done = await whole.earns(1);
    expect(await storedText(done, 'agent/oracle.txt')).to.equal('heard agent\nfirst\n');
    expect(await storedText(done, 'trial.log')).to.match(
      /service side ended with exit code 3 and is started again/,
    );
  });

  it('keeps what hooks have left in them, and says whose it is', async () => {
    const done = await whole.earns(1);
    expect(await storedText(done, 'output/fast/dump')).to.match(/^hello\n.* tmpfs /);
    const entries = await storedJson<{ source: string; service: string | null; status: string }[]>(
      done,
      'output/manifest.json',
    );
    expect(entries.map(({ source, service, status }) => [source, service, status])).to.deep.include([
      '/fast/dump',
      'side',
      'ok',
    ]);
  });

  it('has them in containers of its Pod, which ends with them', async () => {
    const { metadata, status } = await whole.earns(1);
    const key = { namespace: metadata.namespace ?? '', name: status?.podName ?? '' };
    const pod = await world().kube.get(Pod, key);
    const names = pod?.spec?.initContainers?.map(({ name }) => name);
    // What fills a volume is an init container before all services.
    expect(names).to.deep.equal(['courier', 'fill-first', 'service-first', 'service-side']);
    const hasEnded = async (): Promise<boolean> =>
      (await world().kube.get(Pod, key))?.status?.phase === 'Succeeded';
    await eventuallyTrue('the Pod has ended with its services', hasEnded, 30);
  });

  it('fails where a service cannot be had, and says which', async () => {
    const done = await failing.fails('HealthcheckFailed');
    expect(done.status?.exception?.message).to.match(/service side ended with exit code 7/);
  });

  it('is refused with every construct that does not map', async () => {
    const done = await refused.fails('TaskUnsupported');
    const [condition] = (done.status?.conditions ?? []).filter(({ type }) => type === 'Succeeded');
    expect(condition?.message).to.match(/services\.side\.privileged: .*; .*services\.side\.network_mode: /);
  });
});
