import { expect } from 'chai';
import { load } from 'js-yaml';
import { readFileSync } from 'node:fs';
import { gpuSettings } from '../../../config/gpus.ts';
import { reader } from '../../../config/reader.ts';
import { nodePool, type NodePool } from './nodes.ts';

const page = readFileSync(new URL('../../../../docs/aws-nodes.md', import.meta.url), 'utf8');
const [, yaml = ''] = /```yaml\n(.*?)```/s.exec(page) ?? [];
const pool = load(yaml) as NodePool & {
  spec: { template: { spec: { taints: { key: string; effect: string }[] } } };
};

describe('docs/aws-nodes.md', () => {
  it('adds a pool of its own name to the class that sb cloud init makes, with the fields of ours', () => {
    const { spec } = pool.spec.template;
    expect(spec.nodeClassRef).to.deep.equal(nodePool().spec.template.spec.nodeClassRef);
    expect(pool.metadata.name).to.not.equal(nodePool().metadata.name);
    expect([pool.apiVersion, pool.kind]).to.deep.equal([nodePool().apiVersion, nodePool().kind]);
    expect(pool.spec.disruption).to.deep.equal(nodePool().spec.disruption);
    expect(Object.keys(pool.spec).sort()).to.deep.equal(Object.keys(nodePool().spec).sort());
    const { taints: _, ...others } = spec;
    expect(Object.keys(others).sort()).to.deep.equal(Object.keys(nodePool().spec.template.spec).sort());
  });

  it('has the labels by which Trials ask for GPUs, and the taint that they tolerate', () => {
    const gpus = gpuSettings(reader({}, []));
    const label = 'eks.amazonaws.com/instance-gpu-name';
    const names = pool.spec.template.spec.requirements.find(({ key }) => key === label)?.values ?? [];
    expect(names).to.have.length.above(0);
    for (const name of names) expect(gpus.types[name]?.nodeSelectors).to.deep.include({ [label]: name });
    expect(pool.spec.template.spec.taints).to.deep.equal([{ key: gpus.resource, effect: 'NoSchedule' }]);
    expect(pool.spec.limits).to.have.property(gpus.resource);
  });
});
