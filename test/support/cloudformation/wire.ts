/** AWS's query protocol: a form whose names are paths in, XML out. Source: Smithy, “AWS query protocol”. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { SignedRequest } from '../codebuild/signature.ts';
import type { AwsError } from './errors.ts';

/** A text, a list or a structure of these. */
export type Tree = string | Tree[] | { [name: string]: Tree };

export interface QueryRequest extends SignedRequest {
  action: string;
  version: string;
  members: Record<string, Tree>;
}

/** Where names of members are numbers below `member`, they are a list. */
function listsIn(tree: { [name: string]: Tree }): Tree {
  const within = tree['member'];
  if (within !== undefined && typeof within === 'object')
    return Object.entries(within)
      .sort(([a], [b]) => Number(a) - Number(b))
      .map(([, one]) => finished(one));
  return Object.fromEntries(Object.entries(tree).map(([name, one]) => [name, finished(one)]));
}

const finished = (tree: Tree): Tree =>
  typeof tree === 'string' || Array.isArray(tree) ? tree : listsIn(tree);

/** `Tags.member.1.Key=a` → `{ Tags: [{ Key: 'a' }] }`. */
export function treeOf(form: URLSearchParams): Record<string, Tree> {
  const root: { [name: string]: Tree } = {};
  for (const [path, value] of form) {
    const names = path.split('.');
    const last = names.pop()!;
    let at = root;
    for (const name of names) at = (at[name] ??= {}) as { [name: string]: Tree };
    at[last] = value;
  }
  return finished(root) as Record<string, Tree>;
}

/** Larger than any request that AWS takes. */
const LONGEST = 2 ** 20;

export async function readQuery(request: IncomingMessage): Promise<QueryRequest> {
  const { method = '', url = '', headers } = request;
  if (Number(headers['content-length'] ?? 0) > LONGEST) throw new Error('the request is too long');
  const body = await buffer(request);
  const form = new URLSearchParams(body.toString());
  const [action, version] = ['Action', 'Version'].map((name) => form.get(name) ?? '') as [string, string];
  for (const name of ['Action', 'Version']) form.delete(name);
  return { method, url, headers, body, action, version, members: treeOf(form) };
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '\r': '&#xD;' };
const escaped = (text: string): string => text.replace(/[&<>\r]/g, (one) => ESCAPES[one]!);

/** Values as XML: lists as `member`, times in ISO 8601; what is undefined is left out. */
export function xmlOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map((one) => `<member>${xmlOf(one)}</member>`).join('');
  if (typeof value !== 'object') return escaped(`${value as string | number | boolean}`);
  return Object.entries(value)
    .filter(([, one]) => one !== undefined)
    .map(([name, one]) => `<${name}>${xmlOf(one)}</${name}>`)
    .join('');
}

export interface Spoken {
  /** `http://cloudformation.amazonaws.com/doc/2010-05-15/`. */
  namespace: string;
  action: string;
}

function send(response: ServerResponse, status: number, xml: string): void {
  response.writeHead(status, { 'content-type': 'text/xml' }).end(xml);
}

export function answerQuery(response: ServerResponse, { namespace, action }: Spoken, result: unknown): void {
  const metadata = `<ResponseMetadata><RequestId>${randomUUID()}</RequestId></ResponseMetadata>`;
  const inner = `<${action}Result>${xmlOf(result)}</${action}Result>${metadata}`;
  send(response, 200, `<${action}Response xmlns="${namespace}">${inner}</${action}Response>`);
}

export function answerFault(response: ServerResponse, namespace: string, error: AwsError): void {
  const Type = error.status < 500 ? 'Sender' : 'Receiver';
  const inner = xmlOf({ Error: { Type, Code: error.code, Message: error.message }, RequestId: randomUUID() });
  send(response, error.status, `<ErrorResponse xmlns="${namespace}">${inner}</ErrorResponse>`);
}
