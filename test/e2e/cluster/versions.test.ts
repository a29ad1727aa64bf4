import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { paths } from './machine/paths.ts';
import { versions } from './versions.ts';

describe('versions of the cluster’s programs', () => {
  const modules = {
    kubernetes: 'k8s.io/kubernetes',
    kind: 'sigs.k8s.io/kind',
    versitygw: 'github.com/versity/versitygw',
    buildkit: 'github.com/moby/buildkit',
  } satisfies Record<keyof typeof versions, string>;

  const built = readFileSync(join(paths.assets, 'go/programs/go.mod'), 'utf8');

  it('are the same whether programs are pulled or built', () => {
    for (const name of Object.keys(modules) as (keyof typeof versions)[])
      expect(built).to.match(new RegExp(`^\\s${modules[name]} v${versions[name]}( // indirect)?$`, 'm'));
  });

  it('give every program that is built the Kubernetes modules of the node', () => {
    const replaced = [...built.matchAll(/^\s(k8s\.io\/\S+) => \1 v0\.(\S+)$/gm)];
    expect(replaced).to.have.lengthOf.above(20);
    expect(new Set(replaced.map(([, , version]) => `1.${version}`))).to.deep.equal(
      new Set([versions.kubernetes]),
    );
  });
});
