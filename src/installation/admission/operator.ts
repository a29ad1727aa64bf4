/** Policies about the operator itself: what its token is good for in the hands of somebody else. */
import {
  API_VERSION,
  BROKER_AUDIENCE,
  CLAIM_PREFIX,
  GROUP,
  LABEL,
  NETWORK_POLICIES,
  NETWORKS,
} from '../../crds/names.ts';
import { NAMESPACE_LABEL, OPERATOR, operatorUser } from '../names.ts';
import { listAt, mapAt, texts, type PolicyOptions } from './policy.ts';

const isOperator = (namespace: string): string => `request.userInfo.username == '${operatorUser(namespace)}'`;
/** Nothing more is asked of a deletion, which has no object. */
const unlessDeleted = (rule: string): string => `request.operation == 'DELETE' || (${rule})`;

/** As in `bounded`: a name that fits is the label itself. */
const isOwnerName = `variables.owner.name.size() > 63 || variables.label == variables.owner.name`;
/** Labels that say what a Job was made for. One of a pool has two: of the Sandbox that has it, at first the pool itself, and of the pool. */
const MADE_FOR = [LABEL.trial, LABEL.taskBuild, LABEL.sandbox, LABEL.pool];
/** Those of `MADE_FOR` that are in the map `labels`, in this order. */
const madeFor = (labels: string): string => `${texts(MADE_FOR)}.filter(key, key in ${labels})`;
/** As in `jobName` and `sandboxJobName`, which shorten a long name; `mark`: what is between the name and the number. */
const isNumbered = (name: string, mark: string): string =>
  `object.metadata.name.endsWith('${mark}' + variables.labels['${LABEL.attempt}']) && (${name}.size() > ${53 - mark.length} || object.metadata.name == ${name} + '${mark}' + variables.labels['${LABEL.attempt}'])`;

const attemptOfTrial = [
  `variables.owner.kind == 'Trial'`,
  isNumbered('variables.owner.name', '-'),
  `variables.madeFor == ${texts([LABEL.trial])}`,
].join(' && ');
const attemptOfBuild = [
  `variables.owner.kind == 'TaskBuild'`,
  `object.metadata.name.matches('^sb-build-[0-9a-f]{20}$')`,
  `variables.madeFor == ${texts([LABEL.taskBuild])}`,
].join(' && ');
/** Made for it, or for a pool; and one that a Sandbox takes from a pool keeps the pool's name. */
const attemptOfSandbox = [
  `variables.owner.kind == 'Sandbox'`,
  // Earlier versions called them without the letter: their pools are still taken from, and they may lead until they are replaced.
  `(${isNumbered('variables.maker', '-s')} || ${isNumbered('variables.maker', '-')})`,
  `(request.operation == 'CREATE' ? variables.maker == variables.owner.name || variables.owner.name.size() > 63 : variables.madeFor == ${texts([LABEL.sandbox, LABEL.pool])})`,
].join(' && ');

/** A PersistentVolumeClaim is called after the Sandbox that it was made for, as in `claimName`, which shortens a long name. */
const isCalledAfterOwner = (name: string): string =>
  `${name}.startsWith('${CLAIM_PREFIX}' + (variables.owner.name.size() > 200 ? variables.owner.name.substring(0, 180) : variables.owner.name + '-'))`;
const claimOfSandbox = [
  'has(volume.persistentVolumeClaim)',
  `variables.madeFor == ${texts([LABEL.sandbox])}`,
  isCalledAfterOwner('volume.persistentVolumeClaim.claimName'),
].join(' && ');

/** Volumes that hold nothing of a node, and no token but the broker's. */
const harmlessVolume = [
  'has(volume.emptyDir)',
  'has(volume.configMap)',
  'has(volume.secret)',
  // Read-only, and of what a registry gives to anybody who may pull it.
  'has(volume.image)',
  `(${claimOfSandbox})`,
  `${listAt('volume.?projected.?sources')}.map(source, source.?serviceAccountToken.?audience.orValue('')) == ['${BROKER_AUDIENCE}']`,
].join(' || ');

const hardened = [
  '!container.?securityContext.?privileged.orValue(false)',
  `${listAt('container.?securityContext.?capabilities.?add')}.size() == 0`,
  `container.?securityContext.?procMount.orValue('Default') == 'Default'`,
  // A Pod without a profile runs without seccomp, unless its kubelet says otherwise.
  `container.?securityContext.?seccompProfile.?type.orValue(variables.seccomp) == 'RuntimeDefault'`,
  '!container.?securityContext.?windowsOptions.?hostProcess.orValue(false)',
  `${listAt('container.?ports')}.all(port, port.?hostPort.orValue(0) == 0)`,
].join(' && ');

