import { expect } from 'chai';
import { MONTHLY_BUDGET, USER_ID } from '../../crds/namespace-rules.ts';
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
    matchResources?: { namespaceSelector: { matchExpressions: { key: string; operator: string }[] } };
    failurePolicy?: string;
    matchConditions?: { name: string; expression: string }[];
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
  it('are each in force by a binding of their own, everywhere or where a label is', () => {
    for (const [policy, binding] of all) {
      expect(binding).to.deep.include({
        kind: 'ValidatingAdmissionPolicyBinding',
        metadata: policy?.metadata,
      });
      expect(binding?.spec).to.deep.include({
        policyName: policy?.metadata.name,
        validationActions: ['Deny'],
      });
    }
    expect(all.filter(([, binding]) => binding?.spec.matchResources).map(([policy]) => policy)).to.deep.equal(
      [policyObjects(budgets)['budgets']],
    );
  });

  it('are asked once, where a namespace has several of their labels', () => {
    const [, ...bindings] = Object.values(policyObjects(budgets)) as Manifest[];
    const labels = [[MONTHLY_BUDGET, USER_ID], [MONTHLY_BUDGET], [USER_ID], []];
    const inForce = (has: string[]): number =>
      bindings.filter(({ spec }) =>
        spec.matchResources?.namespaceSelector.matchExpressions.every(
          ({ key, operator }) => has.includes(key) === (operator === 'Exists'),
        ),
      ).length;
    expect(labels.map(inForce)).to.deep.equal([1, 1, 1, 0]);
  });

  it('ask their rules before anything else where requests are many, with nothing that is not there yet', () => {
    const asked = all.flatMap(([policy]) =>
      (policy?.spec.matchConditions ?? []).filter(({ name }) => name === 'refuses'),
    );
    expect(asked).to.have.length(2);
    for (const { expression } of asked) expect(expression).not.to.match(/variables|namespaceObject/);
  });

  it('refuse where they cannot be evaluated, each with a sentence', () => {
    for (const [policy] of all) {
      expect(policy?.spec.failurePolicy).to.equal('Fail');
      for (const { message } of policy?.spec.validations ?? []) expect(message).to.match(/^.{20,}[^.]$/);
    }
  });

  it('keep to the size that Kubernetes takes of an expression and a message', () => {
    for (const [policy] of all) {
      for (const { expression } of [
        ...(policy?.spec.variables ?? []),
        ...(policy?.spec.matchConditions ?? []),
      ])
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
