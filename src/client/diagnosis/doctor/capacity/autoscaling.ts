import { LABEL } from '../../../../crds/names.ts';
import { Pod } from '../../../../kube/kinds.ts';
import type { Check, Patient } from '../check-result.ts';
import { autoscalerOf } from './karpenter.ts';
import { judgeAutoscaling, waitingOf } from './waiting.ts';

/** Pods of Trials and builds in the session's namespace. */
export const autoscaling: Check<Patient> = {
  name: 'autoscaling',
  subject: 'what adds nodes',
  async run({ session: { kube, namespace, now } }) {
    const pending = { namespace, fieldSelector: 'status.phase=Pending' };
    const [trials, builds, autoscaler] = await Promise.all([
      kube.list(Pod, { ...pending, labelSelector: LABEL.trial }),
      kube.list(Pod, { ...pending, labelSelector: LABEL.taskBuild }),
      autoscalerOf(kube),
    ]);
    return judgeAutoscaling(waitingOf([...trials, ...builds], now()), autoscaler);
  },
};
