/** AWS's query protocol, for the few calls of services whose SDK clients weigh more than `sb` itself (EC2's: 1.1 MB in the bundle). */
import { parseXML } from '@aws-sdk/xml-builder';
import { awsError, OF_A_PERSON } from '../aws/errors.ts';
import type { ProviderReason } from '../errors.ts';
import { post, type SignedPlace } from './signed.ts';

const VERSIONS = { ec2: '2016-11-15', iam: '2010-05-08', sts: '2011-06-15' } as const;
type Service = keyof typeof VERSIONS;

const HEADERS = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' };

const REASONS: Record<string, ProviderReason> = {
  ...OF_A_PERSON,
  UnauthorizedOperation: 'AccessDenied',
  'InvalidVpcID.NotFound': 'NotFound',
  NoSuchEntity: 'NotFound',
};

/** Elements by name; one that is there several times is an array. */
export type Xml = string | { [name: string]: Xml } | Xml[] | undefined;

/** The answer's root element. Throws `ProviderError`, with the missing permission where it was refused. */
export async function query(
  place: SignedPlace,
  [service, action]: readonly [Service, string],
  parameters: Readonly<Record<string, string>> = {},
): Promise<Xml> {
  const call = `${service} ${action}`;
  const body = new URLSearchParams({ Action: action, Version: VERSIONS[service], ...parameters }).toString();
  try {
    const { ok, status, text } = await post(place, { service, call }, { headers: HEADERS, body });
    const xml = Object.values(parseXML(text) as Record<string, Xml>)[0];
    if (ok) return xml;
    throw sdkError(xml, status);
  } catch (error) {
    throw awsError({ call, needs: `${service}:${action}`, reasons: REASONS }, error);
  }
}

/** An error as the SDK's clients throw them. EC2 says `<Response><Errors><Error>`, the others `<ErrorResponse><Error>`. */
function sdkError(xml: Xml, httpStatusCode: number): Error {
  const error = at(xml, 'Error') ?? at(xml, 'Errors', 'Error');
  return Object.assign(new Error(textAt(error, 'Message')), {
    name: textAt(error, 'Code') || 'Unknown',
    $metadata: { httpStatusCode },
  });
}

/** The element at a path; undefined where there is none. */
export const at = (xml: Xml, ...path: readonly string[]): Xml =>
  path.reduce<Xml>(
    (found, name) =>
      typeof found === 'object' && !Array.isArray(found) && Object.hasOwn(found, name)
        ? found[name]
        : undefined,
    xml,
  );

export const textAt = (xml: Xml, ...path: readonly string[]): string => {
  const found = at(xml, ...path);
  return typeof found === 'string' ? found : '';
};

/** The elements of a list, of which one alone is no array. */
export const listAt = (xml: Xml, ...path: readonly string[]): Xml[] => {
  const found = at(xml, ...path);
  return found === undefined || found === '' ? [] : Array.isArray(found) ? found : [found];
};
