import { expect } from 'chai';
import { loadAll } from 'js-yaml';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { findProgram, skipWithout } from '../../../test/support/programs.ts';
import type { ConfigMap } from '../../kube/kinds.ts';
import type { KubeClient, KubeObject } from '../../kube/types.ts';
import { BROKER, CLIENT_CONFIG, OPERATOR } from '../../installation/names.ts';
import { readClientConfig } from './client-config.ts';
import { ownVersion } from '../../installation/version.ts';

const OVERLAYS = join(import.meta.dirname, '../../../config/overlays');

describe('What an overlay tells clients', () => {
  let kubectl: string;
  before(function () {
    kubectl = findProgram('kubectl') ?? skipWithout('kubectl', this);
  });
  const render = (overlay: string): KubeObject[] =>
    loadAll(
      execFileSync(kubectl, ['kustomize', join(OVERLAYS, overlay)], { encoding: 'utf8' }),
    ) as KubeObject[];
  /** An API server that has the overlay's objects. */
  const stored = (objects: KubeObject[]): KubeClient =>
    ({
      get: async (kind: { kind: string }, key: { namespace: string; name: string }) =>
        objects.find(
          (object) =>
            object.kind === kind.kind &&
            object.metadata.namespace === key.namespace &&
            object.metadata.name === key.name,
        ),
    }) as unknown as KubeClient;

  for (const [overlay, profile] of [
    ['local', 'local'],
    ['aws', 'aws'],
    ['aws-irsa', 'aws'],
  ] as const) {
    it(`is in ${overlay} where the operator’s own settings are, and this version`, async () => {
      const objects = render(overlay);
      const config = await readClientConfig(stored(objects));
      const operator = objects.find(
        ({ kind, metadata }) => kind === 'ConfigMap' && metadata.name.startsWith('sb-operator-'),
      );
      const { SB_S3_BUCKET, SB_S3_REGION, SB_AWS_REGION, SB_S3_PUBLIC_ENDPOINT } =
        (operator as ConfigMap).data ?? {};
      expect(config).to.deep.equal({
        profile,
        bucket: SB_S3_BUCKET,
        region: SB_S3_REGION || SB_AWS_REGION,
        operatorVersion: ownVersion(),
        operatorNamespace: OPERATOR.namespace,
        ...(SB_S3_PUBLIC_ENDPOINT && { endpoint: SB_S3_PUBLIC_ENDPOINT }),
      });
    });
  }

  it('may be read by whoever is logged in, with the broker’s CA and where both are, and leads to the broker, and to nothing else', () => {
    const own = render('local').filter(({ metadata }) => metadata.name === CLIENT_CONFIG);
    const rules = own.flatMap((object) => ('rules' in object ? object.rules : []));
    expect(rules).to.have.deep.members([
      {
        apiGroups: ['rbac.authorization.k8s.io'],
        resources: ['clusterroles'],
        resourceNames: [CLIENT_CONFIG],
        verbs: ['get'],
      },
      {
        apiGroups: [''],
        resources: ['configmaps'],
        resourceNames: [BROKER.authority, CLIENT_CONFIG],
        verbs: ['get'],
      },
      {
        apiGroups: [''],
        resources: ['services/proxy'],
        resourceNames: [`https:${BROKER.service}:${BROKER.port}`],
        verbs: ['get', 'create'],
      },
    ]);
    const [binding] = own.filter(({ kind }) => kind === 'RoleBinding') as (KubeObject & {
      subjects: { name: string }[];
    })[];
    expect(binding?.subjects.map(({ name }) => name)).to.deep.equal(['system:authenticated']);
    expect(binding?.metadata.namespace).to.equal(OPERATOR.namespace);
  });
});
