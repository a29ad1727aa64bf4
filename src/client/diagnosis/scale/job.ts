/** The Pods of `sb doctor --scale-test`: one Job, whose end the cluster itself sees to, whatever becomes of whoever made it. */
import type { Job } from '../../../kube/kinds.ts';
import { requestsOfTrial } from '../doctor/room.ts';

/** A Job is gone so long after it began at the latest. */
export const LIFE_SECONDS = 30 * 60;

/** No label of ours: those are the operator's, and admission keeps them for it. */
export const SCALE_LABELS = { 'app.kubernetes.io/name': 'sb-scale-test' } as const;

export interface ScaleJob {
  name: string;
  namespace: string;
  pods: number;
  /** One that the nodes can pull, with Node.js. */
  image: string;
}

/** Each Pod asks for as much as that of a default Trial, and does nothing. */
export function scaleJob({ name, namespace, pods, image }: ScaleJob): Job {
  const { cpu, memory, 'ephemeral-storage': storage } = requestsOfTrial();
  const requests = {
    cpu: `${Math.ceil(cpu * 1000)}m`,
    memory: String(Math.ceil(memory)),
    'ephemeral-storage': String(Math.ceil(storage)),
  };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, namespace, labels: SCALE_LABELS },
    spec: {
      parallelism: pods,
      completions: pods,
      // A laptop may be lost before it deletes the Job.
      activeDeadlineSeconds: LIFE_SECONDS,
      ttlSecondsAfterFinished: 0,
      backoffLimit: 1000,
      template: {
        metadata: { labels: SCALE_LABELS },
        spec: {
          restartPolicy: 'OnFailure',
          terminationGracePeriodSeconds: 0,
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          securityContext: {
            runAsNonRoot: true,
            runAsUser: 65_532,
            runAsGroup: 65_532,
            seccompProfile: { type: 'RuntimeDefault' },
          },
          containers: [
            {
              name: 'nothing',
              image,
              command: ['node', '-e', `setTimeout(() => {}, ${LIFE_SECONDS}_000)`],
              resources: { requests, limits: { memory: requests.memory } },
              securityContext: {
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities: { drop: ['ALL'] },
              },
            },
          ],
        },
      },
    },
  };
}
