/** What happens inside the cluster of an installation on AWS. */
import type { ClusterPart } from '../steps.ts';
import { running } from './clear.ts';
import { imagesStep, toolImages, type ImagesOptions } from './images.ts';
import { kubeconfigStep } from './kubeconfig-step.ts';
import { labelsOfNodes, limitsOfPools, logsStep, nodesStep } from './nodes.ts';
import { operatorStep } from './operator.ts';

/** The kubeconfig is first, and so the last to go: whoever looks why a step does not end needs it. */
export const clusterPart = (
  options: ImagesOptions & { gpus?: number | undefined },
  images = toolImages(options),
): ClusterPart => ({
  steps: [
    kubeconfigStep(),
    imagesStep(options, images),
    operatorStep({ version: options.version, images }),
    nodesStep(images, options.gpus),
    logsStep(images),
  ],
  running,
  nodes: labelsOfNodes,
  pools: limitsOfPools,
});
