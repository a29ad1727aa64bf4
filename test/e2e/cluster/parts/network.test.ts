import { expect } from 'chai';
import { nodeScript } from './network.ts';

describe('the set-up of a node', () => {
  const node = { name: 'a', address: '10.0.0.1', podCidr: '10.244.0.0/24' };
  const other = { name: 'b', address: '10.0.0.2', podCidr: '10.244.1.0/24' };

  it('gives a made node a bridge for its own pods and a route to the others', () => {
    const script = nodeScript(node, [node, other], 'made');
    expect(script).to.contain('"subnet":"10.244.0.0/24"');
    expect(script).to.contain('ip route replace 10.244.1.0/24 via 10.0.0.2');
    expect(script).not.to.contain('via 10.0.0.1');
    for (const { podCidr } of [node, other])
      expect(script).to.contain(`iptables -t nat -A SB-PODS -d ${podCidr} -j RETURN`);
  });

  it('leaves the network of a pulled node to kindnet, and still gives it the mirrors', () => {
    const script = nodeScript(node, [node, other], 'pulled');
    expect(script).to.contain('/etc/containerd/certs.d/docker.io/hosts.toml');
    expect(script).not.to.contain('ip route');
  });
});
