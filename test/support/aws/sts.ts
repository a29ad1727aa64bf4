/** STS, with sessions that the other services know. Source: API reference of STS. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { authenticate } from '../codebuild/signature.ts';
import { AwsError, inQuery, invalid } from '../cloudformation/errors.ts';
import { answerFault, answerQuery, readQuery, type QueryRequest } from '../cloudformation/wire.ts';
import type { Calls } from './calls.ts';
import { ACCOUNT, REGION } from './facts.ts';
import { USER_ARN, type Session, type Sessions } from './sessions.ts';

const NAMESPACE = 'https://sts.amazonaws.com/doc/2011-06-15/';

export interface Sts {
  calls: Calls;
  sessions: Sessions;
}

/** Who signed this. Whoever asks for their identity or for a role has to be somebody. */
const callerOf = (wire: QueryRequest, { sessions }: Sts): Session =>
  authenticate(wire, { region: REGION, service: 'sts', known: sessions.known, now: Date.now() });

/** Source: API, `GetCallerIdentity`; ids of roles begin with AROA, of users with AIDA. */
export const identityOf = ({ arn = USER_ARN }: Session) => ({
  Arn: arn,
  UserId: arn.includes(':assumed-role/') ? `AROASTANDIN:${arn.split('/').at(-1)}` : 'AIDASTANDIN',
  Account: ACCOUNT,
});

/** `arn:aws:iam::1:role/path/name` → `arn:aws:sts::1:assumed-role/name/session`. */
const assumedArn = (role: string, session: string): string =>
  `${role.replace(':iam:', ':sts:').replace(/:role\/.*$/, '')}:assumed-role/${role.split('/').at(-1)}/${session}`;

function assume({ members }: QueryRequest, { sessions }: Sts): object {
  const [role, name] = [members['RoleArn'], members['RoleSessionName']];
  if (typeof role !== 'string' || typeof name !== 'string')
    throw invalid('RoleArn and RoleSessionName are needed');
  const arn = assumedArn(role, name);
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = sessions.open(arn);
  return {
    Credentials: {
      AccessKeyId: accessKeyId,
      SecretAccessKey: secretAccessKey,
      SessionToken: sessionToken,
      Expiration: new Date(expiration),
    },
    AssumedRoleUser: { Arn: arn, AssumedRoleId: `AROASTANDIN:${name}` },
  };
}

function perform(wire: QueryRequest, sts: Sts): object {
  // The token of a ServiceAccount stands in for a signature; it is not checked.
  if (wire.action === 'AssumeRoleWithWebIdentity') return assume(wire, sts);
  const caller = callerOf(wire, sts);
  if (wire.action === 'GetCallerIdentity') return identityOf(caller);
  if (wire.action === 'AssumeRole') return assume(wire, sts);
  throw new AwsError('InvalidAction', `Could not find operation ${wire.action} for version ${wire.version}`);
}

export async function answerSts(sts: Sts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const wire = await readQuery(request);
  const made = {
    action: `sts:${wire.action}`,
    request: wire.members,
    agent: request.headers['user-agent'] ?? '',
  };
  try {
    const result = await sts.calls.record(made, async () => perform(wire, sts));
    answerQuery(response, { namespace: NAMESPACE, action: wire.action }, result);
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    answerFault(response, NAMESPACE, inQuery(error));
  }
}
