/** Pure: under which paths of a Trial a courier may store files. Broker and courier ask the same. */
import { stepNameFault } from './step-name.ts';

/** `steps/<step>/`: what lies there is that step's, in the folders that the Trial itself has without steps. */
export const stepFolder = (step: string): string => `steps/${step}/`;

const FOLDERS = new Set(['agent', 'verifier', 'output']);
/** The courier's own files. `config.json` and `result.json` beside them are the operator's. */
export const COURIER_FILES = new Set(['manifest.json', 'outcome.json', 'trial.log']);

// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f\\]/;
/** No listing shows these: versitygw keeps its own files under that name, and XML has no way to write those characters. */
const UNLISTED = /(^|\/)\.sgwtmp(\/|$)|[\ufffe\uffff]/;

/** Whether a store would take a file of this path, and never show it. */
export const isUnlisted = (path: string): boolean => UNLISTED.test(path);

/** Why no key may hold this path or name, in words that follow it; undefined for one that is fine. */
export const problemOfName = (path: string): string | undefined =>
  !path.isWellFormed() || FORBIDDEN.test(path) ? 'holds a character that no key may hold' : undefined;

/** Why a courier may not store this path, in words that follow it; undefined for one that it may. */
export function problemOfPath(path: string): string | undefined {
  const problem = problemOfName(path);
  if (problem !== undefined) return problem;
  if (isUnlisted(path)) return 'is a name that no listing shows';
  const [top = '', ...rest] = path.split('/');
  if ([top, ...rest].some((segment) => segment === '' || segment === '.' || segment === '..'))
    return 'is not a plain relative path';
  return problemOfPlace(top, rest);
}

const ELSEWHERE = 'is not a place for couriers';

function problemOfPlace(top: string, rest: string[]): string | undefined {
  if (rest.length === 0) return COURIER_FILES.has(top) ? undefined : ELSEWHERE;
  const [step = '', folder = '', ...below] = rest;
  if (top !== 'steps') return FOLDERS.has(top) ? undefined : ELSEWHERE;
  if (below.length === 0 || !FOLDERS.has(folder)) return ELSEWHERE;
  const fault = stepNameFault(step);
  return fault && `names a step that none may be called; expected ${fault}`;
}
