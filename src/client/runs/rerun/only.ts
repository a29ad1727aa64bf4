/** Pure: `--only` of `sb run rerun`. */
import type { Trial } from '../../../crds/trial.ts';
import { faultOfException } from '../../../crds/agent-failures.ts';
import { CliError } from '../../failures/error.ts';
import { faultOf } from '../../../crds/reasons.ts';
import { isEnded, stateOf } from '../../../results/state.ts';
import { errorClasses } from '../errors.ts';

type Selects = (trial: Trial) => boolean;

const COMPARE: Record<string, (a: number, b: number) => boolean> = {
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
  '=': (a, b) => a === b,
};

/**
 * Whether a Trial is selected by any of the wishes: `infra` (lost to cluster, node, builder or store), `model` (met a
 * failure of the model's provider, a reward notwithstanding), `error=<reason, exception or class>`
 * in any case, `reward<X` and so on; a Trial without a reward fits no comparison. No wish selects every Trial. Throws SB-E092 for a wish that
 * is none.
 */
export function selectionOf(wishes: readonly string[]): Selects {
  const all = wishes.map(parse);
  return all.length === 0 ? () => true : (trial) => all.some((selects) => selects(trial));
}

function parse(wish: string): Selects {
  const text = wish.trim();
  if (text === 'infra') return isLostToInfrastructure;
  if (text === 'model') return metModelFailure;
  const error = /^error=(.+)$/.exec(text)?.[1];
  if (error !== undefined) return (trial) => namesOf(trial).includes(error.toLowerCase());
  const [, operator = '', limit = ''] = /^reward\s*(<=|>=|<|>|=)\s*(-?\d+(?:\.\d+)?)$/.exec(text) ?? [];
  const compare = COMPARE[operator];
  if (!compare) throw notUnderstood(wish);
  return ({ status }) => status?.reward !== undefined && compare(status.reward, Number(limit));
}

function isLostToInfrastructure(trial: Trial): boolean {
  const { state, reason, message } = stateOf(trial);
  const isLost = state === 'lost' && trial.status?.reward === undefined;
  return isLost && faultOf(reason, message) === 'infrastructure';
}

const metModelFailure = (trial: Trial): boolean =>
  isEnded(stateOf(trial).state) && faultOfException(trial.status?.exception?.type) === 'model';

/** Everything that a Trial's trouble is called. */
function namesOf(trial: Trial): string[] {
  const { reason } = stateOf(trial);
  const names = [reason, trial.status?.exception?.type, ...errorClasses([trial]).map((one) => one.class)];
  return names.flatMap((name) => (name === undefined ? [] : [name.toLowerCase()]));
}

const notUnderstood = (wish: string): CliError =>
  new CliError('SB-E092', {
    what: `cannot tell which Trials --only ${JSON.stringify(wish)} means`,
    why: 'expected infra, model, error=<reason or exception>, or reward with < <= > >= = and a number',
    fix: `sb run rerun <run> --only 'reward<1'`,
  });
