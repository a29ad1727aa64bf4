import { expect } from 'chai';
import { redirectOf } from './redirect.ts';

const to = (location: string, status = 307, from = 'https://registry.example/v2/a/blobs/b') =>
  redirectOf({ status, headers: new Headers({ location }) }, new URL(from), 'get a')?.href;

describe('where a registry sends us', () => {
  it('is its storage, by whatever status and however it is written', () => {
    for (const status of [301, 302, 303, 307, 308])
      expect(to('https://cdn.example/b', status)).to.equal('https://cdn.example/b');
    expect(to('/elsewhere')).to.equal('https://registry.example/elsewhere');
    expect(to('http://other/b', 307, 'http://registry:5000/v2/')).to.equal('http://other/b');
  });

  it('is nowhere for any other answer', () => {
    expect(to('https://cdn.example/b', 200)).to.equal(undefined);
    expect(redirectOf({ status: 307, headers: new Headers() }, new URL('https://a'), '')).to.equal(undefined);
  });

  it('is never from https to plain http, where a metadata service listens, nor to something else', () => {
    for (const place of [
      'http://169.254.169.254/latest/meta-data/',
      'file:///etc/passwd',
      'data:,x',
      'https://',
    ])
      expect(() => to(place), place).to.throw('which no registry may name');
  });
});
