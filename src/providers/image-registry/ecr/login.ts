/** The login of ECR's OCI protocol. */
import { GetAuthorizationTokenCommand, type ECRClient } from '@aws-sdk/client-ecr';
import { ProviderError } from '../../errors.ts';
import type { Login } from '../oci/http.ts';
import { ecrError } from './client.ts';

/** ECR's tokens are good for twelve hours; a token that runs out is refused with 403, which reads like a missing permission. */
const MARGIN_MS = 10 * 60_000;

interface Needs {
  client: ECRClient;
  region: string;
  /** Milliseconds since the epoch. */
  now: () => number;
}

async function authorize({ client, region }: Needs): Promise<Required<Login>> {
  const call = `log in to ECR in ${region}`;
  const { authorizationData = [] } = await client
    .send(new GetAuthorizationTokenCommand({}))
    .catch((error: unknown) => {
      throw ecrError({ call, action: 'ecr:GetAuthorizationToken', region }, error);
    });
  const [{ authorizationToken = '', expiresAt } = {}] = authorizationData;
  const [username = '', password] = Buffer.from(authorizationToken, 'base64').toString('utf8').split(':');
  if (!password) throw new ProviderError('Invalid', `${call}: the answer holds no token`);
  return { username, password, expires: (expiresAt?.getTime() ?? 0) - MARGIN_MS };
}

/** Asks for the token once and again shortly before it runs out; many that ask at the same time share one call. */
export function ecrLogin(needs: Needs): () => Promise<Login> {
  let current: Required<Login> | undefined;
  let asking: Promise<Required<Login>> | undefined;
  return async () => {
    if (current && current.expires > needs.now()) return current;
    asking ??= authorize(needs).finally(() => (asking = undefined));
    return (current = await asking);
  };
}
