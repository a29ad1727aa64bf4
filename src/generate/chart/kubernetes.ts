/** Kubernetes' own types, as far as values of the chart hold them: closed, for what is spelled wrong would be dropped in silence. */
import { Type, type TSchema } from 'typebox';
import { List, OneOf, Shape, StringMap, type Value } from './shapes.ts';

const text = Type.String();
const whole = Type.Integer();
const texts = Type.Array(text);
const map = Type.Unsafe({ type: 'object', additionalProperties: { type: 'string' } });
const quantities = Type.Unsafe({
  type: 'object',
  additionalProperties: { type: ['string', 'number'], pattern: '^[0-9.]+[A-Za-z]{0,2}[0-9]*$' },
});

const key = { name: text, key: text, optional: Type.Boolean() };
const envSource = Shape({
  secretKeyRef: Shape(key, ['name', 'key']),
  configMapKeyRef: Shape(key, ['name', 'key']),
  fieldRef: Shape({ apiVersion: text, fieldPath: text }, ['fieldPath']),
  resourceFieldRef: Shape({ containerName: text, resource: text, divisor: text }, ['resource']),
});
const envVar = Shape(
  { name: Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$' }), value: text, valueFrom: envSource },
  ['name'],
);

const operators = (...more: string[]): TSchema => OneOf('In', 'NotIn', 'Exists', 'DoesNotExist', ...more);
const selector = Shape({
  matchLabels: map,
  matchExpressions: Type.Array(
    Shape({ key: text, operator: operators(), values: texts }, ['key', 'operator']),
  ),
});
const nodeExpressions = Type.Array(
  Shape({ key: text, operator: operators('Gt', 'Lt'), values: texts }, ['key', 'operator']),
);
const nodeTerm = Shape({ matchExpressions: nodeExpressions, matchFields: nodeExpressions });
const podTerm = Shape(
  {
    labelSelector: selector,
    namespaceSelector: selector,
    namespaces: texts,
    topologyKey: text,
    matchLabelKeys: texts,
    mismatchLabelKeys: texts,
  },
  ['topologyKey'],
);
const weight = Type.Integer({ minimum: 1, maximum: 100 });
const podTerms = Shape({
  requiredDuringSchedulingIgnoredDuringExecution: Type.Array(podTerm),
  preferredDuringSchedulingIgnoredDuringExecution: Type.Array(
    Shape({ weight, podAffinityTerm: podTerm }, ['weight', 'podAffinityTerm']),
  ),
});

export const affinity = (description: string, fallback: unknown): Value =>
  Shape(
    {
      nodeAffinity: Shape({
        requiredDuringSchedulingIgnoredDuringExecution: Shape({ nodeSelectorTerms: Type.Array(nodeTerm) }, [
          'nodeSelectorTerms',
        ]),
        preferredDuringSchedulingIgnoredDuringExecution: Type.Array(
          Shape({ weight, preference: nodeTerm }, ['weight', 'preference']),
        ),
      }),
      podAffinity: podTerms,
      podAntiAffinity: podTerms,
    },
    [],
    { description, default: fallback },
  );

const toleration = Shape({
  key: text,
  operator: OneOf('Exists', 'Equal'),
  value: text,
  effect: OneOf('NoSchedule', 'PreferNoSchedule', 'NoExecute'),
  tolerationSeconds: whole,
});
export const tolerations = (description: string): Value => List(toleration, description);

const spread = Shape(
  {
    maxSkew: Type.Integer({ minimum: 1 }),
    minDomains: Type.Integer({ minimum: 1 }),
    topologyKey: text,
    whenUnsatisfiable: OneOf('DoNotSchedule', 'ScheduleAnyway'),
    labelSelector: selector,
    matchLabelKeys: texts,
    nodeAffinityPolicy: OneOf('Honor', 'Ignore'),
    nodeTaintsPolicy: OneOf('Honor', 'Ignore'),
  },
  ['maxSkew', 'topologyKey', 'whenUnsatisfiable'],
);
export const topologySpread = (description: string): Value => List(spread, description);

export const resources = (description: string, fallback: unknown): Value =>
  Shape({ requests: quantities, limits: quantities }, [], { description, default: fallback });

export const env = (description: string): Value => List(envVar, description);

const peer = Shape({
  namespaceSelector: selector,
  podSelector: selector,
  ipBlock: Shape({ cidr: text, except: texts }, ['cidr']),
});
export const peers = (description: string, fallback: object[]): Value => ({
  ...List(peer, description),
  default: fallback,
});

export const pullSecrets = (description: string): Value =>
  List(Shape({ name: Type.String({ minLength: 1 }) }, ['name']), description);

/** A label that the chart itself sets cannot be set anew: selectors and Helm go by them. */
const OWN_LABELS = '^(app\\.kubernetes\\.io/(name|instance|managed-by|version|part-of)|helm\\.sh/.*)$';
export const labels = (description: string): Value =>
  StringMap(description, { propertyNames: { not: { pattern: OWN_LABELS } } });
