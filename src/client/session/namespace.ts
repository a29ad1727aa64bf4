import { CliError } from '../failures/error.ts';

/** RFC 1123, as Kubernetes has it. */
const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** Throws SB-E009 for what no namespace can be called. Without a name the API server would speak of all of them. */
export function checkNamespaceName(name: string): string {
  if (NAME.test(name)) return name;
  throw new CliError('SB-E009', {
    what: `cannot use the namespace ${JSON.stringify(name)}`,
    why: 'a namespace has a name of 1 to 63 lower-case letters, digits and hyphens, with a letter or digit at both ends',
    fix: 'kubectl get namespaces',
    exit: 2,
  });
}
