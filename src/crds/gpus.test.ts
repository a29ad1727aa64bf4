import { expect } from 'chai';
import { gpuFault, gpusFor, type Gpus } from './gpus.ts';

const known: Gpus = {
  resource: 'nvidia.com/gpu',
  types: {
    h100: { nodeSelectors: [{ gpu: 'h100' }, { accelerator: 'nvidia-h100' }], resource: 'nvidia.com/gpu' },
    a100: { nodeSelectors: [{ gpu: 'a100' }], resource: 'nvidia.com/gpu' },
    mi300: { nodeSelectors: [{ gpu: 'mi300' }], resource: 'amd.com/gpu' },
  },
};

describe('the GPUs of an installation', () => {
  it('are none where none is wanted, whatever the type', () => {
    expect(gpusFor({ gpuTypes: ['H100'] }, known)).to.equal(undefined);
    expect(gpuFault({ gpuTypes: ['unheard of'] }, known)).to.equal(undefined);
  });

  it('are any where no type is wanted', () => {
    expect(gpusFor({ gpus: 2 }, known)).to.deep.equal({
      count: 2,
      resource: 'nvidia.com/gpu',
      nodeSelectors: [],
    });
  });

  it('are on the nodes of any type that is wanted and known, in whatever case', () => {
    const wanted = { gpus: 1, gpuTypes: ['H100', 'unheard of', ' a100 ', 'MI300'] };
    expect(gpuFault(wanted, known)).to.equal(undefined);
    expect(gpusFor(wanted, known)?.nodeSelectors).to.deep.equal([
      { gpu: 'h100' },
      { accelerator: 'nvidia-h100' },
      { gpu: 'a100' },
    ]);
    expect(gpusFor({ gpus: 1, gpuTypes: ['MI300'] }, known)?.resource).to.equal('amd.com/gpu');
  });

  it('are refused by the setting’s name where no type is known', () => {
    for (const gpuTypes of [
      ['TPU', 'constructor'],
      ['constructor', 'TPU'],
    ])
      expect(gpuFault({ gpus: 1, gpuTypes }, known)).to.equal(
        `environment.gpu_types: this installation knows no GPU of type ${gpuTypes.join(' or ')}; it knows a100, h100, mi300: the operator's setting SB_GPU_TYPES adds others`,
      );
  });
});
