import { expect } from 'chai';
import { loadAll } from 'js-yaml';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { findProgram, skipWithout } from '../../test/support/programs.ts';
import { readConfig } from '../config.ts';

interface Rendered {
  kind: string;
  metadata: { name: string; annotations?: Record<string, string> };
  data?: Record<string, string>;
  spec?: { template: { spec: { containers: { image: string; env: { name: string; value?: string }[] }[] } } };
}

describe('the overlays of config/default', () => {
  let kubectl: string;
  before(function () {
    kubectl = findProgram('kubectl') ?? skipWithout('kubectl', this);
  });

  const render = (overlay: string): Rendered[] => {
    const folder = join(import.meta.dirname, '../../config/overlays', overlay);
    const text = execFileSync(kubectl, ['kustomize', folder], { encoding: 'utf8' });
    return loadAll(text) as Rendered[];
  };
  const one = (objects: Rendered[], kind: string, name: RegExp): Rendered =>
    objects.find((object) => object.kind === kind && name.test(object.metadata.name))!;

  for (const [overlay, profile] of [
    ['local', 'local'],
    ['aws', 'aws'],
    ['aws-irsa', 'aws'],
  ] as const) {
    it(`give ${overlay} all settings of its profile, and the courier the operator’s image`, () => {
      const objects = render(overlay);
      const [operator] = one(objects, 'Deployment', /^sb-operator$/).spec!.template.spec.containers;
      const courier = operator!.env.find(({ name }) => name === 'SB_COURIER_IMAGE')?.value;
      expect(courier).to.equal(operator!.image).and.not.equal('sb-operator:latest');
      const { data } = one(objects, 'ConfigMap', /^sb-operator-/);
      const config = readConfig({ ...data, POD_NAME: 'sb-operator-0', SB_COURIER_IMAGE: courier });
      expect(config.profile).to.equal(profile);
      if (config.profile === 'aws') expect(config.s3.region).to.equal(config.region);
    });
  }

  it('name a role on the ServiceAccount for IRSA alone', () => {
    const role = (overlay: string) =>
      one(render(overlay), 'ServiceAccount', /^sb-operator$/).metadata.annotations?.[
        'eks.amazonaws.com/role-arn'
      ];
    expect(role('aws')).to.equal(undefined);
    expect(role('aws-irsa')).to.match(/^arn:aws:iam::\d{12}:role\/abundant-sb-operator$/);
  });
});
