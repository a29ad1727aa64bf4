/** ValidatingAdmissionPolicies as typed objects, and the pieces of CEL that they share. Kubernetes 1.30 or newer evaluates them inside the API server. */
import { BROKER_AUDIENCE, GROUP, PREFIX } from '../../crds/names.ts';
import type { ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from '../../kube/kinds.ts';

const ADMISSION = 'admissionregistration.k8s.io/v1';

export interface PolicyOptions {
  /** What it is about: the policy is called `<about>.sb.abundant.ai`. */
  about: string;
  match: { group: string; resources: string[]; operations: ('CREATE' | 'UPDATE' | 'DELETE')[] };
  /** Labels of Namespaces: it is in force where one of them is. Requests elsewhere cost nothing, since a selector needs no values for CEL. */
  namespaces?: string[];
  /** CEL; where it is false, the policy has nothing to say. */
  when?: string;
  /**
   * Requests are many, and hardly any is refused: the policy is concerned only where a rule does not hold. For each policy that concerns a request
   * the API server makes CEL's values of both objects four times over, and once for one that does not. No rule may name the `namespaceObject`, which is not there so early.
   */
  many?: true;
  /** CEL by name, for `variables.<name>`. */
  variables?: Record<string, string>;
  /** CEL that has to hold, with what is said otherwise. */
  holds: { rule: string; message: string; messageExpression?: string }[];
}

/** The policy, and the bindings that put it into force: in every namespace, or each where a label is and those before it are not, so that no request is asked about twice. */
export function policyObjects(
  options: PolicyOptions,
): Record<string, ValidatingAdmissionPolicy | ValidatingAdmissionPolicyBinding> {
  const { about, namespaces } = options;
  const places = namespaces?.map((key, index): Selector => [
    { key, operator: 'Exists' },
    ...namespaces.slice(0, index).map((before) => ({ key: before, operator: 'DoesNotExist' })),
  ]);
  const bindings = (places ?? [undefined]).map((place, index) => {
    const name = index === 0 ? about : `${about}-${index + 1}`;
    return [`${name}-binding`, bindingOf(about, name, place)] as const;
  });
  return {
    [about]: {
      apiVersion: ADMISSION,
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name: nameOf(about) },
      spec: policySpec(options),
    },
    ...Object.fromEntries(bindings),
  };
}

type Selector = { key: string; operator: string }[];

const nameOf = (about: string): string => `${about}.${GROUP}`;

const bindingOf = (
  about: string,
  name: string,
  matchExpressions: Selector | undefined,
): ValidatingAdmissionPolicyBinding => ({
  apiVersion: ADMISSION,
  kind: 'ValidatingAdmissionPolicyBinding',
  metadata: { name: nameOf(name) },
  spec: {
    policyName: nameOf(about),
    validationActions: ['Deny'],
    ...(matchExpressions && { matchResources: { namespaceSelector: { matchExpressions } } }),
  },
});

function policySpec({
  match,
  when,
  many,
  variables = {},
  holds,
}: PolicyOptions): ValidatingAdmissionPolicy['spec'] {
  const { group, resources, operations } = match;
  const all = holds.map(({ rule }) => `(${withoutVariables(rule, variables)})`).join(' && ');
  const matchConditions = [
    ...(when === undefined ? [] : [{ name: 'concerned', expression: when }]),
    ...(many ? [{ name: 'refuses', expression: `!(${all})` }] : []),
  ];
  return {
    // No server of ours is asked, so that only an expression that breaks can make it matter.
    failurePolicy: 'Fail',
    matchConstraints: {
      resourceRules: [{ apiGroups: [group], apiVersions: ['*'], operations, resources }],
    },
    ...(matchConditions.length > 0 && { matchConditions }),
    variables: Object.entries(variables).map(([name, expression]) => ({ name, expression })),
    validations: holds.map(({ rule, ...said }) => ({ expression: rule, ...said })),
  };
}

/** CEL: an expression with what its variables stand for. */
const withoutVariables = (expression: string, variables: Record<string, string>): string =>
  expression.replace(
    /variables\.(\w+)/g,
    (_, name: string) => `(${withoutVariables(variables[name] ?? name, variables)})`,
  );

/** CEL: a list of texts. */
export const texts = (values: readonly string[]): string =>
  `[${values.map((value) => `'${value}'`).join(', ')}]`;

/** CEL: an optional map or list, empty where it is absent. */
export const mapAt = (path: string): string => `${path}.orValue({})`;
export const listAt = (path: string): string => `${path}.orValue([])`;

/** CEL: whether labels or annotations of an ObjectMeta are in our name. `meta` is a path that begins at an object, with `?` before each further field. */
export const isMarked = (meta: string): string =>
  ['labels', 'annotations']
    .map((field) => `${mapAt(`${meta}.?${field}`)}.exists(key, key.startsWith('${PREFIX}'))`)
    .join(' || ');

/** CEL: whether a Pod's spec asks for a token that the broker takes. */
export const asksForToken = (podSpec: string): string =>
  `${listAt(`${podSpec}.?volumes`)}.exists(volume, ${listAt('volume.?projected.?sources')}.exists(source, source.?serviceAccountToken.?audience.orValue('') == '${BROKER_AUDIENCE}'))`;

/** CEL: an expression about `it`, true of the object as it was or as it shall be. */
export const beforeOrAfter = (expression: string): string =>
  `(request.operation == 'CREATE' ? [object] : [object, oldObject]).exists(it, ${expression})`;

/** CEL: whether what is in our name is the same before and after, at a path such as `?metadata`, but for the value of a label or annotation `changed`. */
export const keepsMarks = (meta: string, changed?: string): string =>
  ['labels', 'annotations']
    .map((field) => [mapAt(`oldObject.${meta}.?${field}`), mapAt(`object.${meta}.?${field}`)])
    .flatMap(([before = '', after = '']) => [
      `${before}.all(key, !key.startsWith('${PREFIX}')${changed === undefined ? '' : ` || key == '${changed}'`} || ${after}[?key] == ${before}[?key])`,
      `${after}.all(key, !key.startsWith('${PREFIX}') || key in ${before})`,
    ])
    .join(' && ');
