import { expect } from 'chai';
import { OPERATOR } from '../names.ts';
import { labelledNamespaces, operatorClaims, operatorJobs, operatorNetworkPolicies } from './operator.ts';
import { budgets } from './budgets.ts';
import { namespaces } from './namespaces.ts';
import { origin } from './origin.ts';
import { policyObjects } from './policy.ts';
import { SIZES } from './sizes.ts';

interface Manifest {
  kind: string;
  metadata: { name: string };
  spec: {
    policyName?: string;
    failurePolicy?: string;
    validations?: { message: string; expression: string }[];
    variables?: { name: string; expression: string }[];
  };
}

const { namespace } = OPERATOR;
const all = [
  ...origin(namespace),
  operatorJobs(namespace),
  operatorClaims(namespace),
  operatorNetworkPolicies(namespace),
  budgets,
  namespaces,
  ...SIZES,
  ...labelledNamespaces(namespace),
].map((policy) => Object.values(policyObjects(policy)) as Manifest[]);

// What they do is seen by test/e2e/admission-policies.test.ts, on a real API server.
describe('The admission policies', () => {
  it('are each in force by a binding of their own', () => {
    for (const [policy, binding] of all)
      expect(binding).to.deep.include({
        kind: 'ValidatingAdmissionPolicyBinding',
        metadata: policy?.metadata,
        spec: { policyName: policy?.metadata.name, validationActions: ['Deny'] },
      });
  });

  it('refuse where they cannot be evaluated, each with a sentence', () => {
    for (const [policy] of all) {
      expect(policy?.spec.failurePolicy).to.equal('Fail');
      for (const { message } of policy?.spec.validations ?? []) expect(message).to.match(/^.{20,}[^.]$/);
    }
  });

  it('keep to the size that Kubernetes takes of an expression and a message', () => {
    for (const [policy] of all) {
      for (const { expression } of policy?.spec.variables ?? [])
        expect(expression.length).to.be.below(16_384);
      for (const { expression, message } of policy?.spec.validations ?? []) {
        expect(expression.length).to.be.below(16_384);
        expect(message.length).to.be.below(1024);
      }
    }
  });

  it('keep builds out of a namespace that no admin has opened, whether they take a Job or not', () => {
    expect(
      labelledNamespaces(namespace)
        .map(({ match }) => match.resources)
        .flat(),
    ).to.deep.equal(['jobs', 'taskbuilds']);
  });
});
