/** Temporary credentials, as STS gives them for a ServiceAccount's token. S3's server does not know them. */
import { ACCOUNT, CREDENTIALS, STACK } from './facts.ts';
import { AwsError } from './wire.ts';

export interface Session {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  /** Epoch milliseconds. */
  expiration?: number;
  /** Whose keys these are. */
  arn?: string;
}

/** Whose the keys without an end are. */
export const USER_ARN = `arn:aws:iam::${ACCOUNT}:user/admin`;

const EXPIRED = 'The security token included in the request is expired';
const INVALID = 'The security token included in the request is invalid.';

export class Sessions {
  /** Every set of keys that was ever given, the ones without an end first. */
  readonly known: Session[] = [{ ...CREDENTIALS, arn: USER_ARN }];
  /** How long new ones live. */
  lifeSeconds = 3600;

  open(arn: string): Required<Session> {
    const number = this.known.length;
    const session = {
      accessKeyId: `ASIASESSION${String(number).padStart(9, '0')}`,
      secretAccessKey: `secret-of-session-${number}`,
      sessionToken: `token-of-session-${number}`,
      expiration: Date.now() + this.lifeSeconds * 1000,
      arn,
    };
    this.known.push(session);
    return session;
  }

  /** Throws what AWS answers to keys that it does not know, or no more. */
  check(accessKeyId: string | undefined, sessionToken: string | undefined): void {
    const session = this.known.find(
      (one) => one.accessKeyId === accessKeyId && one.sessionToken === sessionToken,
    );
    if (!session) throw new AwsError('UnrecognizedClientException', INVALID);
    if (session.expiration !== undefined && session.expiration <= Date.now())
      throw new AwsError('ExpiredTokenException', EXPIRED);
  }
}

export interface Assumed {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string;
  expiration: Date;
}

/** What the SDK does in a Pod with a ServiceAccount's token (IRSA), without the token's file. */
export async function assumeRole(url: string): Promise<Assumed> {
  const body = new URLSearchParams({
    Action: 'AssumeRoleWithWebIdentity',
    Version: '2011-06-15',
    RoleArn: `arn:aws:iam::${ACCOUNT}:role/${STACK}-operator`,
    RoleSessionName: 'sb-operator',
    WebIdentityToken: 'unchecked',
  });
  const xml = await (await fetch(url, { method: 'POST', body })).text();
  const value = (name: string): string => new RegExp(`<${name}>([^<]+)<`).exec(xml)?.[1] ?? '';
  return {
    accessKeyId: value('AccessKeyId'),
    secretAccessKey: value('SecretAccessKey'),
    sessionToken: value('SessionToken'),
    expiration: new Date(value('Expiration')),
  };
}
