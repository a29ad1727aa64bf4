/** What goes wrong in the cluster. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { api, lives, waiting, type Fault } from './fault.ts';
import { POOL, put } from '../living-cluster.ts';

export const IN_CLUSTER: readonly Fault[] = [
  // In the cluster.
  ...(
    [
      ['an API server that does not know the caller', 401, 'SB-E005', /./],
      ['a caller who may change nothing in the cluster', 403, 'SB-E017', /Forbidden/],
      ['an API server that is not up yet', 503, 'SB-E016', /ServiceUnavailable.*retry/s],
    ] as const
  ).map(([what, status, code, says]): Fault => ({
    what,
    fault: api({ on: ({ method }) => method === 'PATCH', fault: { kind: 'status', status } }),
    code,
    says,
    inside: true,
  })),
  {
    what: 'CRDs that are never served',
    fault: lives({ served: false }),
    code: 'SB-E133',
    says: /CRDs: 0 of 3 are served, a minute after.*kubectl get crds/s,
    inside: true,
  },
  {
    what: 'an operator whose image cannot be pulled',
    fault: lives(waiting('InvalidImageName', 'couldn’t parse image name')),
    code: 'SB-E133',
    says: /InvalidImageName.*kubectl/s,
    inside: true,
  },
  {
    what: 'an operator that ends again and again',
    fault: lives({
      ready: 0,
      pod: {
        spec: { containers: [{ name: 'operator' }] },
        status: {
          phase: 'Running',
          conditions: [{ type: 'PodScheduled', status: 'True' }],
          containerStatuses: [
            {
              name: 'operator',
              restartCount: 3,
              state: { running: {} },
              lastState: { terminated: { exitCode: 1, reason: 'Error' } },
            },
          ],
        },
      },
    }),
    code: 'SB-E133',
    says: /it has ended 3 times, at last with exit code 1/,
    inside: true,
  },
  {
    what: 'a policy of the cluster that refuses the operator’s Pods',
    fault: lives({ ready: 0, refused: 'pods "sb-operator-1" is forbidden: exceeded quota: small' }),
    code: 'SB-E133',
    says: /operator: 0 of 2 replicas are ready; pods .* is forbidden: exceeded quota: small/,
    inside: true,
  },
  {
    what: 'a kubeconfig that is none',
    fault: async (w) => {
      const file = join(w.home.path, 'kubeconfig');
      await writeFile(file, '- no\n- kubeconfig\n');
      return () => writeFile(file, '');
    },
    code: 'SB-E002',
    says: /KUBECONFIG=<file>/,
    inside: true,
  },
  {
    what: 'a NodePool that its finalizer keeps',
    on: 'down',
    fault: ({ server }) => {
      const finalizers = ['karpenter.sh/termination'];
      const pools = server.collection(POOL);
      pools.delete('', 'sb-trials');
      put(server, POOL, { metadata: { name: 'sb-trials', finalizers } });
      return () => pools.update({ ...pools.get('', 'sb-trials'), metadata: { name: 'sb-trials' } }, 'main');
    },
    code: 'SB-E131',
    says: /1 node of Trials to go: sb-trials.*kubectl describe nodepools/s,
    inside: true,
  },
];
