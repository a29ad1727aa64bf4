import {
  AssociateAccessPolicyCommand,
  CreateAccessEntryCommand,
  CreatePodIdentityAssociationCommand,
  DeleteAccessEntryCommand,
  DeletePodIdentityAssociationCommand,
  DescribeAccessEntryCommand,
  DescribeClusterCommand,
  EKSClient,
  ListAccessEntriesCommand,
  ListAddonsCommand,
  ListAssociatedAccessPoliciesCommand,
  ListClustersCommand,
  ListPodIdentityAssociationsCommand,
} from '@aws-sdk/client-eks';
import { expect } from 'chai';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { json, text } from 'node:stream/consumers';
import type { KnownCredentials } from '../codebuild/service.ts';
import { denied, throttled } from '../aws/calls.ts';
import { startEks, type EksService } from './index.ts';
import { ask, KEY, PLACE, startUpstream, tokenFor, type Seen } from './testing.ts';

const NAME = 'abundant-sb';
const ADMIN = 'arn:aws:iam::123456789012:role/team/admin';
const ADMIN_POLICY = 'arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy';
const MINUTE = 60_000;

describe('eks service', () => {
  const credentials: KnownCredentials[] = [];
  let upstream: Awaited<ReturnType<typeof startUpstream>>;
  let eks: EksService;
  let client: EKSClient;
  let now = 0;

  beforeEach(async () => {
    credentials.splice(0, Infinity, { ...KEY, arn: 'arn:aws:sts::123456789012:assumed-role/admin/laptop' });
    now = Date.now();
    upstream = await startUpstream();
    eks = await startEks({ ...PLACE, credentials, upstream: upstream.upstream, now: () => now });
    client = new EKSClient({ region: 'us-east-1', endpoint: eks.url, credentials: KEY, maxAttempts: 1 });
  });
  afterEach(async () => {
    client.destroy();
    await eks.close();
    upstream.close();
  });

  const cluster = async (name = NAME): Promise<void> => {
    const wanted = { name, version: '1.35', roleArn: 'arn:aws:iam::123456789012:role/cluster' };
    (await eks.create({ ...wanted, tags: { 'sb:stack': name }, declared: {} })).status = 'ACTIVE';
  };
  const letIn = (more: object = {}) =>
    eks.clusters.addEntry({
      clusterName: NAME,
      principalArn: ADMIN,
      policies: [{ policyArn: ADMIN_POLICY, accessScope: { type: 'cluster' } }],
      ...more,
    });
  const failed = async (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => expect.fail('it did not fail'),
      (error: Error & { $metadata?: { httpStatusCode?: number } }) =>
        `${error.name} ${error.$metadata?.httpStatusCode}`,
    );
  const through = (
    token: string,
    more: Parameters<typeof ask>[2] = {},
    name = NAME,
  ): Promise<IncomingMessage> => {
    const { endpoint, authority } = eks.clusters.get({ clusterName: name });
    return ask(endpoint, authority, {
      ...more,
      headers: { authorization: `Bearer ${token}`, ...more.headers },
    });
  };
  const seen = async (token: string, more: Parameters<typeof ask>[2] = {}): Promise<Seen> =>
    (await json(await through(token, more))) as Seen;
  const refused = async (token: string, why: string): Promise<void> => {
    const response = await through(token);
    expect([response.statusCode, ((await json(response)) as { reason: string }).reason]).to.deep.equal([
      401,
      'Unauthorized',
    ]);
    expect(eks.refusals(NAME).at(-1)).to.equal(why);
  };

  describe('its API', () => {
    it('shows where a cluster is once it is active, not before', async () => {
      await cluster();
      eks.clusters.get({ clusterName: NAME }).status = 'CREATING';
      const describe = () => client.send(new DescribeClusterCommand({ name: NAME }));
      expect((await describe()).cluster).to.not.have.any.keys('endpoint', 'certificateAuthority');
      eks.clusters.get({ clusterName: NAME }).status = 'ACTIVE';
      const shown = (await describe()).cluster!;
      expect(shown.arn).to.equal(`arn:aws:eks:us-east-1:123456789012:cluster/${NAME}`);
      expect(shown.tags).to.deep.equal({ 'sb:stack': NAME });
      expect(Buffer.from(shown.certificateAuthority!.data!, 'base64').toString()).to.contain(
        'BEGIN CERTIFICATE',
      );
      expect((await client.send(new ListClustersCommand({}))).clusters).to.deep.equal([NAME]);
      expect((await client.send(new ListAddonsCommand({ clusterName: NAME }))).addons).to.deep.equal([]);
    });

    it('says ResourceNotFoundException for a cluster that is not there', async () => {
      expect(await failed(client.send(new DescribeClusterCommand({ name: 'other' })))).to.equal(
        'ResourceNotFoundException 404',
      );
    });

    it('keeps access entries, by ARNs with slashes', async () => {
      await cluster();
      const of = { clusterName: NAME, principalArn: ADMIN };
      await client.send(new CreateAccessEntryCommand({ ...of, kubernetesGroups: ['team'] }));
      expect(await failed(client.send(new CreateAccessEntryCommand(of)))).to.equal(
        'ResourceInUseException 409',
      );
      await client.send(
        new AssociateAccessPolicyCommand({
          ...of,
          policyArn: ADMIN_POLICY,
          accessScope: { type: 'cluster' },
        }),
      );
      const { accessEntry } = await client.send(new DescribeAccessEntryCommand(of));
      expect(accessEntry).to.deep.include({
        kubernetesGroups: ['team'],
        username: 'arn:aws:sts::123456789012:assumed-role/admin/{{SessionName}}',
      });
      const { associatedAccessPolicies } = await client.send(new ListAssociatedAccessPoliciesCommand(of));
      expect(associatedAccessPolicies!.map(({ policyArn }) => policyArn)).to.deep.equal([ADMIN_POLICY]);
      await client.send(new DeleteAccessEntryCommand(of));
      expect(
        (await client.send(new ListAccessEntriesCommand({ clusterName: NAME }))).accessEntries,
      ).to.deep.equal([]);
      expect(await failed(client.send(new DeleteAccessEntryCommand(of)))).to.equal(
        'ResourceNotFoundException 404',
      );
    });

    it('gives no groups of Kubernetes itself away', async () => {
      await cluster();
      const entry = { clusterName: NAME, principalArn: ADMIN, kubernetesGroups: ['system:masters'] };
      expect(await failed(client.send(new CreateAccessEntryCommand(entry)))).to.equal(
        'InvalidParameterException 400',
      );
    });

    it('keeps pod identities, one for each ServiceAccount', async () => {
      await cluster();
      const wanted = {
        clusterName: NAME,
        namespace: 'sb-system',
        serviceAccount: 'sb-operator',
        roleArn: ADMIN,
      };
      const { association } = await client.send(new CreatePodIdentityAssociationCommand(wanted));
      expect(await failed(client.send(new CreatePodIdentityAssociationCommand(wanted)))).to.equal(
        'ResourceInUseException 409',
      );
      const list = () => client.send(new ListPodIdentityAssociationsCommand({ clusterName: NAME }));
      expect((await list()).associations!.map((one) => one.serviceAccount)).to.deep.equal(['sb-operator']);
      const { associationId } = association!;
      await client.send(
        new DeletePodIdentityAssociationCommand({ clusterName: NAME, associationId: associationId! }),
      );
      expect((await list()).associations).to.deep.equal([]);
    });

    it('checks signatures, counts calls and refuses those that a test wants refused', async () => {
      const other = new EKSClient({
        region: 'us-east-1',
        endpoint: eks.url,
        credentials: { ...KEY, secretAccessKey: 'x' },
        maxAttempts: 1,
      });
      expect(await failed(other.send(new ListClustersCommand({})))).to.equal('InvalidSignatureException 403');
      other.destroy();
      eks.calls.refuse('eks:ListClusters', throttled, 1);
      expect(await failed(client.send(new ListClustersCommand({})))).to.equal('ThrottlingException 400');
      eks.calls.refuse('eks:ListClusters', { ...denied('eks:ListClusters'), status: 403 }, 1);
      expect(await failed(client.send(new ListClustersCommand({})))).to.equal('AccessDeniedException 403');
      expect(eks.calls.count('eks:ListClusters')).to.equal(2);
    });
  });

  describe('the door of a cluster', () => {
    beforeEach(() => cluster());

    it('makes of a role with an access entry somebody whom the API server knows', async () => {
      letIn({ kubernetesGroups: ['team'] });
      const { headers, isAdmin, url, method, body } = await seen(tokenFor({ cluster: NAME }), {
        path: '/api/v1/pods?limit=1',
        method: 'POST',
        body: '{}',
      });
      expect([method, url, body, isAdmin]).to.deep.equal(['POST', '/api/v1/pods?limit=1', '{}', true]);
      expect(headers['impersonate-user']).to.equal('arn:aws:sts::123456789012:assumed-role/admin/laptop');
      expect(headers['impersonate-group']).to.equal('team, system:masters');
      expect(headers).to.not.have.property('authorization');
    });

    it('gives nobody more than their entry says', async () => {
      letIn({ policies: [], kubernetesGroups: ['viewers'] });
      const { headers } = await seen(tokenFor({ cluster: NAME }), {
        headers: { 'impersonate-group': 'system:masters', 'Impersonate-User': 'root' },
      });
      expect([headers['impersonate-user'], headers['impersonate-group']]).to.deep.equal([
        'arn:aws:sts::123456789012:assumed-role/admin/laptop',
        'viewers',
      ]);
    });

    it('refuses whoever has no access entry', async () => {
      await refused(tokenFor({ cluster: NAME }), 'no access entry');
      letIn({ principalArn: 'arn:aws:iam::123456789012:role/admin-of-others' });
      await refused(tokenFor({ cluster: NAME }), 'no access entry');
      letIn();
      expect((await through(tokenFor({ cluster: NAME }))).statusCode).to.equal(200);
      eks.clusters.removeEntry({ clusterName: NAME, principalArn: ADMIN });
      await refused(tokenFor({ cluster: NAME }), 'no access entry');
    });

    it('refuses a token that was made for another cluster', async () => {
      letIn();
      await cluster('other');
      await refused(
        tokenFor({ cluster: 'other' }),
        'error from AWS (expected 200, got 403): SignatureDoesNotMatch',
      );
    });

    it('refuses a token after 15 minutes, whatever the request says of itself', async () => {
      letIn();
      const token = tokenFor({ cluster: NAME, at: new Date(now) });
      now += 15 * MINUTE - 2_000;
      expect((await through(token)).statusCode).to.equal(200);
      now += 4_000;
      await refused(token, 'X-Amz-Date parameter is expired (15 minute expiration)');
    });

    it('refuses keys that are unknown, wrong, or whose session has ended', async () => {
      letIn();
      const wrong = 'error from AWS (expected 200, got 403)';
      await refused(
        tokenFor({ cluster: NAME, key: { ...KEY, accessKeyId: 'AKIAOTHER' } }),
        `${wrong}: InvalidClientTokenId`,
      );
      await refused(
        tokenFor({ cluster: NAME, key: { ...KEY, secretAccessKey: 'x' } }),
        `${wrong}: SignatureDoesNotMatch`,
      );
      const session = { accessKeyId: 'ASIA', secretAccessKey: 's', sessionToken: 't/+=' };
      credentials.push({
        ...session,
        expiration: now + MINUTE,
        arn: 'arn:aws:sts::123456789012:assumed-role/admin/x',
      });
      const token = tokenFor({ cluster: NAME, key: session });
      expect((await through(token)).statusCode).to.equal(200);
      await refused(
        tokenFor({ cluster: NAME, key: { ...session, sessionToken: 'other' } }),
        `${wrong}: InvalidClientTokenId`,
      );
      now += 2 * MINUTE;
      await refused(token, `${wrong}: ExpiredToken`);
    });

    const FORGED: [string, Partial<Parameters<typeof tokenFor>[0]>, string][] = [
      [
        'asks somebody else than STS',
        { host: 'sts.example.com' },
        'unexpected hostname sts.example.com in pre-signed URL',
      ],
      ['asks for something else', { action: 'AssumeRole' }, 'unexpected action parameter in pre-signed URL'],
      [
        'is not bound to a cluster',
        { signed: 'host' },
        'client did not sign the x-k8s-aws-id header in the request',
      ],
      [
        'says that it holds for a day',
        { expires: '86400' },
        'invalid X-Amz-Expires parameter in pre-signed URL',
      ],
    ];
    for (const [what, more, why] of FORGED)
      it(`refuses a token that ${what}`, async () => {
        letIn();
        await refused(tokenFor({ cluster: NAME, ...more }), why);
      });

    it('leaves tokens of the cluster itself to the API server, without the admin’s certificate', async () => {
      const { headers, isAdmin } = await seen('eyJhbGciOi.service.account');
      expect([headers.authorization, isAdmin]).to.deep.equal(['Bearer eyJhbGciOi.service.account', false]);
      expect(headers).to.not.have.property('impersonate-user');
    });

    it('passes on a watch line by line', async () => {
      letIn();
      const response = await through(tokenFor({ cluster: NAME }), { path: '/api/v1/pods?watch=true' });
      const [first] = (await once(response, 'data')) as [Buffer];
      expect(first.toString()).to.equal('first\n');
      upstream.next();
      expect(await text(response)).to.equal('second\n');
    });

    it('passes on what is upgraded, as exec is', async () => {
      letIn();
      const { endpoint, authority } = eks.clusters.get({ clusterName: NAME });
      const headers = {
        authorization: `Bearer ${tokenFor({ cluster: NAME })}`,
        connection: 'upgrade',
        upgrade: 'echo',
      };
      const asked = request(`${endpoint}/exec`, { ca: authority, headers, agent: false });
      asked.end();
      const [, socket] = (await once(asked, 'upgrade')) as [
        IncomingMessage,
        NodeJS.Socket & { end(): void; write(text: string): void },
      ];
      socket.write('hello');
      let said = '';
      while (!said.endsWith('hello')) said += String(((await once(socket, 'data')) as [Buffer])[0]);
      expect(said).to.equal('arn:aws:sts::123456789012:assumed-role/admin/laptop\nhello');
      socket.end();
    });
  });
});
