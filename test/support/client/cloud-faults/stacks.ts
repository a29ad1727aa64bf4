/** Stacks that are another’s, at work, older or stuck. */
import { resource, stackOf, foreign, older, withoutTime, type Fault } from './fault.ts';
import { STACK } from '../../aws/facts.ts';

export const STACKS_OF_OTHERS: readonly Fault[] = [
  // Stacks of our name.
  {
    what: 'a stack of the same name without our tag',
    fault: foreign({}, 'sb-operator: x'),
    code: 'SB-E124',
    says: /it has no tag sb:stack\n.*--stack/,
  },
  {
    what: 'a stack of the same name of another installation',
    fault: foreign({ 'sb:stack': 'other' }, 'sb-operator: x'),
    code: 'SB-E124',
    says: /its tag sb:stack is "other", not "abundant-sb"/,
  },
  {
    what: 'a stack with our tag and another’s template',
    fault: foreign({ 'sb:stack': STACK }, 'payroll\u001b[2J'),
    code: 'SB-E124',
    says: /its description is "payroll\\u001b\[2J", not one of sb-operator’s/,
  },
  {
    what: 'a stack that down is deleting',
    on: 'update',
    fault: async (w) => {
      const { formation } = w;
      const stalled = formation.inject({ kind: 'stall', resource: 'Cluster', doing: 'delete' });
      const going = w.with(({ stacks, context }) => stacks.cluster.remove(context));
      await stalled.reached;
      return () => (stalled.release(), going);
    },
    code: 'SB-E127',
    says: /it is being deleted \(DELETE_IN_PROGRESS\).*wait until it is done/s,
  },
  // Updates of an older installation.
  {
    what: 'an update of which a resource fails',
    on: 'update',
    fault: async (w) => {
      await older(w, withoutTime);
      resource('Project', 'Rate exceeded', 'update')(w);
    },
    code: 'SB-E125',
    says: /stack abundant-sb-artifacts could not be made \(UPDATE_ROLLBACK_COMPLETE\).*in a minute/s,
  },
  {
    what: 'an update that would take a repository away',
    on: 'update',
    fault: async (w) => {
      await older(w, (all) => ({ ...all, Old: { Type: 'AWS::ECR::Repository', Properties: {} } }));
      // By the version of sb that made it.
      return () => older(w, (all) => all);
    },
    code: 'SB-E125',
    says: /the change would take away or replace Old \(AWS::ECR::Repository\)/,
  },
  {
    what: 'a change that cannot be set back',
    on: 'update',
    fault: async (w) => {
      await older(w, withoutTime);
      const stack = stackOf(w, 'artifacts')!;
      const { status } = stack;
      stack.status = 'UPDATE_ROLLBACK_FAILED';
      return () => (stack.status = status);
    },
    code: 'SB-E126',
    says: /is stuck \(UPDATE_ROLLBACK_FAILED\).*continue-update-rollback --stack-name abundant-sb-artifacts/s,
  },
  {
    what: 'another cluster in the place of its own',
    on: 'update',
    fault: () => {},
    wish: { cluster: 'theirs' },
    after: {},
    code: 'SB-E125',
    says: /would take away or replace.* Cluster \(AWS::EKS::Cluster\).*leave the options as they were/s,
  },
];
