import { expect } from 'chai';
import { load } from 'js-yaml';
import { readFileSync } from 'node:fs';
import { gpuSettings } from '../../../config/gpus.ts';
import { reader } from '../../../config/reader.ts';
import { gpuPool, nodePool } from './nodes.ts';

const page = readFileSync(new URL('../../../../docs/aws-nodes.md', import.meta.url), 'utf8');
const [, yaml = ''] = /```yaml\n(.*?)```/s.exec(page) ?? [];

describe('The NodePool with GPUs', () => {
  const { metadata, spec } = gpuPool(4);

  it('is the one that docs/aws-nodes.md shows', () => {
    expect(load(yaml)).to.deep.equal(gpuPool(4));
  });

  it('has a name of its own, and beside taint, requirements and limits all that the pool of Trials has', () => {
    const of = ({ template, disruption }: typeof spec) => {
      const { nodeClassRef, expireAfter, terminationGracePeriod } = template.spec;
      return { disruption, nodeClassRef, expireAfter, terminationGracePeriod };
    };
    expect(of(spec)).to.deep.equal(of(nodePool().spec));
    expect(metadata.name).to.not.equal(nodePool().metadata.name);
  });

  it('has the labels by which Trials ask for GPUs, and the taint that they tolerate', () => {
    const gpus = gpuSettings(reader({}, []));
    const label = 'eks.amazonaws.com/instance-gpu-name';
    const names = spec.template.spec.requirements.find(({ key }) => key === label)?.values ?? [];
    expect(names).to.have.length.above(0);
    for (const name of names) expect(gpus.types[name]?.nodeSelectors).to.deep.include({ [label]: name });
    expect(spec.template.spec.taints).to.deep.equal([{ key: gpus.resource, effect: 'NoSchedule' }]);
    expect(spec.limits).to.include({ [gpus.resource]: '4' });
  });

  it('grows by what a GPU is to have beside it', () => {
    expect(gpuPool(1).spec.limits).to.deep.equal({
      cpu: '16',
      memory: '64Gi',
      'nvidia.com/gpu': '1',
      nodes: '1',
    });
  });
});
