import { expect } from 'chai';
import { ProviderError } from '../../errors.ts';
import { imageConfig, parseManifest } from './manifest.ts';

const bytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
const refusal = (read: () => unknown): string => {
  try {
    read();
  } catch (error) {
    if (error instanceof ProviderError) return error.reason;
    throw error;
  }
  return 'read';
};
const config = (value: unknown) => () => imageConfig(bytes(value), 'linux/amd64', 'image');

describe('What a registry says of an image', () => {
  it('is refused where it has another form, and never ends in an unexpected error', () => {
    for (const manifest of [
      { manifests: {} },
      { manifests: [null] },
      { manifests: [{ digest: 7 }] },
      { config: [] },
    ])
      expect(
        refusal(() => parseManifest(bytes(manifest), 'x')),
        JSON.stringify(manifest),
      ).to.equal('Invalid');
    for (const wrong of [
      { os: 7 },
      { config: 7 },
      { config: { User: {} } },
      { config: { Cmd: 'sh' } },
      { config: { Entrypoint: [1] } },
    ])
      expect(refusal(config(wrong)), JSON.stringify(wrong)).to.equal('Invalid');
  });

  it('may be null where Docker writes null', () => {
    expect(
      config({ os: 'linux', architecture: 'amd64', config: { User: null, Entrypoint: null, Cmd: null } })(),
    ).to.deep.equal({
      user: '',
      workdir: '/',
      entrypoint: [],
      cmd: [],
    });
    expect(config({ config: null })()).to.include({ workdir: '/' });
  });

  it('is refused where it would fill the operator’s memory or a Pod’s annotations', () => {
    const command = (length: number) => ({ config: { Cmd: Array(length).fill('x'.repeat(1000)) } });
    expect(refusal(config(command(60)))).to.equal('read');
    expect(refusal(config(command(70)))).to.equal('Invalid');
  });
});
