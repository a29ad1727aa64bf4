import { ruleNames } from '../../tasks/check/rules.ts';
import { unknownRule, type Wish } from '../../tasks/check/selection.ts';
import { CliError } from '../failures/error.ts';

/** Throws SB-E001 for a name that is no rule. */
export function assertRules(wish: Wish): void {
  const unknown = unknownRule(wish);
  if (!unknown) return;
  const { name, meant } = unknown;
  throw new CliError('SB-E001', {
    what: `there is no rule ${name}`,
    why: `${meant === undefined ? '' : `did you mean ${meant}? `}the rules are: ${ruleNames.join(', ')}`,
    fix: 'sb task check --help',
  });
}
