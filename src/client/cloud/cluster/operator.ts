/** The step that installs the operator: the objects that config/overlays/aws renders, with what the stacks are called. */
import { namespacePolicies } from '../../../installation/admission/policies.ts';
import { checksumOf, SETTINGS_CHECKSUM } from '../../../installation/aws/cluster/logs.ts';
import { namespaceObjects } from '../../../installation/aws/cluster/objects.ts';
import { awsValues } from '../../../installation/aws/values.ts';
import { FormerOperator } from '../../../installation/former.ts';
import { installation } from '../../../installation/installation.ts';
import { OPERATOR } from '../../../installation/names.ts';
import { OPERATOR_PERMISSIONS } from '../../../installation/operator-permissions.ts';
import { OVERLAYS } from '../../../installation/overlays.ts';
import { DEFAULTS, type Values } from '../../../installation/values.ts';
import { StatefulSet } from '../../../kube/kinds.ts';
import type { KubeClient, KubeObject } from '../../../kube/types.ts';
import { CliError } from '../../failures/error.ts';
import type { CloudContext, CloudStep, ClusterAddress } from '../steps.ts';
import { allThere, applyAll, deleteAll, kindOf } from './apply.ts';
import { inCluster } from './connect.ts';
import type { ToolImages } from './images.ts';
import { isRolledOut, operatorReady } from './rollout.ts';
import { waitFor } from './wait.ts';

/** Every object of an installation on AWS. */
export function operatorObjects(values: Values): KubeObject[] {
  const { settings, clientConfig, ...groups } = installation(OPERATOR_PERMISSIONS, values);
  const trials = OVERLAYS['aws']?.trials?.namespace;
  return [
    ...Object.values(groups).flatMap((group) => Object.values<KubeObject>(group)),
    ...Object.values(namespacePolicies(values.namespace)),
    ...(trials ? [trials, ...Object.values(namespaceObjects({ namespaces: [trials.metadata.name] }))] : []),
    settings,
    clientConfig,
  ].map(withDeclaredPods(values));
}

/** The operator reads its settings as it starts: other settings are other Pods. Kustomize does this by another name of the ConfigMap. */
const withDeclaredPods =
  ({ settings }: Values) =>
  (object: KubeObject): KubeObject => {
    if (object.kind !== 'StatefulSet') return object;
    const { spec } = object as KubeObject & { spec: { template: { metadata: object } } };
    // Not one of ours: on Pods those are for the operator's Jobs alone, and admission refuses them.
    const annotations = { [SETTINGS_CHECKSUM]: checksumOf(JSON.stringify(settings)) };
    return {
      ...object,
      spec: { ...spec, template: { ...spec.template, metadata: { ...spec.template.metadata, annotations } } },
    } as KubeObject;
  };

export interface OperatorStep {
  /** Of `sb`, and so of the operator. */
  version: string;
  images: ToolImages;
}

export function operatorStep({ version, images }: OperatorStep): CloudStep {
  const objects = async (cloud: CloudContext, { autoMode }: ClusterAddress): Promise<KubeObject[]> => {
    const [outputs, { operator, buildKit }] = await Promise.all([
      cloud.outputs('artifacts'),
      images.names(cloud),
    ]);
    const { stack, region } = cloud;
    return operatorObjects(
      awsValues({ version, stack, region, outputs, image: operator, buildKit, autoMode }),
    );
  };
  return {
    name: 'operator',
    shows: () => [
      `the operator ${version} in namespace ${OPERATOR.namespace}, its CRDs, roles and policies`,
      `namespace ${OVERLAYS['aws']?.trials?.namespace.metadata.name ?? ''} for Trials`,
    ],
    isDone: (cloud) =>
      inCluster(cloud, false, async ({ client }, address) => {
        if (!(await images.areThere(cloud))) return false;
        const wanted = await objects(cloud, address);
        return (await allThere(client, wanted)) && (await isUp(client));
      }),
    make: async (cloud) => {
      await inCluster(cloud, undefined, async ({ client }, address) => {
        await client.delete(FormerOperator, OPERATOR);
        await applyAll(client, await objects(cloud, address), async (kind) => {
          cloud.signal.throwIfAborted();
          if (kind === 'CustomResourceDefinition') await established(client, cloud);
        });
        await operatorReady(client, cloud, OPERATOR.namespace);
      });
    },
    remove: (cloud) =>
      inCluster(cloud, undefined, async ({ client }, { ours }) => {
        // It goes with its cluster, and until then ends what runs.
        if (!ours) await deleteAll(client, operatorObjects({ ...DEFAULTS, version }).filter(isNobodyElses));
      }),
  };
}

/** In the namespaces of Trials others may have something. */
const isNobodyElses = ({ kind, metadata: { name } }: KubeObject): boolean =>
  kind !== 'Namespace' || name !== OVERLAYS['aws']?.trials?.namespace.metadata.name;

async function isUp(kube: KubeClient): Promise<boolean> {
  const key = { namespace: OPERATOR.namespace, name: OPERATOR.name };
  const found = await kube.get(StatefulSet, key);
  return found !== undefined && isRolledOut(found);
}

interface Definition extends KubeObject {
  spec: { group: string };
  status?: { conditions?: { type: string; status: string; message?: string }[] | null };
}

const CRD = kindOf({ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' });

/** Until the API server serves them, nobody can be allowed anything about them, nor any Trial be made. */
async function established(kube: KubeClient, cloud: CloudContext): Promise<void> {
  const { definitions } = await import('../../../crds/kinds.ts');
  await waitFor(cloud, {
    limitMs: 60_000,
    look: async () => {
      const found = await Promise.all(
        definitions.map(({ metadata: { name } }) => kube.get(CRD, { namespace: '', name })),
      );
      const open = (found as (Definition | undefined)[]).filter((crd) => !isEstablished(crd));
      return open.length === 0
        ? { done: undefined }
        : { still: `CRDs: ${definitions.length - open.length} of ${definitions.length} are served` };
    },
    late: (why) =>
      new CliError('SB-E133', {
        what: 'the operator does not become ready',
        why: `${why}, a minute after they were applied`,
        fix: 'kubectl get crds    (then run the same command again: it goes on from here)',
      }),
  });
}

const isEstablished = (crd: Definition | undefined): boolean =>
  crd?.status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True') ?? false;
