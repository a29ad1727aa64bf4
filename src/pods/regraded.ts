/** Pure: what the Pod of a regrade says of the Trial that is judged again. */
import { ANNOTATION } from '../crds/names.ts';
import { present } from '../crds/present.ts';
import type { Regraded } from '../crds/regrade.ts';

export const regradedAnnotation = ({ trial, uri, reward, rewards }: Regraded): Record<string, string> => ({
  [ANNOTATION.regraded]: JSON.stringify({ trial, uri, ...present({ reward, rewards }) } satisfies Regraded),
});

/** What the annotations of a Pod, or of its template, say; undefined where they say nothing. Only of what the operator rendered. */
export function regradedOf(annotations: Record<string, string> = {}): Regraded | undefined {
  const { [ANNOTATION.regraded]: text } = annotations;
  try {
    return text === undefined ? undefined : (JSON.parse(text) as Regraded);
  } catch {
    return undefined;
  }
}
