import { ECR_HOST } from '../../../support/aws/facts.ts';
import { digest } from '../machine/paths.ts';
import { docker, kubectl, until } from '../machine/process.ts';
import type { Flavour } from '../images/flavour.ts';
import { nodes } from '../versions.ts';
import { inspect } from '../machine/containers.ts';

/** Registries whose images the nodes ask of the local one first, under their public names. */
export const mirroredHosts = ['docker.io', 'public.ecr.aws', ECR_HOST, 'localhost:5000', 'sb-registry:5000'];

// kind sends what asks its gateway for a name to the engine's DNS, by rules with that DNS's ports. An engine that was started again beside
// living nodes listens at other ports, for which it leaves rules of its own.
const namesScript = `set -e
host=$(sed -n 's/^nameserver //p' /etc/resolv.conf | head -1)
port_for() {
  iptables-save -t nat | sed -n "s/^-A DOCKER_OUTPUT -d $1\\/32 -p $2 .*--to-destination 127.0.0.11://p" | head -1
}
for protocol in tcp udp; do
  port=$(port_for 127.0.0.11 $protocol)
  if [ -z "$port" ] || [ "$port" = "$(port_for "$host" $protocol)" ]; then continue; fi
  iptables -t nat -I DOCKER_OUTPUT -d "$host" -p $protocol --dport 53 -j DNAT --to-destination "127.0.0.11:$port"
  iptables -t nat -I DOCKER_POSTROUTING -s 127.0.0.11 -p $protocol --sport "$port" -j SNAT --to-source "$host:53"
done
`;

/** Lets nodes and Pods find containers beside the cluster by their names again where the engine has crashed and come back. */
export async function ensureNames(): Promise<void> {
  await Promise.all(nodes.map((node) => docker(['exec', '-i', node, 'sh'], { input: namesScript })));
}

type Node = { name: string; address: string; podCidr: string };

/** Gives every node its mirrors and, where kindnet is absent, its pod network. What a node already has is left as it is. */
export async function ensurePodNetwork(flavour: Flavour, seconds: number): Promise<void> {
  const described = await describeNodes(flavour, seconds);
  await Promise.all(described.map((node) => configure(node, nodeScript(node, described, flavour))));
}

// The mark is in memory, as routes are: a node that was restarted has lost both.
async function configure(node: Node, script: string): Promise<void> {
  const mark = digest(script);
  const input = `[ "$(cat /run/sb-network 2>/dev/null)" = ${mark} ] && exit 0\nset -e\n${script}\nprintf %s ${mark} > /run/sb-network\n`;
  await docker(['exec', '-i', node.name, 'sh'], { input });
}

async function describeNodes(flavour: Flavour, seconds: number): Promise<Node[]> {
  return Promise.all(
    nodes.map(async (name) => {
      let podCidr = '';
      const address = (await inspect(name))?.address ?? '';
      if (flavour === 'pulled') return { name, address, podCidr };
      await until(`pod addresses of ${name}`, seconds, async () => {
        podCidr = await kubectl(['get', 'node', name, '-o', 'jsonpath={.spec.podCIDR}']).catch(() => '');
        return podCidr !== '';
      });
      return { name, address, podCidr };
    }),
  );
}

/** The shell script that sets up one node. */
export function nodeScript(node: Node, all: Node[], flavour: Flavour): string {
  const mirrors = mirroredHosts.map((host) =>
    writing(`/etc/containerd/certs.d/${host}/hosts.toml`, mirrorToml),
  );
  if (flavour === 'pulled') return mirrors.join('\n');
  const routes = all
    .filter((other) => other.name !== node.name)
    .map((other) => `ip route replace ${other.podCidr} via ${other.address}`);
  const network = writing('/etc/cni/net.d/10-pods.conflist', podNetwork(node.podCidr));
  return [...mirrors, ...routes, ...masquerade(node, all), network].join('\n');
}

/** What a Pod sends to another keeps its address, or no NetworkPolicy could tell from which Pod it came; all else has the node's. */
const masquerade = ({ podCidr }: Node, all: Node[]): string[] => [
  'iptables -t nat -N SB-PODS 2>/dev/null || iptables -t nat -F SB-PODS',
  ...all.map((node) => `iptables -t nat -A SB-PODS -d ${node.podCidr} -j RETURN`),
  'iptables -t nat -A SB-PODS -j MASQUERADE',
  `iptables -t nat -C POSTROUTING -s ${podCidr} -j SB-PODS 2>/dev/null || iptables -t nat -A POSTROUTING -s ${podCidr} -j SB-PODS`,
];

const mirrorToml = `[host."http://sb-registry:5000"]
  capabilities = ["pull", "resolve"]
`;

// One bridge a node and a route to the other node's pods: what kindnet does, without its image.
function podNetwork(subnet: string): string {
  const ipam = { type: 'host-local', ranges: [[{ subnet }]], routes: [{ dst: '0.0.0.0/0' }] };
  const bridge = { type: 'bridge', bridge: 'cni0', isGateway: true, hairpinMode: true, ipam };
  const portmap = { type: 'portmap', capabilities: { portMappings: true } };
  return JSON.stringify({ cniVersion: '0.4.0', name: 'pods', plugins: [bridge, portmap] });
}

function writing(path: string, content: string): string {
  return `mkdir -p "$(dirname ${path})" && cat > ${path} <<'CONTENT'\n${content}\nCONTENT`;
}
