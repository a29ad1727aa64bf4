/** AWS's JSON protocol (`X-Amz-Target`), for calls of services that `sb` needs no SDK client for. */
import { isRecord, parsedJson } from '../../text/json.ts';
import { awsError, OF_A_PERSON } from '../aws/errors.ts';
import type { ProviderReason } from '../errors.ts';
import { post, type SignedPlace } from './signed.ts';

/** Prefix of the target, by service. Source: the service models. */
const TARGETS = {
  ce: 'AWSInsightsIndexService',
  codebuild: 'CodeBuild_20161006',
  logs: 'Logs_20140328',
  servicequotas: 'ServiceQuotasV20190624',
} as const;
type Service = keyof typeof TARGETS;

const REASONS: Record<string, ProviderReason> = { ...OF_A_PERSON, NoSuchResourceException: 'NotFound' };

/** The answer's fields. Throws `ProviderError`, with the missing permission where it was refused. */
export async function callJson(
  place: SignedPlace,
  [service, action]: readonly [Service, string],
  asked: object,
): Promise<Record<string, unknown>> {
  const call = `${service} ${action}`;
  const headers = {
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-target': `${TARGETS[service]}.${action}`,
  };
  try {
    const { ok, status, text } = await post(
      place,
      { service, call },
      { headers, body: JSON.stringify(asked) },
    );
    const said = parsedJson(text);
    const fields = isRecord(said) ? said : {};
    if (ok) return fields;
    throw sdkError(fields, status);
  } catch (error) {
    throw awsError({ call, needs: `${service}:${action}`, reasons: REASONS }, error);
  }
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** An error as the SDK's clients throw them: a type may have a namespace before a hash, and a message either spelling. */
function sdkError(
  { __type: type, message, Message }: Record<string, unknown>,
  httpStatusCode: number,
): Error {
  return Object.assign(new Error(textOf(message ?? Message)), {
    name: textOf(type).replace(/^.*#/, '') || 'Unknown',
    $metadata: { httpStatusCode },
  });
}
