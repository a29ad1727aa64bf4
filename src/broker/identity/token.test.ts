import { expect } from 'chai';
import { exportSPKI, SignJWT, UnsecuredJWT } from 'jose';
import type { JWTPayload } from 'jose';
import { podClaims, signingKey, TestCluster } from '../../../test/support/broker/cluster.ts';
import { tokenVerifier } from './token.ts';
import type { TokenVerifier } from './token.ts';

describe('token of a Pod', () => {
  let clock = Date.parse('2026-03-01T12:00:00Z');
  const now = () => new Date(clock);
  let cluster: TestCluster;
  let tokens: TokenVerifier;
  let rsa: Awaited<ReturnType<typeof signingKey>>;

  before(async () => {
    rsa = await signingKey('rsa-1');
  });

  beforeEach(() => {
    cluster = new TestCluster();
    cluster.jwks = [rsa.jwk];
    tokens = tokenVerifier({ kube: cluster.kube, now });
  });

  const signed = (change: JWTPayload): Promise<string> => rsa.sign({ ...podClaims(now()), ...change });
  const reasonFor = async (token: string): Promise<unknown> => {
    const verdict = await tokens.verify(token);
    return 'kind' in verdict ? `${verdict.status} ${verdict.reason}` : verdict;
  };
  const reads = (): number => cluster.calls.filter((call) => call === 'raw /openid/v1/jwks').length;

  it('says which Pod it is bound to', async () => {
    expect(await tokens.verify(await signed({}))).to.deep.equal({
      namespace: 'evals',
      podName: 'solve-1-x7k2p',
      podUid: 'pod-uid',
      serviceAccount: 'default',
    });
  });

  it('is accepted when signed with an elliptic curve key', async () => {
    const curve = await signingKey('ec-1', 'ES256');
    cluster.jwks = [rsa.jwk, curve.jwk];
    expect(await tokens.verify(await curve.sign(podClaims(now())))).to.include({ podUid: 'pod-uid' });
  });

  it('is refused when it is meant for another audience', async () => {
    expect(await reasonFor(await signed({ aud: ['https://kubernetes.default.svc'] }))).to.equal(
      '401 WrongAudience',
    );
  });

  it('is refused after its expiry, and without one', async () => {
    const past = clock / 1000 - 6;
    expect(await reasonFor(await signed({ exp: past }))).to.equal('401 Expired');
    const { exp: _, ...endless } = podClaims(now());
    expect(await reasonFor(await rsa.sign(endless))).to.equal('401 Expired');
  });

  it('is accepted while clocks differ by a few seconds', async () => {
    expect(await tokens.verify(await signed({ nbf: clock / 1000 + 4 }))).to.include({ podUid: 'pod-uid' });
    expect(await tokens.verify(await signed({ exp: clock / 1000 - 4 }))).to.include({ podUid: 'pod-uid' });
  });

  it('is refused before its time', async () => {
    expect(await reasonFor(await signed({ nbf: clock / 1000 + 60 }))).to.equal('401 NotYetValid');
  });

  it('is refused when it is of another cluster', async () => {
    const other = tokenVerifier({ kube: cluster.kube, now });
    cluster.issuer = 'https://elsewhere';
    await other.verify(await signed({}));
    clock += 11_000;
    expect(await other.verify(await signed({}))).to.include({ status: 401, reason: 'WrongIssuer' });
  });

  it('is refused with a signature of another key under a known key id', async () => {
    const forger = await signingKey('rsa-1');
    expect(await reasonFor(await forger.sign(podClaims(now())))).to.equal('401 BadSignature');
  });

  it('is refused when its claims were changed after signing', async () => {
    const [header, , signature] = (await signed({})).split('.');
    const claims = Buffer.from(JSON.stringify(podClaims(now(), { name: 'other', uid: 'other' })));
    expect(await reasonFor(`${header}.${claims.toString('base64url')}.${signature}`)).to.equal(
      '401 BadSignature',
    );
  });

  it('is refused without a signature (alg none)', async () => {
    expect(await reasonFor(new UnsecuredJWT(podClaims(now())).encode())).to.equal('401 WrongAlgorithm');
  });

  it('is refused when the public key was used as an HMAC secret (HS256 confusion)', async () => {
    const secret = Buffer.from(await exportSPKI(rsa.publicKey));
    const token = await new SignJWT(podClaims(now()))
      .setProtectedHeader({ alg: 'HS256', kid: 'rsa-1' })
      .sign(secret);
    expect(await reasonFor(token)).to.equal('401 WrongAlgorithm');
  });

  it('is refused when it is bound to no Pod', async () => {
    const account = { namespace: 'evals', serviceaccount: { name: 'default', uid: 'account-uid' } };
    expect(await reasonFor(await signed({ 'kubernetes.io': account }))).to.equal('401 NotAPod');
    expect(await reasonFor(await signed({ 'kubernetes.io': 'evals' }))).to.equal('401 NotAPod');
    expect(await reasonFor(await signed({ 'kubernetes.io': { ...account, pod: { name: 'a' } } }))).to.equal(
      '401 NotAPod',
    );
  });

  it('is refused when it is no token at all', async () => {
    for (const text of ['', 'a', 'a.b.c', `${'x'.repeat(10_000)}.e30.e30`])
      expect(await reasonFor(text)).to.equal('401 MalformedToken');
  });

  describe('keys of the cluster', () => {
    it('are read once for any number of tokens', async () => {
      const token = await signed({});
      await Promise.all(Array.from({ length: 20 }, () => tokens.verify(token)));
      await tokens.verify(token);
      expect(reads()).to.equal(1);
    });

    it('are read again for a key id that is not known yet', async () => {
      await tokens.verify(await signed({}));
      const rotated = await signingKey('rsa-2');
      cluster.jwks = [rsa.jwk, rotated.jwk];
      clock += 10_000;
      expect(await tokens.verify(await rotated.sign(podClaims(now())))).to.include({ podUid: 'pod-uid' });
    });

    it('are read at most every 10 s, however many made-up key ids arrive', async () => {
      const stranger = await signingKey('made-up');
      const token = await stranger.sign(podClaims(now()));
      for (let i = 0; i < 5; i++) expect(await reasonFor(token)).to.equal('503 KeysUnavailable');
      expect(reads()).to.equal(1);
      clock += 10_000;
      expect(await reasonFor(token)).to.equal('401 UnknownKey');
      expect(reads()).to.equal(2);
    });

    it('make the broker ask to try again while the API server does not answer', async () => {
      cluster.down = true;
      expect(await reasonFor(await signed({}))).to.equal('503 KeysUnavailable');
      cluster.down = false;
      clock += 1000;
      expect(await tokens.verify(await signed({}))).to.include({ podUid: 'pod-uid' });
    });

    it('go on serving known keys while the API server does not answer', async () => {
      await tokens.verify(await signed({}));
      cluster.down = true;
      clock += 60_000;
      expect(await tokens.verify(await signed({}))).to.include({ podUid: 'pod-uid' });
      const stranger = await signingKey('made-up');
      expect(await reasonFor(await stranger.sign(podClaims(now())))).to.equal('503 KeysUnavailable');
    });
  });
});
