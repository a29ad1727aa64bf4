/** The objects of an installation as templates of the chart: the same functions as for config/default, with holes in the place of values. */
import { policies, namespacePolicies } from '../../installation/admission/policies.ts';
import { installation, type Objects } from '../../installation/installation.ts';
import { OPERATOR, STORE_SECRET } from '../../installation/names.ts';
import { metricsNetworkPolicy } from '../../installation/operator.ts';
import { namespaceBinding } from '../../installation/roles.ts';
import type { StatefulSet } from '../../kube/kinds.ts';
import type { KubeObject, ObjectMeta, Permission } from '../../kube/types.ts';
import { block, entries, items, scalar, template, text } from './holes.ts';

type Templates = Record<string, string>;

const NAMESPACE = text('.Release.Namespace');

/** The namespace of the release is Helm's; only it can make it before the release. */
const OF_HELM = ['namespace'];

/** What an object is there for, by its short name; all others always are. */
const WHEN: Record<string, string> = {
  'work-role-binding': 'not .Values.rbac.namespaces',
  'priority-class': 'not .Values.priorityClassName',
  'pod-disruption-budget': 'and .Values.podDisruptionBudget.enabled (gt (int .Values.replicas) 1)',
  'network-policy': '.Values.networkPolicy.enabled',
  // A rule from no peers would be one from everybody.
  'metrics-network-policy': 'and .Values.networkPolicy.enabled .Values.networkPolicy.metricsFrom',
};

/** Further metadata, by short name. */
const METADATA: Record<string, Pick<ObjectMeta, 'annotations' | 'labels'>> = {
  'service-account': { annotations: block('toYaml .Values.serviceAccount.annotations') },
  view: { labels: entries('include "sb-operator.aggregate" (dict "root" . "to" "view")') },
  edit: { labels: entries('include "sb-operator.aggregate" (dict "root" . "to" "edit")') },
};

const LABELS = entries('include "sb-operator.labels" .');

function labelled<T extends KubeObject>(object: T, name: string): T {
  const { labels, ...more } = METADATA[name] ?? {};
  const metadata = {
    ...object.metadata,
    ...more,
    labels: { ...object.metadata.labels, ...LABELS, ...labels },
  };
  return { ...object, metadata };
}

const templates = (objects: Objects, when?: string): Templates =>
  Object.fromEntries(
    Object.entries(objects).map(([name, object]) => [
      `${name}.yaml`,
      template(labelled(object, name), when ?? WHEN[name]),
    ]),
  );

type Pod = NonNullable<NonNullable<StatefulSet['spec']>['template']>;
type Container = NonNullable<Pod['spec']>['containers'][number];

/** Everything of the StatefulSet that values say. */
function withValues(statefulSet: StatefulSet): StatefulSet {
  const { spec } = statefulSet;
  if (!spec) throw new Error('the StatefulSet is empty');
  return { ...statefulSet, spec: { ...spec, template: podWithValues(spec.template) } };
}

function podWithValues({ metadata, spec }: Pod): Pod {
  if (!spec) throw new Error('the Pod is empty');
  return {
    metadata: {
      ...metadata,
      labels: { ...metadata?.labels, ...entries('include "sb-operator.yaml" .Values.podLabels') },
      annotations: {
        // Kustomize puts a hash behind the name instead.
        'checksum/config': text('include "sb-operator.settings" . | sha256sum'),
        ...entries('include "sb-operator.yaml" .Values.podAnnotations'),
      },
    },
    spec: {
      ...spec,
      priorityClassName: text(`.Values.priorityClassName | default "${OPERATOR.name}"`),
      affinity: block('toYaml .Values.affinity'),
      containers: spec.containers.map(containerWithValues),
      ...entries('include "sb-operator.pod" .'),
    },
  };
}

function containerWithValues(container: Container): Container {
  const { env = [], envFrom = [] } = container;
  return {
    ...container,
    envFrom: envFrom.map(({ secretRef, ...from }) =>
      secretRef?.name === STORE_SECRET
        ? { secretRef: { ...secretRef, name: text('.Values.s3.existingSecret') } }
        : { ...from, ...(secretRef && { secretRef }) },
    ),
    env: [...env, items('include "sb-operator.yaml" .Values.extraEnv')],
    ...entries('include "sb-operator.pullPolicy" .'),
  };
}

/** Templates by folder and file. `permissions`: everything that the operator does in the API. */
export function objectTemplates(permissions: readonly Permission[]): Record<string, Templates> {
  const values = {
    version: text('.Chart.AppVersion'),
    namespace: NAMESPACE,
    image: text('include "sb-operator.image" .'),
    replicas: scalar('int .Values.replicas'),
    resources: block('toYaml .Values.resources'),
    settings: {},
  };
  const { definitions, roles, operator, settings, clientConfig } = installation(permissions, values);
  const kept = Object.fromEntries(
    Object.entries(definitions).map(([name, crd]) => [
      name,
      {
        ...crd,
        metadata: {
          ...crd.metadata,
          annotations: block('include "sb-operator.keep" .'),
        },
      },
    ]),
  );
  const own = Object.entries(operator).filter(([name]) => !OF_HELM.includes(name));
  const statefulSet = withValues(operator['stateful-set'] as StatefulSet);
  const { data } = settings;
  return {
    crds: templates(kept, '.Values.crds.enabled'),
    rbac: { ...templates(roles), 'namespace-bindings.yaml': inNamespaces() },
    admission: {
      ...templates(policies(NAMESPACE)),
      ...templates(namespacePolicies(NAMESPACE), '.Values.trials.onlyLabelledNamespaces'),
    },
    operator: templates({
      ...Object.fromEntries(own),
      'stateful-set': statefulSet,
      'metrics-network-policy': metricsNetworkPolicy(
        values,
        block('toYaml .Values.networkPolicy.metricsFrom'),
      ),
      settings: {
        ...settings,
        data: { ...data, ...entries('include "sb-operator.settings" .') },
      } as KubeObject,
      client: { ...clientConfig, data: entries('include "sb-operator.client" .') } as KubeObject,
    }),
  };
}

/** The binding of config/namespace, in each namespace that a value names. */
function inNamespaces(): string {
  const binding = namespaceBinding(text('$.Release.Namespace'));
  const { name } = binding.metadata;
  const labels = entries('include "sb-operator.labels" $');
  const one = template({ ...binding, metadata: { name, namespace: text('.'), labels } });
  return `{{- range .Values.rbac.namespaces }}\n---\n${one}{{- end }}\n`;
}
