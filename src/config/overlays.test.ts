import { expect } from 'chai';
import { loadAll } from 'js-yaml';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { findProgram, skipWithout } from '../../test/support/programs.ts';
import { NAMESPACE_LABEL } from '../installation/names.ts';
import { readConfig } from '../config.ts';

interface Probe {
  timeoutSeconds: number;
  periodSeconds: number;
  failureThreshold: number;
}

interface Container {
  image: string;
  env: { name: string; value?: string }[];
  livenessProbe?: Probe;
  readinessProbe?: Probe;
  startupProbe?: Probe;
}

interface Rendered {
  rules?: { resourceNames?: string[] }[];
  kind: string;
  metadata: { name: string; annotations?: Record<string, string>; labels?: Record<string, string> };
  data?: Record<string, string>;
  spec?: { template: { spec: { containers: Container[]; priorityClassName?: string } } };
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
      const [operator] = one(objects, 'StatefulSet', /^sb-operator$/).spec!.template.spec.containers;
      const courier = operator!.env.find(({ name }) => name === 'SB_COURIER_IMAGE')?.value;
      expect(courier).to.equal(operator!.image).and.not.equal('sb-operator:latest');
      const { data } = one(objects, 'ConfigMap', /^sb-operator-settings-/);
      const config = readConfig({ ...data, POD_NAME: 'sb-operator-0', SB_COURIER_IMAGE: courier });
      expect(config.profile).to.equal(profile);
      if (config.profile === 'aws') expect(config.s3.region).to.equal(config.region);
    });
  }

  it('leave the ConfigMap, the Lease and the Secret that the operator may write their names', () => {
    // Kustomize puts a hash behind every name in a Role that is also the name of a ConfigMap that it makes.
    const { rules = [] } = one(render('local'), 'Role', /^sb-operator$/);
    expect(rules.flatMap(({ resourceNames = [] }) => resourceNames).sort()).to.deep.equal([
      'sb-broker-ca',
      'sb-broker-tls',
      'sb-budgets',
      'sb-operator',
    ]);
  });

  it('let a starved replica answer late before it is restarted, and schedule it before Trials', () => {
    const objects = render('local');
    const { containers, priorityClassName } = one(objects, 'StatefulSet', /^sb-operator$/).spec!.template
      .spec;
    const { livenessProbe, readinessProbe, startupProbe } = containers[0]!;
    for (const probe of [livenessProbe, readinessProbe, startupProbe])
      expect(probe?.timeoutSeconds).to.be.at.least(5);
    expect(livenessProbe!.periodSeconds * livenessProbe!.failureThreshold).to.be.at.least(60);
    expect(one(objects, 'PriorityClass', /^/)).to.have.nested.property('metadata.name', priorityClassName);
  });

  it('have an admin say on AWS in which namespaces Trials may be, and say it of the first', () => {
    const objects = render('aws');
    const agents = one(objects, 'Namespace', /^agents$/).metadata.labels;
    expect(agents).to.include({
      [NAMESPACE_LABEL.key]: NAMESPACE_LABEL.value,
      'pod-security.kubernetes.io/enforce': 'baseline',
    });
    const asked = (overlay: string): boolean =>
      render(overlay).some(({ metadata }) => metadata.name === 'operator-namespaces.sb.abundant.ai');
    expect([asked('aws'), asked('local')]).to.deep.equal([true, false]);
  });

  it('name a role on the ServiceAccount for IRSA alone', () => {
    const role = (overlay: string) =>
      one(render(overlay), 'ServiceAccount', /^sb-operator$/).metadata.annotations?.[
        'eks.amazonaws.com/role-arn'
      ];
    expect(role('aws')).to.equal(undefined);
    expect(role('aws-irsa')).to.match(/^arn:aws:iam::\d{12}:role\/abundant-sb-operator$/);
  });
});
