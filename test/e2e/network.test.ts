import { expect } from 'chai';
import { LABEL, networkPolicyName, NETWORKS } from '../../src/crds/names.ts';
import { BROKER, METRICS_PORT, OPERATOR, OPERATOR_SELECTOR } from '../../src/installation/names.ts';
import { NetworkPolicy, Pod } from '../../src/kube/kinds.ts';
import { kubectlOk } from '../support/cluster.ts';
import { eventually, eventuallyTrue } from '../support/eventually.ts';
import { docker } from './cluster/index.ts';
import { hold, type Story } from './support/story.ts';
import { ownTrial } from './support/stories.ts';
import { endHosts, OUTSIDE, playHosts } from './support/addresses.ts';
import { world } from './support/world.ts';

/** Serves connections on port 8000, in any image with Perl. */
const LISTENER =
  "perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(Listen => 9, LocalPort => 8000, ReuseAddr => 1) or die; while ($c = $s->accept) { close $c }'";

/** A stand-in for a cloud's metadata, and one for a host of the internet. */
const { metadata: METADATA, trials: INTERNET } = OUTSIDE;
const KUBELET = 10_250;

type Key = { namespace: string; name: string };

/** Whether a connection is made within three seconds, from a container with bash. */
async function reaches({ namespace, name }: Key, target: string): Promise<boolean> {
  const [host, port] = [target.slice(0, target.lastIndexOf(':')), target.slice(target.lastIndexOf(':') + 1)];
  const script = `timeout 3 bash -c '< /dev/tcp/${host}/${port}' 2> /dev/null && echo open || echo closed`;
  return (await kubectlOk(['exec', '-n', namespace, name, '--', 'bash', '-c', script])).trim() === 'open';
}

const ipOf = async (key: Key): Promise<string> =>
  eventually(`an address of Pod ${key.name}`, async () => (await world().kube.get(Pod, key))?.status?.podIP);

const jsonpath = (args: string[], path: string): Promise<string> =>
  kubectlOk(['get', ...args, '-o', `jsonpath=${path}`]);

/** Of the container beside the cluster, which Pods without names cannot ask for. */
const storeAddress = async (): Promise<string> =>
  (await docker(['inspect', '-f', '{{.NetworkSettings.Networks.kind.IPAddress}}', 'sb-s3'])).trim();

const METRICS = 'the operator’s metrics';

/** Everything of the cluster that a Trial must not reach, by what it is. */
async function closedTargets(neighbour: Key): Promise<Record<string, string>> {
  const internal = '{.items[*].status.addresses[?(@.type=="InternalIP")].address}';
  const [addresses, apiServer, operator] = await Promise.all([
    jsonpath(['nodes'], internal),
    jsonpath(['service', 'kubernetes', '-n', 'default'], '{.spec.clusterIP}'),
    jsonpath(['pods', '-n', OPERATOR.namespace, '-l', OPERATOR_SELECTOR], '{.items[0].status.podIP}'),
  ]);
  const [first = '', ...others] = addresses.split(' ');
  return {
    'the API server’s Service': `${apiServer}:443`,
    'the API server’s node': `${first}:6443`,
    ...Object.fromEntries([first, ...others].map((node) => [`the kubelet of ${node}`, `${node}:${KUBELET}`])),
    'another Pod': `${await ipOf(neighbour)}:8000`,
    [METRICS]: `${operator}:${METRICS_PORT}`,
    'the port that tries whether this holds': `${operator}:${BROKER.probePort}`,
    'the registry': 'sb-registry:5000',
    'the builder': 'sb-buildkit:1234',
    'the metadata of a cloud': `${METADATA}:${KUBELET}`,
  };
}

/** What nothing answers at here; nothing is to be reached there all the same. */
const SILENT = ['169.254.170.23:80', 'fd00:ec2::254:80', 'fd00:ec2::23:80'];

