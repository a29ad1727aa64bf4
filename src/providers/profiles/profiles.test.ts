import { expect } from 'chai';
import type { Secret } from '../../kube/kinds.ts';
import type { KubeClient } from '../../kube/types.ts';
import { StoreClosed } from './profile.ts';
import { openStore, PROFILE_NAMES, profileOf } from './profiles.ts';

const place = { bucket: 'b', region: 'us-east-1', endpoint: 'http://127.0.0.1:1' };
const secret = { namespace: 'sb-system', name: 'sb-s3' };

/** An API server that has this Secret or none, and counts who asks for it. */
const cluster = (found?: Secret['data']): { kube: KubeClient; asked: () => number } => {
  let asked = 0;
  const get = async () => (asked++, found && { data: found });
  return { kube: { get } as unknown as KubeClient, asked: () => asked };
};

describe('The profiles', () => {
  it('take an installation that names none for a local one', () => {
    expect(PROFILE_NAMES[0]).to.equal('local');
  });

  it('close the local store to a client that has no credentials, with what to do about it', async () => {
    const { kube } = cluster();
    const closed = await openStore({ ...place, profile: 'local' }, { kube, secret, env: {} }).catch(
      (error: unknown) => error,
    );
    expect(closed).to.be.instanceOf(StoreClosed).and.include({
      what: 'cannot use the store of the local cluster',
      why: 'there is no Secret sb-system/sb-s3, and no AWS_ACCESS_KEY_ID in the environment',
      fix: 'npm run cluster:up',
    });
  });

  it('read no Secret where the client has credentials of its own, or the cloud gives them', async () => {
    const { kube, asked } = cluster();
    const env = { AWS_PROFILE: 'me' };
    const local = await openStore({ ...place, profile: 'local' }, { kube, secret, env });
    const aws = await openStore({ bucket: 'b', region: 'us-east-1', profile: 'aws' }, { kube, secret, env });
    expect([local.uri('x'), aws.uri('x'), asked()]).to.deep.equal(['s3://b/x', 's3://b/x', 0]);
  });

  it('have a client encrypt what it stores with the installation’s own key', async () => {
    const { kube } = cluster({ AWS_ACCESS_KEY_ID: 'c2I=', AWS_SECRET_ACCESS_KEY: 'c2I=' });
    const encrypted = { ...place, profile: 'local', kmsKeyId: 'a-key' } as const;
    const store = await openStore(encrypted, { kube, secret, env: {} });
    const { headers } = await store.presignPut('x', { size: 1, sha256: '0'.repeat(64) }, 60);
    expect(headers).to.include({ 'x-amz-server-side-encryption-aws-kms-key-id': 'a-key' });
  });

  it('know whose credentials take the place of the installation’s own', () => {
    const env = { AWS_PROFILE: 'me' };
    expect(profileOf('local').foreignCredentials(env)).to.deep.equal(['AWS_PROFILE']);
    expect(profileOf('aws').foreignCredentials(env)).to.deep.equal([]);
  });
});
