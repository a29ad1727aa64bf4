/** The step that lets kubectl, and `sb` itself, into the cluster. */
import type { CloudStep } from '../steps.ts';
import {
  changeKubeconfig,
  contextOf,
  hasContext,
  isOwn,
  kubeconfigHere,
  withContext,
  withoutContext,
} from './kubeconfig.ts';

export const kubeconfigStep = (): CloudStep => ({
  name: 'kubeconfig',
  shows: () => ['a context in your kubeconfig'],
  async isDone(cloud) {
    const address = await cloud.cluster();
    if (!address) return false;
    return hasContext(await kubeconfigHere(cloud), contextOf(cloud, address));
  },
  async make(cloud) {
    const address = await cloud.cluster();
    if (!address) return;
    const context = contextOf(cloud, address);
    const file = await changeKubeconfig(cloud, (document) => withContext(document, context));
    cloud.say(`kubeconfig: ${file} has the context ${context.name}`);
  },
  async remove(cloud) {
    const address = await cloud.cluster();
    if (!address) return;
    const context = contextOf(cloud, address);
    if (isOwn(await kubeconfigHere(cloud), context))
      await changeKubeconfig(cloud, (document) => withoutContext(document, context.name));
  },
});