describe('the network of a Trial', () => {
  let namespace: string;
  let neighbour: Key;
  let closed: Record<string, string>;

  before(async function () {
    this.timeout(120_000);
    namespace = await world().makeNamespace();
    neighbour = { namespace, name: 'neighbour' };
    await kubectlOk([
      'run',
      neighbour.name,
      '-n',
      namespace,
      '--image=debian:bookworm-slim',
      '--command',
      '--',
      'sh',
      '-c',
      LISTENER,
    ]);
    await playHosts(METADATA, INTERNET);
    await kubectlOk([
      'wait',
      '-n',
      namespace,
      '--for=condition=Ready',
      `pod/${neighbour.name}`,
      '--timeout=60s',
    ]);
    closed = await closedTargets(neighbour);
  });

  after(async function () {
    this.timeout(60_000);
    await endHosts(METADATA, INTERNET);
  });

  /** The Pod of a Trial that waits, once the policy holds for it. */
  async function heldPod(story: Story): Promise<Key> {
    const { metadata } = await story.running();
    const key = { namespace, name: metadata.name };
    const apiServer = closed['the API server’s Service'] ?? '';
    await eventuallyTrue('its policy holds', async () => !(await reaches(key, apiServer)), 30);
    return key;
  }

  async function openOf(from: Key, targets: Record<string, string>): Promise<string[]> {
    const tried = Object.entries(targets).map(async ([what, target]) =>
      (await reaches(from, target)) ? [what] : [],
    );
    return (await Promise.all(tried)).flat();
  }

  it('is in nobody’s way but a Trial’s', async () => {
    const { [METRICS]: _, ...others } = closed;
    expect(await openOf(neighbour, others)).to.deep.equal(Object.keys(others));
    expect(await reaches(neighbour, `${INTERNET}:${KUBELET}`)).to.equal(true);
  });

  it('is beside that of the operator, whose metrics only namespaces with a label may read', async () => {
    const reads = () => reaches(neighbour, closed[METRICS] ?? '');
    expect(await reads()).to.equal(false);
    await kubectlOk(['label', 'namespace', namespace, 'metrics=enabled']);
    await eventuallyTrue('the label opens them', reads, 30);
    await kubectlOk(['label', 'namespace', namespace, 'metrics-']);
    await eventuallyTrue('they are closed again', async () => !(await reads()), 30);
  });

  it('that is public has the internet, names, the store and the broker, and nothing else of the cluster', async () => {
    const story = ownTrial('public', { agent: `${LISTENER} &\n${hold('work')}` }, namespace);
    await story.reaches('work');
    const pod = await heldPod(story);
    expect(await openOf(pod, closed)).to.deep.equal([]);
    expect((await Promise.all(SILENT.map((target) => reaches(pod, target)))).some(Boolean)).to.equal(false);
    const open = {
      'a host of the internet': `${INTERNET}:${KUBELET}`,
      'the store': 'sb-s3:7070',
      'the broker': `${BROKER.service}.${OPERATOR.namespace}.svc:${BROKER.port}`,
    };
    expect(await openOf(pod, open)).to.deep.equal(Object.keys(open));
    // Nothing comes in either, though something listens.
    expect(await reaches(pod, '127.0.0.1:8000')).to.equal(true);
    expect(await reaches(neighbour, `${await ipOf(pod)}:8000`)).to.equal(false);
    await story.release('work');
    await story.earns(1);
  });

  it('that is restricted reaches the broker’s port and nothing else', async () => {
    const network = { mode: 'None' as const };
    const story = ownTrial(
      'restricted',
      { agent: hold('work'), spec: { environment: { network } } },
      namespace,
    );
    const pod = await heldPod(story);
    const service = ['service', BROKER.service, '-n', OPERATOR.namespace];
    const broker = await jsonpath(service, '{.spec.clusterIP}');
    const others = {
      ...closed,
      'a host of the internet': `${INTERNET}:${KUBELET}`,
      'the store': `${await storeAddress()}:7070`,
      'the broker’s other port': `${broker}:${BROKER.probePort}`,
    };
    expect(await openOf(pod, others)).to.deep.equal([]);
    expect(await reaches(pod, `${broker}:${BROKER.port}`)).to.equal(true);
    await story.change({ cancel: true });
  });

  it('has policies that come back as they were when somebody changes or deletes them', async () => {
    const names = NETWORKS.map(networkPolicyName);
    const specs = () =>
      Promise.all(
        names.map(async (name) => (await world().kube.get(NetworkPolicy, { namespace, name }))?.spec),
      );
    const before = await specs();
    expect(before).not.to.include(undefined);
    const areBack = async (): Promise<boolean> => JSON.stringify(await specs()) === JSON.stringify(before);
    await kubectlOk(['delete', 'networkpolicy', '-n', namespace, ...names]);
    await eventuallyTrue('both are back', areBack, 20);
    const open = JSON.stringify({ spec: { egress: [{}] } });
    await kubectlOk(['patch', 'networkpolicy', '-n', namespace, names[0] ?? '', '--type=merge', '-p', open]);
    await eventuallyTrue('it is as it was', areBack, 20);
    await kubectlOk(['label', 'networkpolicy', '-n', namespace, names[1] ?? '', `${LABEL.network}-`]);
    await kubectlOk(['patch', 'networkpolicy', '-n', namespace, names[1] ?? '', '--type=merge', '-p', open]);
    await eventuallyTrue('it is found again', areBack, 20);
  });
});
