/** Where and when the Pod of a Trial runs. */
import { atomicList, choice, objectName, stringMap, text, Type } from './schema.ts';

export const Scheduling = Type.Object(
  {
    nodeSelector: Type.Optional(stringMap(32, 63, 'Labels that the node must have.')),
    tolerations: Type.Optional(
      atomicList(
        Type.Object({
          key: Type.Optional(text(317, 'Key of the taint.')),
          operator: Type.Optional(choice(['Exists', 'Equal'], 'How value is compared.')),
          value: Type.Optional(text(63, 'Value of the taint.')),
          effect: Type.Optional(
            choice(['NoSchedule', 'PreferNoSchedule', 'NoExecute'], 'Effect of the taint.'),
          ),
          tolerationSeconds: Type.Optional(
            Type.Integer({ minimum: 0, format: 'int64', description: 'How long NoExecute is tolerated.' }),
          ),
        }),
        { maxItems: 16, description: 'Taints that the Pod tolerates.' },
      ),
    ),
    priorityClassName: Type.Optional(objectName('PriorityClass of the Pod.')),
    queueName: Type.Optional(objectName('Kueue LocalQueue that admits the Job.')),
  },
  { description: 'Where and when its Pod runs.' },
);