type Rule = PolicyOptions['holds'][number];

const deletesItsOwn: Rule = {
  rule: `request.operation != 'DELETE' || ${mapAt('oldObject.?metadata.?labels')}.exists(key, key in ${texts(MADE_FOR)})`,
  message: `the operator deletes no Job but those of Trials, TaskBuilds and Sandboxes`,
};

/** What that change may be, the policy `jobs` says. */
const changesOne: Rule = {
  rule: `request.operation != 'UPDATE' || (variables.owner.kind == 'Sandbox' && object.spec == oldObject.spec)`,
  message: 'the operator changes no Job, but for one of a pool, which it gives to a Sandbox',
};

/** `namespace`: of the operator. */
const keepsOut = (namespace: string): Rule => ({
  rule: unlessDeleted(
    `!object.metadata.namespace.startsWith('kube-') && object.metadata.namespace != '${namespace}'`,
  ),
  message: `no Trial, no build and no Sandbox runs in a namespace of Kubernetes or of the operator: use another namespace`,
});

const isRendered: Rule[] = [
  {
    rule: unlessDeleted(
      `variables.owners.size() == 1 && variables.owner.apiVersion == '${API_VERSION}' && variables.owner.?controller.orValue(false)`,
    ),
    message: 'a Job of the operator is owned by a Trial, a TaskBuild or a Sandbox, and by nothing else',
  },
  {
    rule: unlessDeleted(
      `'${LABEL.attempt}' in variables.labels && (${isOwnerName}) && (${attemptOfTrial} || ${attemptOfBuild} || ${attemptOfSandbox})`,
    ),
    message: 'a Job of the operator has the name and the labels of an attempt of its owner',
  },
  {
    rule: unlessDeleted(
      `variables.madeFor.size() > 0 && variables.podMadeFor == variables.madeFor && variables.podMadeFor.all(key, variables.podLabels[key] == variables.labels[?'${LABEL.pool}'].orValue(variables.label))`,
    ),
    message: 'the Pods of a Job of the operator have its labels',
  },
  {
    rule: unlessDeleted(
      `variables.pod.?serviceAccountName.orValue('default') in ['', 'default'] && !variables.pod.?automountServiceAccountToken.orValue(true)`,
    ),
    message: 'a Job of the operator runs as the ServiceAccount default, without its token',
  },
  {
    rule: unlessDeleted(
      [
        'hostNetwork',
        'hostPID',
        'hostIPC',
        'shareProcessNamespace',
        'securityContext.?windowsOptions.?hostProcess',
      ]
        .map((field) => `!variables.pod.?${field}.orValue(false)`)
        .join(' && '),
    ),
    message: 'a Job of the operator uses no namespaces of its node',
  },
  {
    rule: unlessDeleted(`variables.containers.all(container, ${hardened})`),
    message:
      'a Job of the operator is not privileged, adds no capabilities, leaves seccomp on and takes no ports of its node',
  },
  {
    rule: unlessDeleted(
      `!variables.priority.startsWith('system-') && variables.priority != '${OPERATOR.name}'`,
    ),
    message:
      'no Trial and no Sandbox comes before Kubernetes’ own Pods or the operator’s: choose another spec.scheduling.priorityClassName',
  },
  {
    rule: unlessDeleted(`${listAt('variables.pod.?volumes')}.all(volume, ${harmlessVolume})`),
    message: `the volumes of a Job of the operator are emptyDirs, ConfigMaps, Secrets, images, the token for ${BROKER_AUDIENCE} and a Sandbox’s own PersistentVolumeClaims`,
  },
];

