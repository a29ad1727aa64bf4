import { withDefaults } from './defaults.ts';
import { mergePatch, Refusal, type Collection, type Stored } from './objects.ts';

/** Where a request points. */
export interface Target {
  /** `api/v1/pods`: what collections are filed under. */
  resource: string;
  namespace: string;
  name: string | undefined;
  subresource: string | undefined;
}

/** What was sent. */
export interface Sent {
  method: string;
  body: string;
  contentType: string;
}

export function parseTarget(path: string): Target {
  const parts = path.split('/').filter((part) => part !== '');
  const rest = parts.slice(parts[0] === 'api' ? 2 : 3);
  const root = parts.slice(0, parts.length - rest.length).join('/');
  const ofNamespace = ['status', 'finalize'].includes(rest[2] ?? '');
  const inNamespace = rest[0] === 'namespaces' && rest.length > 2 && !ofNamespace;
  const [plural, name, subresource] = inNamespace ? rest.slice(2) : rest;
  return { resource: `${root}/${plural}`, namespace: inNamespace ? (rest[1] ?? '') : '', name, subresource };
}

/** Apply creates what is missing; otherwise it is a merge here, without field ownership. */
function patch(collection: Collection, target: Target, change: { content: object; apply: boolean }): Stored {
  const { namespace, name = '', subresource } = target;
  const missing = !collection.objects.has(`${namespace}/${name}`);
  if (change.apply && missing)
    return collection.create(withDefaults(target.resource, change.content as Stored));
  const after = mergePatch(collection.get(namespace, name), change.content) as Stored;
  return collection.update(after, subresource === 'status' ? 'status' : 'main');
}

function remove(collection: Collection, { namespace, name = '' }: Target, options: object): Stored {
  const { preconditions = {} } = options as { preconditions?: { uid?: string; resourceVersion?: string } };
  const { uid, resourceVersion } = preconditions;
  const seen = resourceVersion ?? collection.get(namespace, name).metadata.resourceVersion;
  if (seen !== collection.get(namespace, name).metadata.resourceVersion) throw new Refusal(409, 'Conflict');
  return collection.delete(namespace, name, uid);
}

/** Carries out a request for one object. */
export function perform(collection: Collection, target: Target, sent: Sent): Stored {
  const content: object = sent.body === '' ? {} : JSON.parse(sent.body);
  switch (sent.method) {
    case 'GET':
      return collection.get(target.namespace, target.name ?? '');
    case 'POST':
      return collection.create(withDefaults(target.resource, content as Stored));
    case 'PUT':
      return collection.update(content as Stored, target.subresource === 'status' ? 'status' : 'main');
    case 'PATCH':
      return patch(collection, target, { content, apply: sent.contentType.startsWith('application/apply') });
    case 'DELETE':
      return remove(collection, target, content);
    default:
      throw new Refusal(405, 'MethodNotAllowed');
  }
}
