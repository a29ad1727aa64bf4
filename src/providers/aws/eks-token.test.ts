import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { updatesGolden } from '../../../test/support/golden.ts';
import { findProgram, skipWithout } from '../../../test/support/programs.ts';
import { eksToken, type AwsCredentials } from './eks-token.ts';

const NOW = '2026-11-29T22:00:00Z';
/** As documentation of AWS has them: nobody's. */
const KEYS = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
};
const SESSION = { ...KEYS, sessionToken: 'a/b+c==!*' };

interface Made {
  cluster: string;
  region: string;
  /** With the token of a session, or with keys alone. */
  session: boolean;
  expires: string;
  token: string;
}

const CASES = [
  ['us-east-1', 'sb', true],
  ['us-east-1', 'sb', false],
  ['eu-west-1', 'Other_cluster-2', true],
  ['cn-north-1', 'sb', true],
  ['us-gov-west-1', 'sb', true],
  ['eusc-de-east-1', 'sb', true],
] as const;

const GOLDEN = new URL('golden/eks-tokens.json', import.meta.url);

/** The AWS CLI itself, but for its clock. `aws` is a Python program; this is what its own entry point does. */
const AT_A_TIME = `
import datetime, sys, botocore.auth, awscli.customizations.eks.get_token as command
from awscli.clidriver import main
instant = datetime.datetime.strptime(sys.argv.pop(1), '%Y-%m-%dT%H:%M:%SZ')
botocore.auth.get_current_datetime = command.get_current_datetime = lambda remove_tzinfo=True: instant
sys.exit(main())`;

function byTheCli(aws: string): Made[] {
  return CASES.map(([region, cluster, session]) => {
    const command = ['eks', 'get-token', '--cluster-name', cluster, '--region', region, '--output', 'json'];
    const env = {
      HOME: '/nonexistent',
      AWS_ACCESS_KEY_ID: KEYS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey,
      ...(session && { AWS_SESSION_TOKEN: SESSION.sessionToken }),
    };
    const said = execFileSync(join(dirname(aws), 'python3'), ['-c', AT_A_TIME, NOW, ...command], { env });
    const { status } = JSON.parse(said.toString()) as {
      status: { token: string; expirationTimestamp: string };
    };
    return { cluster, region, session, expires: status.expirationTimestamp, token: status.token };
  });
}

const golden = (): Made[] => JSON.parse(readFileSync(GOLDEN, 'utf8')) as Made[];

const tokenOf = ({ cluster, region }: { cluster: string; region: string }, credentials: AwsCredentials) =>
  eksToken({ cluster, region }, credentials, new Date(NOW));

describe('A token for an API server of EKS', () => {
  for (const [index, [region, cluster, session]] of CASES.entries())
    it(`has the bytes of aws eks get-token in ${region} for ${cluster}, ${session ? 'in a session' : 'with keys alone'}`, () => {
      const made = golden()[index];
      const { token, expires } = tokenOf({ cluster, region }, session ? SESSION : KEYS);
      expect({ cluster, region, session, token }).to.deep.equal({
        cluster: made?.cluster,
        region: made?.region,
        session: made?.session,
        token: made?.token,
      });
      expect(expires.toISOString()).to.equal(made?.expires.replace('Z', '.000Z'));
    });

  it('is what the AWS CLI makes today', function () {
    const aws = findProgram('aws') ?? skipWithout('aws', this);
    this.timeout(120_000);
    const made = byTheCli(aws);
    if (updatesGolden()) writeFileSync(GOLDEN, `${JSON.stringify(made, undefined, 2)}\n`);
    expect(made).to.deep.equal(golden());
  });

  it('ends with the credentials that signed it, where these end before it', () => {
    const expiration = new Date('2026-11-29T22:05:00Z');
    const { expires } = tokenOf({ cluster: 'sb', region: 'us-east-1' }, { ...SESSION, expiration });
    expect(expires).to.deep.equal(expiration);
  });

  it('holds no secret', () => {
    const { token } = tokenOf({ cluster: 'sb', region: 'us-east-1' }, SESSION);
    const url = Buffer.from(token.replace('k8s-aws-v1.', ''), 'base64url').toString();
    expect(url)
      .to.not.contain(KEYS.secretAccessKey)
      .and.not.contain(encodeURIComponent(KEYS.secretAccessKey));
  });

  for (const [what, place] of [
    ['a cluster whose name is another header', { cluster: 'sb\nhost:evil', region: 'us-east-1' }],
    ['a region that is another host', { cluster: 'sb', region: 'evil.example/' }],
  ] as const)
    it(`is not made for ${what}`, () => {
      expect(() => tokenOf(place, KEYS)).to.throw(/^(cluster|region): /);
    });
});