/** A Job of the operator is one that it renders for a Trial, a TaskBuild or a Sandbox. */
export const operatorJobs = (namespace: string): PolicyOptions => ({
  about: 'operator-jobs',
  match: { group: 'batch', resources: ['jobs'], operations: ['CREATE', 'UPDATE', 'DELETE'] },
  when: isOperator(namespace),
  many: true,
  variables: {
    labels: mapAt('object.?metadata.?labels'),
    owners: listAt('object.?metadata.?ownerReferences'),
    owner: 'variables.owners[0]',
    madeFor: madeFor('variables.labels'),
    // Of a Job that a Sandbox has taken from a pool the first is the Sandbox's.
    label: `variables.labels[?variables.madeFor[?0].orValue('')].orValue('')`,
    maker: `variables.labels[?'${LABEL.pool}'].orValue(variables.owner.name)`,
    podLabels: mapAt('object.spec.template.?metadata.?labels'),
    podMadeFor: madeFor('variables.podLabels'),
    pod: 'object.spec.template.spec',
    seccomp: `variables.pod.?securityContext.?seccompProfile.?type.orValue('')`,
    priority: `variables.pod.?priorityClassName.orValue('')`,
    containers: `${listAt('variables.pod.?containers')} + ${listAt('variables.pod.?initContainers')}`,
  },
  holds: [deletesItsOwn, changesOne, keepsOut(namespace), ...isRendered],
});

/** A PersistentVolumeClaim of the operator is a new and empty one of a Sandbox: no volume that is there, and no copy of somebody's. */
export const operatorClaims = (namespace: string): PolicyOptions => ({
  about: 'operator-claims',
  match: { group: '', resources: ['persistentvolumeclaims'], operations: ['CREATE'] },
  when: isOperator(namespace),
  variables: { owners: listAt('object.?metadata.?ownerReferences'), owner: 'variables.owners[0]' },
  holds: [
    keepsOut(namespace),
    {
      rule: `variables.owners.size() == 1 && variables.owner.apiVersion == '${API_VERSION}' && variables.owner.kind == 'Sandbox' && variables.owner.?controller.orValue(false) && ${isCalledAfterOwner('object.metadata.name')}`,
      message: 'a PersistentVolumeClaim of the operator is owned by a Sandbox, and called after it',
    },
    {
      rule: ['dataSource', 'dataSourceRef', 'volumeName']
        .map((field) => `!has(object.spec.${field})`)
        .join(' && '),
      message: 'a PersistentVolumeClaim of the operator begins empty, on a volume of its own',
    },
  ],
});

/** A NetworkPolicy of the operator is one of a few, and about the Pods of Trials and Sandboxes alone: it opens and closes nobody else's. */
export const operatorNetworkPolicies = (namespace: string): PolicyOptions => ({
  about: 'operator-networkpolicies',
  match: { group: 'networking.k8s.io', resources: ['networkpolicies'], operations: ['CREATE', 'UPDATE'] },
  when: isOperator(namespace),
  holds: [
    {
      rule: `object.metadata.name in ${texts(NETWORK_POLICIES)}`,
      message: `the operator writes no NetworkPolicy but ${NETWORK_POLICIES.join(', ')}`,
    },
    {
      rule: `${mapAt('object.?spec.?podSelector.?matchLabels')}[?'${LABEL.network}'].orValue('') in ${texts(NETWORKS)} || ${listAt('object.?spec.?podSelector.?matchExpressions')}.exists(one, one.key in ${texts([LABEL.sandbox, LABEL.trial])} && one.operator == 'Exists')`,
      message: 'a NetworkPolicy of the operator is about Pods of Trials and Sandboxes',
    },
  ],
});

const isOpen = {
  rule: `${mapAt('namespaceObject.?metadata.?labels')}[?'${NAMESPACE_LABEL.key}'].orValue('') == '${NAMESPACE_LABEL.value}'`,
  message: `the namespace has not the label ${NAMESPACE_LABEL.key}=${NAMESPACE_LABEL.value}`,
  messageExpression: `'namespace ' + object.metadata.namespace + ' is not open to Trials, builds and Sandboxes; an admin opens it with: kubectl label namespace ' + object.metadata.namespace + ' ${NAMESPACE_LABEL.key}=${NAMESPACE_LABEL.value}'`,
};

/**
 * Part of `config/components/labelled-namespaces`: Trials, builds and Sandboxes where an admin has allowed them, and nowhere else. A build of CodeBuild takes no
 * Job, so that TaskBuilds are asked for themselves.
 */
export const labelledNamespaces = (namespace: string): PolicyOptions[] => [
  {
    about: 'operator-namespaces',
    match: { group: 'batch', resources: ['jobs'], operations: ['CREATE'] },
    when: isOperator(namespace),
    holds: [isOpen],
  },
  {
    about: 'taskbuild-namespaces',
    match: { group: GROUP, resources: ['taskbuilds'], operations: ['CREATE'] },
    holds: [isOpen],
  },
];
