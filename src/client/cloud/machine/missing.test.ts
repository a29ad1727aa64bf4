import { expect } from 'chai';
import { missing, profilesIn, type AwsSeen } from './missing.ts';

const seen = (change: Partial<AwsSeen> = {}): AwsSeen => ({
  env: { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' },
  profiles: [],
  stack: 'abundant-sb',
  region: 'us-east-1',
  ...change,
});

describe('What sb cloud init lacks', () => {
  it('is nothing where there are credentials, a region and a name', () => {
    expect(missing(seen())).to.deep.equal([]);
  });

  for (const region of [
    'us-east-1',
    'ap-southeast-2',
    'il-central-1',
    'cn-north-1',
    'us-gov-west-1',
    'eusc-de-east-1',
    'ap-southeast-10',
  ])
    it(`is nothing in ${region}`, () => {
      expect(missing(seen({ region }))).to.deep.equal([]);
    });

  it('is said in one line each, all at once', () => {
    const lines = missing(seen({ env: {}, region: undefined, stack: 'Sb' }));
    expect(lines.map((line) => line.split(':')[0])).to.deep.equal(['credentials', 'region', 'name']);
    for (const line of lines) expect(line).to.not.contain('\n');
  });

  for (const [what, change, said] of [
    ['credentials', { env: {} }, /there are none; run `aws sso login`/],
    [
      'a profile that is none, with those that there are',
      { env: { AWS_PROFILE: 'prod' }, profiles: ['default', 'dev'] },
      /AWS_PROFILE is "prod", and ~\/\.aws has no such profile, only default, dev$/,
    ],
    ['a default profile', { env: {}, profiles: ['dev'] }, /there are none, only dev; run/],
    [
      'the other half of a key',
      { env: { AWS_ACCESS_KEY_ID: 'a' } },
      /AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not/,
    ],
    [
      'the first half of a key',
      { env: { AWS_SECRET_ACCESS_KEY: 'a' } },
      /AWS_SECRET_ACCESS_KEY is set and AWS_ACCESS_KEY_ID is not/,
    ],
    ['a region', { region: undefined }, /set --region or SB_AWS_REGION/],
    ['a region that is one', { region: 'virginia' }, /"virginia" is no region of AWS/],
    ['a name in small letters', { stack: 'Mine' }, /"Mine" cannot name an installation/],
    ['a name that its bucket has room for', { stack: 'x'.repeat(26) }, /at most 25$/],
  ] as const)
    it(`is ${what}`, () => {
      const lines = missing(seen(change));
      expect(lines).to.have.lengthOf(1);
      expect(lines[0]).to.match(said);
    });

  for (const [where, change] of [
    ['of a profile', { env: { AWS_PROFILE: 'dev' }, profiles: ['dev'] }],
    ['of the default profile', { env: {}, profiles: ['default'] }],
    ['of a pipeline', { env: { AWS_WEB_IDENTITY_TOKEN_FILE: '/token' } }],
    ['of a container', { env: { AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://169.254.170.23/' } }],
  ] as const)
    it(`is nothing with credentials ${where}`, () => {
      expect(missing(seen(change))).to.deep.equal([]);
    });

  for (const region of ['cn-north-1', 'us-gov-west-1', 'eusc-de-east-1', 'ap-southeast-5'])
    it(`is nothing in ${region}`, () => {
      expect(missing(seen({ region }))).to.deep.equal([]);
    });
});

describe('Profiles of the AWS CLI', () => {
  it('are read in both forms; sessions of SSO are none', () => {
    const text =
      '[default]\nregion = x\n\n[profile dev]\n[sso-session corp]\n# [no]\n[ci]\naws_access_key_id = [x]\n';
    expect(profilesIn(text)).to.deep.equal(['default', 'dev', 'ci']);
  });
});
