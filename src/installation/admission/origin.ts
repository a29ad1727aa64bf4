/** Policies about who may write what the broker believes: labels and annotations of ours, and tokens for it. */
import { BROKER_AUDIENCE, CLAIM_PREFIX, LABEL, PREFIX } from '../../crds/names.ts';
import { operatorUser } from '../names.ts';
import {
  asksForToken,
  beforeOrAfter,
  isMarked,
  keepsMarks,
  listAt,
  mapAt,
  texts,
  type PolicyOptions,
} from './policy.ts';

/** The Job controller with credentials of its own, as kubeadm, kind and EKS run it, and without. */
export const JOB_CONTROLLERS = [
  'system:serviceaccount:kube-system:job-controller',
  'system:kube-controller-manager',
];

const KEPT = `labels and annotations ${PREFIX}… say whose it is and cannot be changed`;

const images = (object: string): string =>
  ['containers', 'initContainers']
    .map((field) => `${listAt(`${object}.spec.?${field}`)}.map(container, container.?image.orValue(''))`)
    .join(' + ');

const IS_FROM_JOB = `request.userInfo.username in ${texts(JOB_CONTROLLERS)} && ${listAt('object.?metadata.?ownerReferences')}.exists(owner, owner.apiVersion == 'batch/v1' && owner.kind == 'Job' && owner.?controller.orValue(false))`;
const KEEPS_MARKS = keepsMarks('?metadata');
const KEEPS_IMAGES = `${images('object')} == ${images('oldObject')}`;

/** A Pod in our name has come from a Job, and Jobs in our name come from the operator. */
const pods: PolicyOptions = {
  about: 'pods',
  match: { group: '', resources: ['pods'], operations: ['CREATE', 'UPDATE'] },
  when: beforeOrAfter(`${isMarked('it.?metadata')} || ${asksForToken('it.?spec')}`),
  many: true,
  holds: [
    {
      rule: `request.operation != 'CREATE' || (${IS_FROM_JOB})`,
      message: `labels and annotations ${PREFIX}… and tokens for ${BROKER_AUDIENCE} belong to Pods of the operator's Jobs, which the Job controller creates`,
    },
    { rule: `request.operation != 'UPDATE' || (${KEEPS_MARKS})`, message: KEPT },
    {
      rule: `request.operation != 'UPDATE' || ${KEEPS_IMAGES}`,
      message: 'the images of a Trial’s, TaskBuild’s or Sandbox’s Pod cannot be changed',
    },
  ],
};

/** Of an ObjectMeta before and after a change. */
const owners = (object: string): string => listAt(`${object}.?metadata.?ownerReferences`);

/** A Job of a pool that no Sandbox has taken becomes one's, by the operator: its label says so, and everything else in our name stays. */
const taken = (namespace: string): string =>
  [
    `request.userInfo.username == '${operatorUser(namespace)}'`,
    `${owners('oldObject')}.map(owner, owner.kind) == ['Sandbox']`,
    `${mapAt('oldObject.?metadata.?labels')}[?'${LABEL.pool}'].orValue('') == ${mapAt('oldObject.?metadata.?labels')}[?'${LABEL.sandbox}'].orValue('-')`,
    `'${LABEL.sandbox}' in ${mapAt('object.?metadata.?labels')}`,
    keepsMarks('?metadata', LABEL.sandbox),
  ].join(' && ');

/** Nobody else than those that the object had before. */
const KEEPS_OWNERS = `${owners('object')}.all(owner, owner.uid in ${owners('oldObject')}.map(before, before.uid))`;

const isCreatedByOperator = (namespace: string): string =>
  `request.operation == 'CREATE' && request.userInfo.username == '${operatorUser(namespace)}'`;

const jobs = (namespace: string): PolicyOptions => ({
  about: 'jobs',
  match: { group: 'batch', resources: ['jobs'], operations: ['CREATE', 'UPDATE'] },
  when: `!(${isCreatedByOperator(namespace)}) && ${beforeOrAfter(
    [
      isMarked('it.?metadata'),
      isMarked('it.?spec.?template.?metadata'),
      asksForToken('it.?spec.?template.?spec'),
    ].join(' || '),
  )}`,
  variables: { taken: taken(namespace) },
  holds: [
    {
      rule: `request.operation != 'CREATE' || ${isCreatedByOperator(namespace)}`,
      message: `labels and annotations ${PREFIX}… and tokens for ${BROKER_AUDIENCE} belong to Jobs of the operator; create a Trial, a TaskBuild or a Sandbox`,
    },
    {
      rule: `request.operation != 'UPDATE' || ((variables.taken || (${keepsMarks('?metadata')})) && ${keepsMarks('?spec.?template.?metadata')})`,
      message: KEPT,
    },
    {
      rule: `request.operation != 'UPDATE' || variables.taken || ${KEEPS_OWNERS}`,
      message:
        'a Job of the operator gets no other owner, but for one of a pool, which the operator gives to a Sandbox',
    },
  ],
});

/** A disk of a Sandbox comes from the operator, empty, so that nobody lays one ready under the name of a Sandbox that is to come. */
const claims = (namespace: string): PolicyOptions => ({
  about: 'claims',
  match: { group: '', resources: ['persistentvolumeclaims'], operations: ['CREATE', 'UPDATE'] },
  when: beforeOrAfter(
    `it.?metadata.?name.orValue('').startsWith('${CLAIM_PREFIX}') || ${isMarked('it.?metadata')}`,
  ),
  holds: [
    {
      rule: `request.operation != 'CREATE' || request.userInfo.username == '${operatorUser(namespace)}'`,
      message: `names ${CLAIM_PREFIX}… and labels and annotations ${PREFIX}… belong to PersistentVolumeClaims of the operator; use another name, or create a Sandbox with spec.volumes`,
    },
    {
      rule: `request.operation != 'UPDATE' || ((${keepsMarks('?metadata')}) && ${KEEPS_OWNERS})`,
      message: `labels and annotations ${PREFIX}… and the owner of a Sandbox’s PersistentVolumeClaim cannot be changed`,
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
      message: `a token for ${BROKER_AUDIENCE} is for the kubelet alone, which puts it into the Pod of a Trial, TaskBuild or Sandbox`,
    },
  ],
};

/** `namespace`: of the operator. */
export const origin = (namespace: string): PolicyOptions[] => [
  pods,
  jobs(namespace),
  claims(namespace),
  tokens,
];
