import { expect } from 'chai';
import { parseTaskToml } from '../toml/parse.ts';
import { resourcesOf } from './resources.ts';

describe('The disk of a task', () => {
  const diskOf = (toml: string) => {
    const { requests, limits } = resourcesOf(parseTaskToml(`[environment]\n${toml}`).environment) ?? {};
    return [requests?.['ephemeral-storage'], limits?.['ephemeral-storage']];
  };

  it('is limited to what the task says, of which two gibibytes at most are set aside', () => {
    expect(diskOf('storage_mb = 10240')).to.deep.equal(['2048Mi', '10240Mi']);
    expect(diskOf('storage_mb = 2048')).to.deep.equal(['2048Mi', '2048Mi']);
    expect(diskOf('storage_mb = 100')).to.deep.equal(['100Mi', '100Mi']);
    expect(diskOf('storage = "1024G"')).to.deep.equal(['2048Mi', '1048576Mi']);
  });

  it('is the API’s to choose where the task says nothing', () => {
    expect(diskOf('cpus = 1')).to.deep.equal([undefined, undefined]);
  });
});
