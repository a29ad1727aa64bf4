/** What happens inside the cluster of an installation on AWS. */
import type { ClusterPart } from '../steps.ts';
import { running } from './clear.ts';
import { kubeconfigStep } from './kubeconfig-step.ts';
import { logsStep, nodesStep } from './nodes.ts';
import { operatorStep, type OperatorStep } from './operator.ts';

/** The kubeconfig is first, and so the last to go: whoever looks why a step does not end needs it. */
export const clusterPart = (options: OperatorStep): ClusterPart => ({
  steps: [kubeconfigStep(), operatorStep(options), nodesStep(options.images), logsStep(options.images)],
  running,
});
