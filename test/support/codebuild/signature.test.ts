import { ListBuildsForProjectCommand } from '@aws-sdk/client-codebuild';
import { expect } from 'chai';
import { createHash } from 'node:crypto';
import type { KnownCredentials } from './service.ts';
import { authenticate, signatureOf, type SignedRequest } from './signature.ts';
import { failure, KEY, PROJECT, useCodeBuild } from './testing.ts';

const SESSION: KnownCredentials = {
  accessKeyId: 'ASIASESSION',
  secretAccessKey: 'session-secret',
  sessionToken: 'a-token',
  userName: 'session',
};

describe('codebuild service: who may call', () => {
  const expiring = { ...SESSION };
  const tested = useCodeBuild(() => ({ credentials: [KEY, expiring] }));
  const list = new ListBuildsForProjectCommand({ projectName: PROJECT });
  const refused = async (config: Parameters<typeof tested.clientWith>[0]): Promise<string> =>
    (await failure(tested.clientWith(config).send(list))).name;

  it('takes what the SDK signs with a key that it knows', async () => {
    expect((await tested.client.send(list)).ids).to.deep.equal([]);
  });

  it('holds to policies who enters by a door, and nobody else', async () => {
    const endpoint = await tested.service.door(({ action, resource }) => `no ${action} on ${resource}`);
    const error = await failure(tested.clientWith({ endpoint }).send(list));
    expect([error.name, error.message]).to.deep.equal([
      'AccessDeniedException',
      `no codebuild:ListBuildsForProject on arn:aws:codebuild:us-east-1:123456789012:project/${PROJECT}`,
    ]);
    expect((await tested.client.send(list)).ids).to.deep.equal([]);
  });

  it('takes session credentials with their token, and no other token', async () => {
    const { accessKeyId, secretAccessKey, sessionToken = '' } = SESSION;
    const good = { accessKeyId, secretAccessKey, sessionToken };
    expect((await tested.clientWith({ credentials: good }).send(list)).ids).to.deep.equal([]);
    expect(await refused({ credentials: { ...good, sessionToken: 'other' } })).to.equal(
      'UnrecognizedClientException',
    );
    expect(await refused({ credentials: { accessKeyId, secretAccessKey } })).to.equal(
      'UnrecognizedClientException',
    );
  });

  it('says ExpiredTokenException once a session has ended', async () => {
    expiring.expiration = Date.now() - 1;
    const { expiration: _, ...credentials } = { ...SESSION };
    const error = await failure(tested.clientWith({ credentials: credentials as never }).send(list));
    expect([error.name, error.$metadata?.httpStatusCode]).to.deep.equal(['ExpiredTokenException', 403]);
  });

  it('says InvalidSignatureException where the secret is another', async () => {
    expect(await refused({ credentials: { ...KEY, secretAccessKey: 'other' } })).to.equal(
      'InvalidSignatureException',
    );
  });

  it('says UnrecognizedClientException for a key that it does not know', async () => {
    expect(await refused({ credentials: { ...KEY, accessKeyId: 'OTHER' } })).to.equal(
      'UnrecognizedClientException',
    );
  });

  it('says InvalidSignatureException for another region and for a clock that is ten minutes late', async () => {
    expect(await refused({ region: 'eu-west-1' })).to.equal('InvalidSignatureException');
    expect(await refused({ systemClockOffset: -600_000 })).to.equal('InvalidSignatureException');
  });

  it('says MissingAuthenticationTokenException where nothing is signed, IncompleteSignatureException where half is', async () => {
    const ask = async (authorization?: string): Promise<unknown> => {
      const headers = {
        'x-amz-target': 'CodeBuild_20161006.StopBuild',
        ...(authorization && { authorization }),
      };
      const answer = await fetch(tested.service.url, { method: 'POST', headers });
      return [answer.status, ((await answer.json()) as Record<string, string>)['__type']];
    };
    expect(await ask()).to.deep.equal([403, 'MissingAuthenticationTokenException']);
    expect(await ask('AWS4-HMAC-SHA256 Credential=a/b')).to.deep.equal([403, 'IncompleteSignatureException']);
  });
});

describe('signature version 4', () => {
  const now = Date.UTC(2015, 7, 30, 12, 36);
  const scope = '20150830/us-east-1/codebuild/aws4_request';
  const signedHeaders = ['host', 'x-amz-date'];
  const request = (): SignedRequest => ({
    method: 'POST',
    url: '/',
    headers: { host: 'example.amazonaws.com', 'x-amz-date': '20150830T123600Z' },
    body: Buffer.from('{}'),
  });
  const signed = (change: Partial<SignedRequest> = {}): SignedRequest => {
    const signature = signatureOf(request(), KEY.secretAccessKey, { scope, signedHeaders });
    const authorization = `AWS4-HMAC-SHA256 Credential=${KEY.accessKeyId}/${scope}, SignedHeaders=${signedHeaders.join(';')}, Signature=${signature}`;
    const { headers } = request();
    return { ...request(), ...change, headers: { ...headers, ...change.headers, authorization } };
  };
  const check = (one: SignedRequest) => () =>
    authenticate(one, { region: 'us-east-1', known: [KEY], now }).accessKeyId;

  it('has the value of AWS’s published example', () => {
    // The "get-vanilla" case of AWS's test suite: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
    const vanilla = { ...request(), method: 'GET', body: Buffer.alloc(0) };
    const secret = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
    expect(
      signatureOf(vanilla, secret, { scope: '20150830/us-east-1/service/aws4_request', signedHeaders }),
    ).to.equal('5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31');
  });

  it('holds for the very request that was signed', () => {
    expect(check(signed())()).to.equal(KEY.accessKeyId);
  });

  it('breaks with every change to body, header, path or method', () => {
    for (const change of [
      { body: Buffer.from('{"a":1}') },
      { headers: { host: 'elsewhere' } },
      { url: '/?a=b' },
      { url: '/x' },
      { method: 'GET' },
    ]) {
      expect(check(signed(change)), JSON.stringify(change)).to.throw('does not match the signature');
    }
  });

  it('must cover the host and every x-amz- header', () => {
    const target = createHash('sha256').update('x').digest('hex');
    expect(check(signed({ headers: { 'x-amz-target': target } }))).to.throw(
      "'x-amz-target' must be a signed header",
    );
  });
});
