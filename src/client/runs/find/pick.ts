/** Pure: what somebody typed → the run or Trial that is meant. The one place that knows `@latest` and prefixes. */
import { byText } from '../../../text/figures.ts';
import { CliError } from '../../failures/error.ts';

/** What can be named. */
export interface Named {
  name: string;
  /** Milliseconds since the epoch. */
  createdAt: number;
}

/** The newest. */
export const LATEST = '@latest';

interface Wanted {
  /** What was typed: `@latest`, a name, or its beginning. */
  name: string;
  kind: 'run' | 'trial';
  namespace: string;
}

/** Names shown where several fit. */
const SHOWN = 10;

/** The one that is meant: the newest, that of exactly this name, or the only one whose name begins so. Throws SB-E090, SB-E091. */
export function pick<T extends Named>(all: readonly T[], wanted: Wanted): T {
  if (wanted.name === LATEST) return newest(all, wanted);
  const exact = all.find(({ name }) => name === wanted.name);
  if (exact) return exact;
  const fitting = wanted.name === '' ? [] : all.filter(({ name }) => name.startsWith(wanted.name));
  const [only] = fitting;
  if (!only) throw unknown(wanted);
  if (fitting.length > 1) throw ambiguous(fitting, wanted);
  return only;
}

function newest<T extends Named>(all: readonly T[], wanted: Wanted): T {
  const [first] = all.toSorted((a, b) => b.createdAt - a.createdAt || byText(b.name, a.name));
  if (!first) throw unknown(wanted);
  return first;
}

const wordOf = ({ kind }: Pick<Wanted, 'kind'>): string => (kind === 'run' ? 'run' : 'Trial');

function unknown({ name, kind, namespace }: Wanted): CliError {
  const latest = name === LATEST;
  const word = wordOf({ kind });
  return new CliError('SB-E090', {
    what: latest ? `there is no ${word} yet` : `cannot find the ${word} ${name}`,
    why: latest
      ? `namespace ${namespace} has none`
      : `no ${word} of namespace ${namespace} has this name or begins with it`,
    fix:
      kind === 'run'
        ? `sb run ls -n ${namespace}`
        : `sb run ls -n ${namespace}    (then sb run show <run> lists its Trials)`,
  });
}

function ambiguous(fitting: readonly Named[], { name, kind }: Wanted): CliError {
  const names = fitting.map((one) => one.name).sort(byText);
  const more = names.length > SHOWN ? [`… and ${names.length - SHOWN} more`] : [];
  return new CliError('SB-E091', {
    what: `cannot tell which ${wordOf({ kind })} ${name} is`,
    why: `${names.length} begin so: ${[...names.slice(0, SHOWN), ...more].join(', ')}`,
    fix: `give more of the name: sb ${kind} show ${names[0]}`,
  });
}
