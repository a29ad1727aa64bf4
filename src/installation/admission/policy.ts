/** ValidatingAdmissionPolicies as typed objects, and the pieces of CEL that they share. Kubernetes 1.30 or newer evaluates them inside the API server. */
import { BROKER_AUDIENCE, GROUP, PREFIX } from '../../crds/names.ts';
import type { ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from '../../kube/kinds.ts';

const ADMISSION = 'admissionregistration.k8s.io/v1';

export interface PolicyOptions {
  /** What it is about: the policy is called `<about>.sb.abundant.ai`. */
  about: string;
  match: { group: string; resources: string[]; operations: ('CREATE' | 'UPDATE' | 'DELETE')[] };
  /**
   * CEL; where it is false, the policy has nothing to say. For each policy that concerns a request the API server makes CEL's values of both objects
   * four times over, and once for one that does not: so where requests are many, this is false of what no rule would refuse.
   */
  when?: string;
  /** CEL by name, for `variables.<name>`. */
  variables?: Record<string, string>;
  /** CEL that has to hold, with what is said otherwise. */
  holds: { rule: string; message: string; messageExpression?: string }[];
}

/** The policy, and the binding that puts it into force in every namespace. */
export function policyObjects(
  options: PolicyOptions,
): Record<string, ValidatingAdmissionPolicy | ValidatingAdmissionPolicyBinding> {
  const metadata = { name: `${options.about}.${GROUP}` };
  return {
    [options.about]: {
      apiVersion: ADMISSION,
      kind: 'ValidatingAdmissionPolicy',
      metadata,
      spec: policySpec(options),
    },
    [`${options.about}-binding`]: {
      apiVersion: ADMISSION,
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata,
      spec: { policyName: metadata.name, validationActions: ['Deny'] },
    },
  };
}

function policySpec({
  match,
  when,
  variables = {},
  holds,
}: PolicyOptions): ValidatingAdmissionPolicy['spec'] {
  const { group, resources, operations } = match;
  return {
    // No server of ours is asked, so that only an expression that breaks can make it matter.
    failurePolicy: 'Fail',
    matchConstraints: {
      resourceRules: [{ apiGroups: [group], apiVersions: ['*'], operations, resources }],
    },
    ...(when !== undefined && { matchConditions: [{ name: 'concerned', expression: when }] }),
    variables: Object.entries(variables).map(([name, expression]) => ({ name, expression })),
    validations: holds.map(({ rule, ...said }) => ({ expression: rule, ...said })),
  };
}

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
