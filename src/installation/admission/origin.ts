/** Policies about who may write what the broker believes: labels and annotations of ours, and tokens for it. */
import { BROKER_AUDIENCE, PREFIX } from '../../crds/names.ts';
import { operatorUser } from '../names.ts';
import {
  asksForToken,
  beforeOrAfter,
  isMarked,
  keepsMarks,
  listAt,
  texts,
  type PolicyOptions,
} from './policy.ts';

/** The Job controller with credentials of its own, as kubeadm, kind and EKS run it, and without. */
const JOB_CONTROLLERS = [
  'system:serviceaccount:kube-system:job-controller',
  'system:kube-controller-manager',
];

const KEPT = `labels and annotations ${PREFIX}… say whose it is and cannot be changed`;

const images = (object: string): string =>
  ['containers', 'initContainers']
    .map((field) => `${listAt(`${object}.spec.?${field}`)}.map(container, container.?image.orValue(''))`)
    .join(' + ');

/** A Pod in our name has come from a Job, and Jobs in our name come from the operator. */
const pods: PolicyOptions = {
  about: 'pods',
  match: { group: '', resources: ['pods'], operations: ['CREATE', 'UPDATE'] },
  when: beforeOrAfter(`${isMarked('it.?metadata')} || ${asksForToken('it.?spec')}`),
  holds: [
    {
      rule: `request.operation != 'CREATE' || (request.userInfo.username in ${texts(JOB_CONTROLLERS)} && ${listAt('object.?metadata.?ownerReferences')}.exists(owner, owner.apiVersion == 'batch/v1' && owner.kind == 'Job' && owner.?controller.orValue(false)))`,
      message: `labels and annotations ${PREFIX}… and tokens for ${BROKER_AUDIENCE} belong to Pods of the operator's Jobs, which the Job controller creates`,
    },
    { rule: `request.operation != 'UPDATE' || (${keepsMarks('?metadata')})`, message: KEPT },
    {
      rule: `request.operation != 'UPDATE' || ${images('object')} == ${images('oldObject')}`,
      message: 'the images of a Trial’s or TaskBuild’s Pod cannot be changed',
    },
  ],
};

const jobs = (namespace: string): PolicyOptions => ({
  about: 'jobs',
  match: { group: 'batch', resources: ['jobs'], operations: ['CREATE', 'UPDATE'] },
  when: beforeOrAfter(
    [
      isMarked('it.?metadata'),
      isMarked('it.?spec.?template.?metadata'),
      asksForToken('it.?spec.?template.?spec'),
    ].join(' || '),
  ),
  holds: [
    {
      rule: `request.operation != 'CREATE' || request.userInfo.username == '${operatorUser(namespace)}'`,
      message: `labels and annotations ${PREFIX}… and tokens for ${BROKER_AUDIENCE} belong to Jobs of the operator; create a Trial or a TaskBuild`,
    },
    {
      rule: `request.operation != 'UPDATE' || (${keepsMarks('?metadata')} && ${keepsMarks('?spec.?template.?metadata')})`,
      message: KEPT,
    },
  ],
});

const tokens: PolicyOptions = {
  about: 'tokens',
  match: { group: '', resources: ['serviceaccounts/token'], operations: ['CREATE'] },
  when: `'${BROKER_AUDIENCE}' in ${listAt('object.?spec.?audiences')}`,
  holds: [
    {
      rule: `'system:nodes' in ${listAt('request.userInfo.?groups')}`,
      message: `a token for ${BROKER_AUDIENCE} is for the kubelet alone, which puts it into the Pod of a Trial or TaskBuild`,
    },
  ],
};

/** `namespace`: of the operator. */
export const origin = (namespace: string): PolicyOptions[] => [pods, jobs(namespace), tokens];
