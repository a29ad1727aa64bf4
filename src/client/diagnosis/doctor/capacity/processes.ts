import { isForbidden } from '../../../../kube/errors.ts';
import { Node } from '../../../../kube/kinds.ts';
import { fine, skipped, warning, type Check, type Found, type Patient } from '../check-result.ts';

/** Kubelets that are asked: each is a call through the API server, and nodes of a pool are alike. */
const ASKED_MAX = 10;

/** What a kubelet says of its configuration, as far as it is looked at. */
interface Configuration {
  kubeletconfig?: { podPidsLimit?: number };
}

/** How many processes a Pod may have, by node; the kubelet’s word for no limit is -1. */
function judgeProcesses(limits: ReadonlyMap<string, number>): Found {
  const open = [...limits].filter(([, limit]) => limit <= 0).map(([name]) => name);
  if (open.length === 0)
    return fine(
      `a Pod may have ${Math.max(...limits.values())} processes at most on ${limits.size} nodes that were asked`,
    );
  return warning(
    `a Pod may have any number of processes on node ${open.join(', ')}`,
    'an agent that starts processes without end takes the node’s process numbers, and what else runs there with it',
    'set podPidsLimit in the configuration of the kubelets that run Trials, for example to 16384',
  );
}

/** Looks at what the kubelets limit Pods to: Kubernetes has no field for it in a Pod. */
export const processes: Check<Patient> = {
  name: 'processes',
  subject: 'the limit of processes',
  async run({ session: { kube } }) {
    const asked = (await kube.list(Node)).slice(0, ASKED_MAX).map(({ metadata }) => metadata.name);
    if (asked.length === 0) return [];
    try {
      const limits = asked.map(async (name): Promise<[string, number]> => {
        const answer = await kube.raw(`/api/v1/nodes/${encodeURIComponent(name)}/proxy/configz`);
        return [name, (answer as Configuration).kubeletconfig?.podPidsLimit ?? -1];
      });
      return [judgeProcesses(new Map(await Promise.all(limits)))];
    } catch (error) {
      if (isForbidden(error))
        return [skipped('the limit of processes cannot be seen', 'it needs the right to get nodes/proxy')];
      throw error;
    }
  },
};
