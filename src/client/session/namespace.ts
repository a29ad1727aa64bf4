/** Names of namespaces: which there may be, and where a command that is printed has to say one. */
import { CliError } from '../failures/error.ts';
import type { Session } from './types.ts';

/** RFC 1123, as Kubernetes has it. */
const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

export const isNamespaceName = (name: string): boolean => NAME.test(name);

/** Throws SB-E009 for what no namespace can be called. Without a name the API server would speak of all of them. */
export function checkNamespaceName(name: string): string {
  if (isNamespaceName(name)) return name;
  throw new CliError('SB-E009', {
    what: `cannot use the namespace ${JSON.stringify(name)}`,
    why: 'a namespace has a name of 1 to 63 lower-case letters, digits and hyphens, with a letter or digit at both ends',
    fix: 'kubectl get namespaces',
    exit: 2,
  });
}

/** Nodes are in no namespace; and what names one already keeps it. */
const ELSEWHERE = /\bnodes?\b|nodepools|nodeclaims|(?:^|\s)(?:-n|--namespace|-A)\b|kubectl label namespace/;

/** Of the namespace that commands go to by themselves: undefined where that is the session's. */
export function namespaceToSay({
  kubeParts: { kubeConfig },
  context,
  namespace,
}: Session): string | undefined {
  const own = kubeConfig.getContextObject(context)?.namespace ?? 'default';
  return own === namespace ? undefined : namespace;
}

/** The command with `-n`, where it needs one; a sentence stays as it is. */
export function inNamespace(line: string, namespace: string | undefined): string {
  if (namespace === undefined || ELSEWHERE.test(line)) return line;
  return line
    .replace(/^(sb (?:run|trial|sandbox) [a-z-]+)/, `$1 -n ${namespace}`)
    .replace(/^kubectl (?=[a-z])/, `kubectl -n ${namespace} `);
}
