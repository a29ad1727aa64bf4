/** EC2 and IAM, whose state is moto's, for callers that are somebody. Both speak the query protocol, as STS does. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { inQuery } from '../cloudformation/errors.ts';
import { answerFault, answerQuery, readQuery, xmlOf } from '../cloudformation/wire.ts';
import { authenticate } from '../codebuild/signature.ts';
import type { Calls } from './calls.ts';
import { REGION } from './facts.ts';
import type { Simulator } from './iam/simulator.ts';
import type { Sessions } from './sessions.ts';
import { AwsError } from './wire.ts';

const SERVICES = ['ec2', 'iam'] as const;
export type QueryService = (typeof SERVICES)[number];

/** The service that a request is signed for, where it is one of these. */
export const queryServiceOf = ({ headers }: IncomingMessage): QueryService | undefined =>
  SERVICES.find((service) => headers.authorization?.includes(`/${service}/aws4_request`));

interface Parts {
  calls: Calls;
  sessions: Sessions;
  moto: string;
  simulator: Simulator;
}

const IAM = 'https://iam.amazonaws.com/doc/2010-05-08/';

/** EC2's errors are wrapped differently. Source: EC2 API reference, “Error codes”. */
function answerError(response: ServerResponse, service: QueryService, error: AwsError): void {
  if (service === 'iam') return answerFault(response, IAM, error);
  const { code, message, status } = error;
  const EC2_CODES: Readonly<Record<string, string>> = {
    AccessDenied: 'UnauthorizedOperation',
    Throttling: 'RequestLimitExceeded',
    ExpiredToken: 'RequestExpired',
  };
  const inner = xmlOf({ Errors: { Error: { Code: EC2_CODES[code] ?? code, Message: message } } });
  response.writeHead(status, { 'content-type': 'text/xml' }).end(`<Response>${inner}</Response>`);
}

export async function answerQueryService(
  { calls, sessions, moto, simulator }: Parts,
  {
    request,
    response,
    service,
  }: { request: IncomingMessage; response: ServerResponse; service: QueryService },
): Promise<void> {
  const wire = await readQuery(request);
  const { 'user-agent': agent = '', authorization = '', 'content-type': type = '' } = request.headers;
  const made = { action: `${service}:${wire.action}`, request: wire.members, agent };
  try {
    const said = await calls.record(made, async () => {
      authenticate(wire, { region: REGION, service, known: sessions.known, now: Date.now() });
      // moto has no simulator.
      if (made.action === 'iam:SimulatePrincipalPolicy') return simulator.simulate(wire.members);
      simulator.forget();
      return fetch(moto, {
        method: 'POST',
        body: wire.body.toString(),
        headers: { authorization, 'content-type': type },
      });
    });
    if (!(said instanceof Response))
      return answerQuery(response, { namespace: IAM, action: wire.action }, said);
    response.writeHead(said.status, { 'content-type': 'text/xml' }).end(await said.text());
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    answerError(response, service, inQuery(error));
  }
}
