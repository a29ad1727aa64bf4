/** What IAM decides by the policies of a role or user, without anybody doing anything. Source: IAM API reference, SimulatePrincipalPolicy. */
import { ProviderError } from '../errors.ts';
import type { Denial, Simulation, Verdict } from './port.ts';
import { at, listAt, query, textAt, type Xml } from './query.ts';
import type { SignedPlace } from './signed.ts';

/** Of a hundred decisions each, as IAM has them: ten times what any role of ours needs. */
const MOST_PAGES = 10;

export async function simulate(place: SignedPlace, principal: string, asked: Simulation): Promise<Verdict[]> {
  const parameters = parametersOf(principal, asked);
  const verdicts: Verdict[] = [];
  let marker = '';
  for (let page = 0; page < MOST_PAGES; page++) {
    const said = await query(place, ['iam', 'SimulatePrincipalPolicy'], {
      ...parameters,
      ...(marker !== '' && { Marker: marker }),
    });
    const result = at(said, 'SimulatePrincipalPolicyResult');
    verdicts.push(...listAt(result, 'EvaluationResults', 'member').flatMap(verdictsOf));
    marker = textAt(result, 'Marker');
    if (textAt(result, 'IsTruncated') !== 'true' || marker === '') return verdicts;
  }
  throw new ProviderError('TooLarge', `iam SimulatePrincipalPolicy: more than ${MOST_PAGES} pages`);
}

const members = (name: string, values: readonly string[]): Record<string, string> =>
  Object.fromEntries(values.map((value, index) => [`${name}.member.${index + 1}`, value]));

function parametersOf(
  principal: string,
  { actions, resources, context }: Simulation,
): Readonly<Record<string, string>> {
  const entries = Object.entries(context).map(([key, value], index) => {
    const entry = `ContextEntries.member.${index + 1}`;
    return {
      [`${entry}.ContextKeyName`]: key,
      [`${entry}.ContextKeyType`]: value === 'true' || value === 'false' ? 'boolean' : 'string',
      [`${entry}.ContextKeyValues.member.1`]: value,
    };
  });
  return Object.assign(
    { PolicySourceArn: principal },
    members('ActionNames', actions),
    members('ResourceArns', resources),
    ...entries,
  ) as Record<string, string>;
}

/** One for each resource: what stands above them is the worst of them. Without resources of their own, it is about the one that it names. */
function verdictsOf(result: Xml): Verdict[] {
  const action = textAt(result, 'EvalActionName');
  // Is said of the action alone.
  const outside = textAt(result, 'OrganizationsDecisionDetail', 'AllowedByOrganizations') === 'false';
  const each = listAt(result, 'ResourceSpecificResults', 'member');
  if (each.length === 0) return [verdictOf(result, { action, outside, decision: 'EvalDecision' })];
  return each.map((one) => verdictOf(one, { action, outside, decision: 'EvalResourceDecision' }));
}

function verdictOf(
  said: Xml,
  { action, outside, decision }: { action: string; outside: boolean; decision: string },
): Verdict {
  const denial = denialOf(textAt(said, decision), {
    outside,
    bounded: textAt(said, 'PermissionsBoundaryDecisionDetail', 'AllowedByPermissionsBoundary') === 'false',
  });
  const by = textAt(listAt(said, 'MatchedStatements', 'member')[0], 'SourcePolicyId');
  return {
    action,
    resource: textAt(said, 'EvalResourceName'),
    ...(denial && { denial }),
    ...(denial === 'denied' && by !== '' && { by }),
    missing: listAt(said, 'MissingContextValues', 'member').filter((key) => typeof key === 'string'),
  };
}

/** What limits everybody is said first: no policy of one's own helps against it. */
function denialOf(
  decision: string,
  { outside, bounded }: { outside: boolean; bounded: boolean },
): Denial | undefined {
  if (decision === 'allowed') return undefined;
  if (outside) return 'organization';
  if (bounded) return 'boundary';
  return decision === 'explicitDeny' ? 'denied' : 'not allowed';
}
