/** The policy about Pods where there is a budget: what is not counted would cost nothing. */
import { LABEL } from '../../crds/names.ts';
import { COST_TAG, MONTHLY_BUDGET, USER_ID } from '../../crds/namespace-rules.ts';
import { JOB_CONTROLLERS } from './origin.ts';
import { mapAt, texts, type PolicyOptions } from './policy.ts';

const OURS = [LABEL.trial, LABEL.sandbox, LABEL.taskBuild];

/** CEL: whether the request is about that part of a Pod; '' for the Pod itself. */
const isAbout = (part: string): string => `request.?subResource.orValue('') == '${part}'`;
const unless = (exception: string, rule: string): string => `${exception} || (${rule})`;
const UNCOUNTED = '!variables.hasBudget';

const tagOf = (object: string): string =>
  `${mapAt(`${object}.?metadata.?labels`)}[?'${COST_TAG}'].orValue('')`;

/** Kubelets and what runs in the cluster's own namespace; ServiceAccounts of other namespaces are people's. */
const isSystem = `request.userInfo.username.startsWith('system:') && (!request.userInfo.username.startsWith('system:serviceaccount:') || request.userInfo.username.startsWith('system:serviceaccount:kube-system:'))`;

const IS_COUNTED = `request.userInfo.username in ${texts(JOB_CONTROLLERS)} && ${mapAt('object.?metadata.?labels')}.exists(key, key in ${texts(OURS)})`;
const TAG_CHANGES = `${tagOf('object')} != ${tagOf('oldObject')}`;

/** CEL: false of what nothing here can refuse, whatever the namespace has: nearly all that kubelets and the Job controller write. */
const isConcerned = `request.operation == 'CREATE' ? !(${IS_COUNTED}) || ${tagOf('object')} != '' : ${isAbout('resize')} || (${isAbout('status')} && !(${isSystem})) || ${TAG_CHANGES}`;

/** Pods of the namespace are those that the operator counts, as large as it counts them, and it is told the truth about when they run. */
export const budgets: PolicyOptions = {
  about: 'budgets',
  match: {
    group: '',
    resources: ['pods', 'pods/resize', 'pods/status'],
    operations: ['CREATE', 'UPDATE'],
  },
  namespaces: [MONTHLY_BUDGET, USER_ID],
  when: isConcerned,
  variables: {
    user: `${mapAt('namespaceObject.?metadata.?labels')}[?'${USER_ID}'].orValue('')`,
    tag: tagOf('object'),
    tagBefore: `request.operation == 'CREATE' ? variables.user : ${tagOf('oldObject')}`,
    hasBudget: `'${MONTHLY_BUDGET}' in ${mapAt('namespaceObject.?metadata.?labels')}`,
  },
  holds: [
    {
      // A build has none, and a Pod keeps the one that it was made with.
      rule: `variables.user == '' || variables.tag == variables.tagBefore || (request.operation == 'CREATE' && variables.tag == '')`,
      message: `the label ${COST_TAG} of a Pod says whose its costs are: it is that of the namespace, and cannot be changed`,
    },
    {
      rule: unless(`${UNCOUNTED} || request.operation != 'CREATE'`, IS_COUNTED),
      message:
        'the namespace has a budget: its Pods are those of Trials, TaskBuilds and Sandboxes; create one of these',
    },
    {
      rule: unless(UNCOUNTED, `!(${isAbout('resize')})`),
      message: 'the namespace has a budget: a Pod stays as large as it was made',
    },
    {
      rule: unless(`${UNCOUNTED} || !(${isAbout('status')})`, isSystem),
      message: 'the namespace has a budget: the status of a Pod is for the cluster itself to write',
    },
  ],
};
