/** A Trial whose agent does not run: verifiers judge again what another Trial’s agent left. */
import { objectName, rules, text, Type } from './schema.ts';

/** Which Trial it was. */
export const Regrade = Type.Object(
  {
    trial: Type.Optional(
      objectName('Name of a Trial of this namespace that has ended and stored its results.'),
    ),
    s3: Type.Optional(
      Type.Object(
        {
          uri: text(
            1024,
            'The `status.s3TrialUri` of a Trial of this namespace, below `trials/` in the operator’s bucket.',
            { pattern: '^s3://[^/]+/trials/.+' },
          ),
        },
        { description: 'The results of a Trial that may have been deleted since.' },
      ),
    ),
  },
  {
    description:
      'Runs no agent: the separate verifiers of the task judge what the agent of another Trial left, which keeps its own result. The task may be another version of the same task; `agent` must name the agent and model of that Trial.',
    ...rules({
      rule: 'has(self.trial) != has(self.s3)',
      message: 'give either trial or s3',
      reason: 'FieldValueInvalid',
    }),
  },
);
export type Regrade = Type.Static<typeof Regrade>;

/** The Trial that was regraded, as the status of the new one says it. */
export const Regraded = Type.Object(
  {
    trial: text(100, 'The name that its results have in the bucket.'),
    uri: text(1024, 'Where they lie.'),
    reward: Type.Optional(Type.Number({ description: 'The reward that it has; missing where it has none.' })),
    rewards: Type.Optional(
      Type.Unsafe<Record<string, number>>({
        type: 'object',
        maxProperties: 64,
        additionalProperties: { type: 'number' },
        description: 'All keys of it.',
      }),
    ),
  },
  { description: 'The Trial whose results `spec.regrade` names, and its own reward.' },
);
export type Regraded = Type.Static<typeof Regraded>;
