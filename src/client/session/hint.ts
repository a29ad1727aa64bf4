/** Pure: commands that are printed for somebody to run, in the namespace that he is in. */
import type { Session } from './types.ts';

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
    .replace(/^(sb (?:run|trial) [a-z]+)/, `$1 -n ${namespace}`)
    .replace(/^kubectl (?=[a-z])/, `kubectl -n ${namespace} `);
}
