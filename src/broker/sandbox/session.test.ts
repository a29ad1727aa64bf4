import { expect } from 'chai';
import { decodeJwt } from 'jose';
import { clientAuthority, clientCertificate } from '../../../test/support/broker/client-certificates.ts';
import { ISSUER } from '../../../test/support/broker/cluster.ts';
import { sandboxWith } from '../../../test/support/broker/objects.ts';
import { SandboxWorld } from '../../../test/support/broker/sandbox-world.ts';
import { standing } from '../../../test/support/builders/sandboxes.ts';
import { Sandbox as SandboxKind } from '../../crds/kinds.ts';
import { ConfigMap } from '../../kube/kinds.ts';
import { SERVER_AUTH } from '../tls/material.ts';
import type { SubjectAccessReview } from './access-review.ts';
import { REVIEWS } from './token-review.ts';

describe('session of a Sandbox', () => {
  let world: SandboxWorld;

  beforeEach(async () => {
    world = new SandboxWorld();
    await world.start();
  });
  afterEach(() => world.close());

  const reviews = (kind: string): number =>
    world.cluster.calls.filter((call) => call.startsWith(`create ${kind}`)).length;
  /** What a cluster signs for the ServiceAccount `evals/robot`. */
  const accountToken = (over: object = {}, bound: object = {}): Promise<string> => {
    const seconds = Math.floor(Date.now() / 1000);
    return world.key.sign({
      aud: ['sb-sandbox'],
      iss: ISSUER,
      exp: seconds + 600,
      sub: 'system:serviceaccount:evals:robot',
      'kubernetes.io': {
        namespace: 'evals',
        serviceaccount: { name: 'robot', uid: 'robot-uid' },
        ...bound,
      },
      ...over,
    });
  };
  const reasonOf = async (asked: Parameters<SandboxWorld['session']>[0]): Promise<[number, unknown]> => {
    const { status, json } = await world.session(asked);
    return [status, json['reason']];
  };

  it('is given to whoever may, for ten minutes, this Sandbox and this caller', async () => {
    const { status, json } = await world.session();
    expect(status).to.equal(200);
    const claims = decodeJwt(json['token'] as string);
    expect(claims).to.include({
      aud: 'sb-sandbox-session',
      sub: 'jane',
      ns: 'evals',
      name: 'box',
      uid: 'box-uid',
    });
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).to.equal(600);
    expect(json).to.include({ uid: 'box-uid' });
    expect(Date.parse(json['expiresAt'] as string)).to.equal((claims.exp ?? 0) * 1000);
  });

  it('asks Kubernetes for the very user that it knows: with UID, groups and what else it says', async () => {
    const asked: object[] = [];
    world.cluster.reviews.set('SubjectAccessReview', (review) => {
      asked.push((review as SubjectAccessReview).spec);
      return { status: { allowed: true } };
    });
    const extra = { 'example.org/tenant': ['a', 'b'], scopes: ['read'] };
    const anna = { username: 'anna', uid: 'anna-uid', groups: ['devs', 'system:authenticated'], extra };
    world.users.set('anna-token', anna);
    const pod = { name: 'p', uid: 'u' };
    const certificate = await clientCertificate(world.clientCa, { subject: 'CN=alice,O=ops' });
    await world.session({ body: { token: 'anna-token' } });
    await world.session({ body: { token: await accountToken({}, { pod }) } });
    await world.session({ body: {}, certificate });
    const resourceAttributes = {
      namespace: 'evals',
      name: 'box',
      verb: 'create',
      group: 'sb.abundant.ai',
      resource: 'sandboxes',
      subresource: 'exec',
    };
    const accounts = ['system:serviceaccounts', 'system:serviceaccounts:evals', 'system:authenticated'];
    expect(asked).to.deep.equal([
      { user: 'anna', uid: 'anna-uid', groups: anna.groups, extra, resourceAttributes },
      {
        user: 'system:serviceaccount:evals:robot',
        uid: 'robot-uid',
        groups: accounts,
        extra: {
          'authentication.kubernetes.io/pod-name': ['p'],
          'authentication.kubernetes.io/pod-uid': ['u'],
        },
        resourceAttributes,
      },
      { user: 'alice', groups: ['ops', 'system:authenticated'], resourceAttributes },
    ]);
  });

  it('is not taken over from somebody of the same name: whose groups differ is asked about anew', async () => {
    world.users.set('jane-token', { username: 'jane', groups: ['devs'] });
    world.rules.set('jane', []).set('devs', ['evals/*']);
    expect((await world.session()).status).to.equal(200);
    world.users.set('other-token', { username: 'jane', groups: [] });
    expect(await reasonOf({ body: { token: 'other-token' } })).to.deep.equal([403, 'NotAllowed']);
  });

  it('costs the API server two reviews, however often somebody asks', async () => {
    for (let time = 0; time < 20; time++) expect((await world.session()).status).to.equal(200);
    expect([reviews('tokenreviews'), reviews('subjectaccessreviews')]).to.deep.equal([1, 1]);
  });

  it('asks again after the reviews are old: nobody keeps a right that was taken away', async () => {
    await world.session();
    world.rules.set('jane', []);
    world.now = () => new Date(Date.now() + 31_000);
    expect(await reasonOf({})).to.deep.equal([403, 'NotAllowed']);
    world.users.delete('jane-token');
    world.now = () => new Date(Date.now() + 61_000);
    expect(await reasonOf({})).to.deep.equal([401, 'NotLoggedIn']);
  });

  describe('for nobody', () => {
    it('answers 401 and how to log in', async () => {
      const unknown = await world.session({ body: { token: 'a-stranger' } });
      expect(unknown.status).to.equal(401);
      expect(unknown.json['error']).to.match(/does not know this token.*kubectl create token/);
      const without = await world.session({ body: {} });
      expect(without.status).to.equal(401);
      expect(without.json['error']).to.match(/send \{ "token": … \}/);
    });

    it('asks the API server once about a token that it does not know, for ten seconds', async () => {
      for (let time = 0; time < 5; time++) await world.session({ body: { token: 'a-stranger' } });
      expect(reviews('tokenreviews')).to.equal(1);
      world.users.set('a-stranger', { username: 'jane' });
      world.now = () => new Date(Date.now() + 11_000);
      expect((await world.session({ body: { token: 'a-stranger' } })).status).to.equal(200);
    });

    it('does not flood the API server with tokens that are made up, and still knows those it knew', async () => {
      world.now = () => new Date('2026-06-01T00:00:00Z');
      await world.session();
      const answers = await Promise.all(
        Array.from({ length: 30 }, (_, number) => reasonOf({ body: { token: `made-up-${number}` } })),
      );
      expect(reviews('tokenreviews')).to.equal(REVIEWS.each);
      expect(answers.filter(([status]) => status === 503)).to.have.length(30 - REVIEWS.each + 1);
      expect((await world.session()).status).to.equal(200);
    });

    it('takes nothing that is no token, is too long, or no JSON object', async () => {
      expect(await reasonOf({ body: { token: 'a b' } })).to.deep.equal([401, 'MalformedToken']);
      expect(await reasonOf({ body: { token: 7 } })).to.deep.equal([400, 'BadRequest']);
      expect(await reasonOf({ body: '[]' })).to.deep.equal([400, 'BadRequest']);
      expect(await reasonOf({ body: '{' })).to.deep.equal([400, 'BadRequest']);
      expect(await reasonOf({ body: { token: 'x'.repeat(16 * 1024 + 1) } })).to.deep.equal([413, 'TooLarge']);
      expect(await reasonOf({ body: { token: 'x'.repeat(30_000) } })).to.deep.equal([413, 'TooLarge']);
      expect(reviews('tokenreviews')).to.equal(0);
    });

    it('does not take a token in a header', async () => {
      const headers = { authorization: 'Bearer jane-token' };
      expect(await reasonOf({ body: {}, headers })).to.deep.equal([401, 'NoCredentials']);
    });
  });

  describe('for a ServiceAccount', () => {
    beforeEach(() => world.rules.set('system:serviceaccounts:evals', ['evals/box']));

    it('is given for a token with our audience without asking whose it is, bound to a Pod or not', async () => {
      const bound = { pod: { name: 'p', uid: 'u' } };
      for (const token of [await accountToken(), await accountToken({}, bound)])
        expect((await world.session({ body: { token } })).status).to.equal(200);
      expect(reviews('tokenreviews')).to.equal(0);
    });

    it('is not given for a token that is old, signed by others, or says two things', async () => {
      const old = await accountToken({ exp: Math.floor(Date.now() / 1000) - 60 });
      expect(await reasonOf({ body: { token: old } })).to.deep.equal([401, 'Expired']);
      const other = await accountToken({ sub: 'system:serviceaccount:kube-system:admin' });
      expect(await reasonOf({ body: { token: other } })).to.deep.equal([401, 'NotAServiceAccount']);
      const parts = (await accountToken()).split('.');
      const forged = [parts[0], parts[1], 'AAAA'].join('.');
      expect(await reasonOf({ body: { token: forged } })).to.deep.equal([401, 'BadSignature']);
      const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${parts[1]}.`;
      expect((await world.session({ body: { token: none } })).status).to.equal(401);
    });

    it('is not given for the token of a courier', async () => {
      const courier = await accountToken({ aud: ['sb-broker'] });
      expect(await reasonOf({ body: { token: courier } })).to.deep.equal([401, 'NotLoggedIn']);
    });
  });

  describe('for a client certificate', () => {
    it('is given to the user it names, with its groups', async () => {
      world.rules.set('ops', ['evals/box']);
      const certificate = await clientCertificate(world.clientCa, { subject: 'CN=alice,O=dev,O=ops' });
      const { status, json } = await world.session({ body: {}, certificate });
      expect(status).to.equal(200);
      expect(decodeJwt(json['token'] as string)).to.include({ sub: 'alice', way: 'Certificate' });
    });

    it('is not given for one of another CA, our own included', async () => {
      const stranger = await clientCertificate(await clientAuthority(), { subject: 'CN=jane' });
      expect(await reasonOf({ body: {}, certificate: stranger })).to.deep.equal([401, 'BadCertificate']);
      const courier = await world.certificate.issueCourier('a.b.sandbox.sb.abundant.ai');
      expect(await reasonOf({ body: {}, certificate: courier })).to.deep.equal([401, 'BadCertificate']);
      expect(await reasonOf({ body: {}, certificate: world.certificate.current() })).to.deep.equal([
        401,
        'BadCertificate',
      ]);
    });

    it('is not given for one that is old, to come, or for servers, nor for one that names nobody', async () => {
      const people = [
        { subject: 'CN=jane', from: -2, to: -1 },
        { subject: 'CN=jane', from: 1, to: 2 },
        { subject: 'CN=jane', usages: [SERVER_AUTH] },
        { subject: 'O=ops' },
        { subject: 'CN=jane,CN=root' },
      ];
      for (const person of people) {
        const certificate = await clientCertificate(world.clientCa, person);
        const answer = await reasonOf({ body: {}, certificate });
        expect(answer, person.subject).to.deep.equal([401, 'BadCertificate']);
      }
    });

    it('is not given through a proxy, whose certificate it would be', async () => {
      const certificate = await clientCertificate(world.clientCa, { subject: 'CN=jane' });
      const headers = { 'x-forwarded-for': '10.0.0.1' };
      expect(await reasonOf({ body: {}, certificate, headers })).to.deep.equal([401, 'NoCredentials']);
    });

    it('does not believe headers of a front proxy', async () => {
      const headers = { 'x-remote-user': 'jane', 'x-remote-group': 'system:masters' };
      expect(await reasonOf({ body: {}, headers })).to.deep.equal([401, 'NoCredentials']);
    });

    it('learns of a new CA of the cluster within seconds', async () => {
      const next = await clientAuthority();
      const certificate = await clientCertificate(next, { subject: 'CN=jane' });
      expect(await reasonOf({ body: {}, certificate })).to.deep.equal([401, 'BadCertificate']);
      const key = { namespace: 'kube-system', name: 'extension-apiserver-authentication' };
      const found = world.cluster.found(ConfigMap, key) ?? expect.fail('no ConfigMap');
      world.cluster.put(ConfigMap, { ...found, data: { 'client-ca-file': world.clientCa.cert + next.cert } });
      world.now = () => new Date(Date.now() + 11_000);
      expect((await world.session({ body: {}, certificate })).status).to.equal(200);
    });
  });

  it('is refused to whoever has no rule, with the command that makes one, whether or not the Sandbox is there', async () => {
    world.users.set('bob-token', { username: "bob o'neil" });
    world.users.set('robot-token', { username: 'system:serviceaccount:team-b:robot' });
    const body = { token: 'bob-token' };
    const there = await world.session({ body });
    const nowhere = await world.session({ body, sandbox: sandboxWith({ name: 'nowhere' }) });
    expect([there.status, there.json['reason'], nowhere.status]).to.deep.equal([403, 'NotAllowed', 403]);
    expect(nowhere.json['error']).to.equal(there.json['error']);
    expect(there.json['error']).to.equal(
      `user "bob o'neil" has no rule in namespace evals for create on sandboxes/exec (sb.abundant.ai); an admin gives it with: kubectl create rolebinding sb-edit-sandboxes -n evals --clusterrole=sb-edit --user='bob o'\\''neil'`,
    );
    const robot = await world.session({ body: { token: 'robot-token' } });
    expect(robot.json['error']).to.match(/--serviceaccount=team-b:robot$/);
  });

  it('is refused to a tenant next door', async () => {
    world.users.set('next-door', { username: 'eve' });
    world.rules.set('eve', ['team-b/*']);
    expect(await reasonOf({ body: { token: 'next-door' } })).to.deep.equal([403, 'NotAllowed']);
  });

  it('answers 404 where there is no such Sandbox, to those who may use it', async () => {
    const { status, json } = await world.session({ sandbox: sandboxWith({ name: 'nowhere' }) });
    expect([status, json['reason']]).to.deep.equal([404, 'NoSuchSandbox']);
    expect(json['error']).to.match(/kubectl get sandboxes -n evals/);
  });

  it('is given as soon as the API server says that the Sandbox is ready, though this replica has not heard it', async () => {
    world.sandboxes.put(sandboxWith({ status: { conditions: [] } }));
    expect((await world.session()).status).to.equal(409);
    world.cluster.put(SandboxKind, sandboxWith());
    const { status, json } = await world.session();
    expect([status, json['uid']]).to.deep.equal([200, 'box-uid']);
  });

  it('answers 409 with the condition while the Sandbox is not ready, and when to come again', async () => {
    const stands = (reason: string, message: string) => ({
      conditions: [{ ...standing(reason), message, lastTransitionTime: '' }],
    });
    world.sandboxes.put(sandboxWith({ status: stands('PullingImage', 'pulling debian') }));
    const waiting = await world.session();
    expect(waiting.status).to.equal(409);
    expect(waiting.json).to.deep.equal({
      error: 'Sandbox evals/box is not ready: PullingImage: pulling debian',
      reason: 'NotReady',
      ready: { reason: 'PullingImage', message: 'pulling debian' },
    });
    expect(waiting.headers['retry-after']).to.equal('1');
    world.sandboxes.put(sandboxWith({ status: stands('Suspended', 'spec.operatingMode is Suspended') }));
    const stopped = await world.session();
    expect([stopped.status, stopped.json['reason'], stopped.headers['retry-after']]).to.deep.equal([
      409,
      'Stopped',
      undefined,
    ]);
    world.sandboxes.put(sandboxWith({ spec: { pool: { size: 3 } } }));
    expect((await world.session()).json['error']).to.match(/is a pool; create a Sandbox with spec.poolRef/);
  });

  it('answers 503 and when to come again while the API server does not answer', async () => {
    world.cluster.down = true;
    const { status, headers } = await world.session();
    expect([status, headers['retry-after']]).to.deep.equal([503, '1']);
    world.cluster.down = false;
    expect((await world.session()).status).to.equal(200);
  });
});
