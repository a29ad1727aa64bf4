/** The broker on a port of a node, so that the measuring process reaches it as a program in the cluster does: without the API server on the way. */
import { BROKER, OPERATOR, OPERATOR_SELECTOR } from '../../src/installation/names.ts';
import { kubectlOk } from '../../test/support/cluster.ts';

const NAME = 'sb-broker-direct';

export interface DirectBroker {
  url: string;
  remove(): Promise<unknown>;
}

export async function directBroker(): Promise<DirectBroker> {
  const inNamespace = ['-n', OPERATOR.namespace];
  const [key = '', value = ''] = OPERATOR_SELECTOR.split('=');
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: NAME },
    spec: {
      type: 'NodePort',
      selector: { [key]: value },
      ports: [{ port: BROKER.port, targetPort: BROKER.portName }],
    },
  };
  await kubectlOk([...inNamespace, 'apply', '-f', '-'], service);
  const port = await kubectlOk([
    ...inNamespace,
    'get',
    'service',
    NAME,
    '-o',
    'jsonpath={.spec.ports[0].nodePort}',
  ]);
  const address = '{.items[0].status.addresses[?(@.type=="InternalIP")].address}';
  const host = await kubectlOk(['get', 'nodes', '-o', `jsonpath=${address}`]);
  return {
    url: `https://${host}:${port}`,
    remove: () =>
      kubectlOk([...inNamespace, 'delete', 'service', NAME, '--ignore-not-found', '--wait=false']),
  };
}
