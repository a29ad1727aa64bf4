/** Policies about the operator itself: what its token is good for in the hands of somebody else. */
import { API_VERSION, BROKER_AUDIENCE, GROUP, LABEL, NETWORKS, networkPolicyName } from '../../crds/names.ts';
import { NAMESPACE_LABEL, OPERATOR, operatorUser } from '../names.ts';
import { listAt, mapAt, texts, type PolicyOptions } from './policy.ts';

const isOperator = (namespace: string): string => `request.userInfo.username == '${operatorUser(namespace)}'`;
/** Nothing more is asked of a deletion, which has no object. */
const unlessDeleted = (rule: string): string => `request.operation == 'DELETE' || (${rule})`;

/** As in `bounded`: a name that fits is the label itself. */
const isOwnerName = `variables.owner.name.size() > 63 || variables.label == variables.owner.name`;
const attemptOfTrial = [
  `variables.owner.kind == 'Trial'`,
  `object.metadata.name.endsWith('-' + variables.labels['${LABEL.attempt}'])`,
  `(variables.owner.name.size() > 52 || object.metadata.name == variables.owner.name + '-' + variables.labels['${LABEL.attempt}'])`,
  `'${LABEL.trial}' in variables.labels`,
].join(' && ');
const attemptOfBuild = [
  `variables.owner.kind == 'TaskBuild'`,
  `object.metadata.name.matches('^sb-build-[0-9a-f]{20}$')`,
  `'${LABEL.taskBuild}' in variables.labels`,
].join(' && ');

/** Volumes that hold nothing of a node, and no token but the broker's. */
const harmlessVolume = [
  'has(volume.emptyDir)',
  'has(volume.configMap)',
  'has(volume.secret)',
  // Read-only, and of what a registry gives to anybody who may pull it.
  'has(volume.image)',
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
  rule: `request.operation != 'DELETE' || ${mapAt('oldObject.?metadata.?labels')}.exists(key, key in ${texts([LABEL.trial, LABEL.taskBuild])})`,
  message: `the operator deletes no Job but those of Trials and TaskBuilds`,
};

/** `namespace`: of the operator. */
const keepsOut = (namespace: string): Rule => ({
  rule: unlessDeleted(
    `!object.metadata.namespace.startsWith('kube-') && object.metadata.namespace != '${namespace}'`,
  ),
  message: `no Trial and no build runs in a namespace of Kubernetes or of the operator: use another namespace`,
});

const isRendered: Rule[] = [
  {
    rule: unlessDeleted(
      `variables.owners.size() == 1 && variables.owner.apiVersion == '${API_VERSION}' && variables.owner.?controller.orValue(false)`,
    ),
    message: 'a Job of the operator is owned by a Trial or a TaskBuild, and by nothing else',
  },
  {
    rule: unlessDeleted(
      `'${LABEL.attempt}' in variables.labels && (${isOwnerName}) && (${attemptOfTrial} || ${attemptOfBuild})`,
    ),
    message: 'a Job of the operator has the name and the labels of an attempt of its owner',
  },
  {
    rule: unlessDeleted(
      `${mapAt('object.spec.template.?metadata.?labels')}.exists(key, key in ${texts([LABEL.trial, LABEL.taskBuild])} && object.spec.template.metadata.labels[key] == variables.label)`,
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
      'no Trial comes before Kubernetes’ own Pods or the operator’s: choose another spec.scheduling.priorityClassName',
  },
  {
    rule: unlessDeleted(`${listAt('variables.pod.?volumes')}.all(volume, ${harmlessVolume})`),
    message: `the volumes of a Job of the operator are emptyDirs, ConfigMaps, Secrets, images and the token for ${BROKER_AUDIENCE}`,
  },
];

/** A Job of the operator is one that it renders for a Trial or a TaskBuild. */
export const operatorJobs = (namespace: string): PolicyOptions => ({
  about: 'operator-jobs',
  match: { group: 'batch', resources: ['jobs'], operations: ['CREATE', 'UPDATE', 'DELETE'] },
  when: isOperator(namespace),
  variables: {
    labels: mapAt('object.?metadata.?labels'),
    owners: listAt('object.?metadata.?ownerReferences'),
    owner: 'variables.owners[0]',
    label: `variables.labels[?(variables.owner.kind == 'Trial' ? '${LABEL.trial}' : '${LABEL.taskBuild}')].orValue('')`,
    pod: 'object.spec.template.spec',
    seccomp: `variables.pod.?securityContext.?seccompProfile.?type.orValue('')`,
    priority: `variables.pod.?priorityClassName.orValue('')`,
    containers: `${listAt('variables.pod.?containers')} + ${listAt('variables.pod.?initContainers')}`,
  },
  holds: [deletesItsOwn, keepsOut(namespace), ...isRendered],
});

/** A NetworkPolicy of the operator is one of two, and about the Pods of Trials alone: it opens and closes nobody else's. */
export const operatorNetworkPolicies = (namespace: string): PolicyOptions => ({
  about: 'operator-networkpolicies',
  match: { group: 'networking.k8s.io', resources: ['networkpolicies'], operations: ['CREATE', 'UPDATE'] },
  when: isOperator(namespace),
  holds: [
    {
      rule: `object.metadata.name in ${texts(NETWORKS.map(networkPolicyName))}`,
      message: `the operator writes no NetworkPolicy but ${NETWORKS.map(networkPolicyName).join(' and ')}`,
    },
    {
      rule: `${mapAt('object.?spec.?podSelector.?matchLabels')}[?'${LABEL.network}'].orValue('') in ${texts(NETWORKS)}`,
      message: 'a NetworkPolicy of the operator is about Pods of Trials',
    },
  ],
});

const isOpen = {
  rule: `${mapAt('namespaceObject.?metadata.?labels')}[?'${NAMESPACE_LABEL.key}'].orValue('') == '${NAMESPACE_LABEL.value}'`,
  message: `the namespace has not the label ${NAMESPACE_LABEL.key}=${NAMESPACE_LABEL.value}`,
  messageExpression: `'namespace ' + object.metadata.namespace + ' is not open to Trials and builds; an admin opens it with: kubectl label namespace ' + object.metadata.namespace + ' ${NAMESPACE_LABEL.key}=${NAMESPACE_LABEL.value}'`,
};

/**
 * Part of `config/components/labelled-namespaces`: Trials and builds where an admin has allowed them, and nowhere else. A build of CodeBuild takes no
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
