import { expect } from 'chai';
import { checkedManifest } from '../support/stored.ts';
import { trial } from '../support/stories.ts';

describe('many files', () => {
  const many = trial('output-10000', {
    agent:
      'mkdir -p /logs/artifacts/many; cd /logs/artifacts/many; i=0; while [ $i -lt 10000 ]; do echo $i > $i; i=$((i+1)); done',
  });

  it('ten thousand files arrive, each in the manifest', async () => {
    const { files } = await checkedManifest(await many.earns(1));
    expect(files.filter(({ path }) => path.startsWith('output/many/'))).to.have.lengthOf(10_000);
  });
});
