/** Pure: whether a GitOps tool keeps an object, by the marks that it leaves on what it applies. Such a tool creates again what somebody deletes. */
import type { ObjectMeta } from '../kube/types.ts';

/** Annotation or label → who leaves it. Of `app.kubernetes.io/instance`, Argo CD's older mark, nobody can tell: Helm leaves it, too. */
const TOOLS: Readonly<Record<string, string>> = {
  'argocd.argoproj.io/tracking-id': 'Argo CD',
  'kustomize.toolkit.fluxcd.io/name': 'Flux',
  'helm.toolkit.fluxcd.io/name': 'Flux',
};

/** The marks, which the watch cache has to keep. */
export const GITOPS_MARKS: readonly string[] = Object.keys(TOOLS);

/** On what the operator makes of a Trial: Argo CD looks at an Application again whenever a Job or Pod below it changes, unless this is there. */
export const ARGO_LOOKS_AWAY = { 'argocd.argoproj.io/ignore-resource-updates': 'true' } as const;

/** Why a Trial's time to live does not delete it. */
export const keptFor = (tool: string): string =>
  `ttlSecondsAfterFinished does not delete this Trial: ${tool} applied it and would create it again; remove it from Git instead`;

/** The tool that keeps the object, by name; undefined where none does. */
export function gitOpsTool({ metadata }: { metadata: ObjectMeta }): string | undefined {
  const marks = { ...metadata.labels, ...metadata.annotations };
  return Object.entries(TOOLS).find(([mark]) => marks[mark] !== undefined)?.[1];
}
