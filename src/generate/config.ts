/** The folders of `config`: an installation's objects, for kubectl and kustomize. */
import { namespacePolicies } from '../installation/admission/policies.ts';
import { policyDocuments } from '../installation/aws/iam.ts';
import { clusterObjects } from '../installation/aws/cluster/objects.ts';
import { EXAMPLE } from '../installation/aws/cluster/values.ts';
import { TEMPLATES } from '../installation/aws/stacks/stacks.ts';
import { installation } from '../installation/installation.ts';
import { IRSA, OVERLAYS } from '../installation/overlays.ts';
import { aggregated, namespaceBinding, workBinding } from '../installation/roles.ts';
import { DEFAULTS } from '../installation/values.ts';
import type { Permission } from '../kube/types.ts';
import {
  component,
  deleting,
  folder,
  generated,
  overlayFolder,
  overlayOver,
  patching,
  UNHASHED,
  type Files,
} from './kustomize.ts';

/** By name of the folder. `permissions`: everything that the operator does in the API. */
export function configFolders(permissions: readonly Permission[], version: string): Record<string, Files> {
  const values = { ...DEFAULTS, version };
  const { definitions, roles, policies, operator, settings, clientConfig } = installation(
    permissions,
    values,
  );
  return {
    'config/crd': folder(definitions),
    'config/rbac': folder(roles),
    'config/admission': folder(policies),
    'config/default': folder(operator, {
      about:
        'The operator for any cluster. Settings and the image come from an overlay; config/overlays/local shows one.',
      resources: ['../crd', '../rbac', '../admission'],
      configMapGenerator: [
        generated(settings.metadata, settings.data ?? {}),
        generated(clientConfig.metadata, clientConfig.data ?? {}, UNHASHED),
      ],
    }),
    'config/namespace': folder({ 'role-binding': namespaceBinding(values.namespace) }),
    'config/components/labelled-namespaces': component(namespacePolicies(values.namespace)),
    'config/components/namespace-bindings': patching(
      'The operator works only in namespaces that have its RoleBinding: kubectl apply -n <namespace> -k config/namespace.',
      [deleting(workBinding(values.namespace))],
    ),
    'config/components/aggregate': patching(
      'Anyone who may view or edit a namespace by Kubernetes’ own roles may do the same with its Trials, TaskBuilds and Sandboxes.',
      aggregated(),
    ),
    ...Object.fromEntries(
      Object.entries(OVERLAYS).map(([name, overlay]) => [
        `config/overlays/${name}`,
        overlayFolder(overlay, version),
      ]),
    ),
    'config/overlays/aws-irsa': overlayOver(IRSA),
    'config/aws/cluster': folder(clusterObjects(EXAMPLE), {
      about:
        'What a cluster of EKS Auto Mode has beside the operator: nodes for Trials, volumes, logs. Put the outputs of your stacks in the place of these; `npm run generate` puts them back.',
    }),
    'config/aws/iam': json(policyDocuments()),
    'config/aws/stacks': json(
      Object.fromEntries(Object.entries(TEMPLATES).map(([name, stack]) => [`${name}.json`, stack])),
    ),
  };
}

const json = (documents: Record<string, object>): Files =>
  Object.fromEntries(
    Object.entries(documents).map(([file, document]) => [
      file,
      `${JSON.stringify(document, undefined, 2)}\n`,
    ]),
  );
