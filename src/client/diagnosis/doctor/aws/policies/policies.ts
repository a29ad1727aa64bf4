/** Whether policies allow what an installation and its user need, as far as IAM simulates it. Nothing is done for it. */
import { LOG_SHIPPER, TAGS } from '../../../../../installation/aws/names.ts';
import { ApiError } from '../../../../../kube/errors.ts';
import type { KubeClient } from '../../../../../kube/types.ts';
import type { Verdict } from '../../../../../providers/account/port.ts';
import { ProviderError } from '../../../../../providers/errors.ts';
import { quoted } from '../../../../../text/safe.ts';
import { principalOf } from '../../../../cloud/account/principal.ts';
import { rulesOf } from '../../../../session/rules.ts';
import { fine, skipped, type Found } from '../../check.ts';
import { awsCheck, isKnown, type AwsPlace, type OperatorSettings } from '../place.ts';
import { operatorRole } from '../roles.ts';
import { needsOf, simulationsOf, type Need } from './needs.ts';
import { refusalsOf, shortOf, type Actor } from './refusals.ts';

interface Candidate extends Pick<Actor, 'role' | 'who'> {
  /** ARN of the role or user; undefined where there is none, or none that policies hold for. */
  find: (place: AwsPlace, kube: KubeClient) => Promise<string | undefined>;
}

const CANDIDATES: readonly Candidate[] = [
  { role: 'operator', who: 'the operator', find: operatorRole },
  {
    role: 'builder',
    who: 'builds',
    async find({ inspection, settings }) {
      const project = settings?.['SB_CODEBUILD_PROJECT'];
      return project ? (await inspection.project(project))?.role : undefined;
    },
  },
  {
    role: 'logShipper',
    who: 'Fluent Bit',
    find: async ({ inspection, cluster }) =>
      isKnown(cluster) ? inspection.podRole({ cluster: cluster.name, ...LOG_SHIPPER }) : undefined,
  },
  {
    role: 'node',
    who: 'nodes',
    find: async ({ cluster }) => (isKnown(cluster) ? cluster.nodeRole : undefined),
  },
];

/** In the namespace of a researcher nobody needs more than they have. */
const callerIn = (researcher: string | undefined): Candidate => ({
  role: researcher === undefined ? 'client' : 'researcher',
  who: 'you',
  find: async ({ account, identity }) => principalOf(account, identity.arn),
});

/** What came of asking about one of them. */
interface Outcome {
  who: string;
  /** Empty: all is allowed. */
  found?: Found[];
  /** Whose policies the caller may not simulate. */
  closed?: string;
}

/** Less than a check may take: what was decided by then is worth having. */
const PATIENCE_MS = 7_000;

export const awsPolicies = awsCheck(
  { name: 'aws-policies', subject: 'what roles and you may do' },
  async (place, { session }) => {
    const { kube, now, namespace } = session;
    const { settings } = place;
    const until = now().getTime() + PATIENCE_MS;
    const onTime = (): void => {
      if (now().getTime() > until)
        throw new ProviderError('Throttled', `IAM has not decided all of it within ${PATIENCE_MS / 1000} s`);
    };
    if (!settings)
      return [
        skipped('what roles and you may do could not be checked', 'the operator’s settings cannot be read'),
      ];
    const isOwn = (await rulesOf(session))?.ownFolder !== undefined;
    const here = { ...place, settings, onTime, ...(isOwn && { researcher: namespace }) };
    const asked = [...CANDIDATES, callerIn(here.researcher)].map((one) => outcomeOf(one, here, kube));
    return resultsOf((await Promise.all(asked)).filter((one) => one !== undefined));
  },
);

interface Place extends AwsPlace {
  settings: OperatorSettings;
  /** Whose namespace the session is in; undefined where it is nobody's. */
  researcher?: string;
  /** Throws where nothing more can be asked within the time of a check. */
  onTime: () => void;
}

/** Undefined where there is nobody, or nobody who needs anything. What cannot be asked is no failure of theirs. */
async function outcomeOf(
  { role, who, find }: Candidate,
  place: Place,
  kube: KubeClient,
): Promise<Outcome | undefined> {
  let arn: string | undefined;
  try {
    arn = await find(place, kube);
    const { region, identity, settings, researcher } = place;
    const known = { region, account: identity.account, settings };
    const needs = needsOf(role, { ...known, ...(researcher !== undefined && { researcher }) });
    if (arn === undefined || needs.length === 0) return undefined;
    return { who, found: await refused({ role, who, arn }, needs, place) };
  } catch (error) {
    if (!(error instanceof ProviderError || error instanceof ApiError)) throw error;
    // Whoever is missing is missed by another check.
    if (error.reason === 'NotFound') return undefined;
    if (arn !== undefined && error.reason === 'AccessDenied') return { who, closed: arn };
    return { who, found: [skipped(`what ${who} may do could not be checked`, error.message)] };
  }
}

async function refused(actor: Actor, needs: readonly Need[], place: Place): Promise<Found[]> {
  const verdicts: Verdict[] = [];
  // One after the other: IAM gives few of these a second to an account.
  for (const asked of simulationsOf(needs)) {
    place.onTime();
    verdicts.push(...(await place.inspection.simulate(actor.arn, asked)));
  }
  const found = refusalsOf(actor, needs, verdicts);
  if (found.length === 0) return [];
  const update = await updateOf(actor, place);
  return update === undefined ? found : refusalsOf({ ...actor, update }, needs, verdicts);
}

/** Roles of our stacks have tags that say so. Whoever may not see them is told the statement alone. */
async function updateOf({ arn }: Actor, { account, region }: Place): Promise<string | undefined> {
  if (!arn.includes(':role/')) return undefined;
  const role = await account.role(shortOf(arn)).catch(() => undefined);
  const [stack, part] = [role?.tags[TAGS.stack], role?.tags[TAGS.part]];
  if (stack === undefined || part === undefined) return undefined;
  return `sb cloud init --stack ${quoted(stack)} --region ${region}    (where stack ${stack}-${part} is of an older version)`;
}

function resultsOf(outcomes: readonly Outcome[]): Found[] {
  const closed = outcomes.filter((one) => one.closed !== undefined);
  const allowed = outcomes.filter(({ found }) => found?.length === 0);
  return [
    ...outcomes.flatMap(({ found = [] }) => found),
    ...(closed.length === 0
      ? []
      : [
          skipped(
            `not checked: what ${listed(closed)} may do`,
            `it needs iam:SimulatePrincipalPolicy on ${closed.map((one) => one.closed).join(', ')}`,
          ),
        ]),
    ...(allowed.length === 0
      ? []
      : [fine(`IAM allows ${listed(allowed)} all that is needed, as far as it can be simulated`)]),
  ];
}

/** `builds, nodes and you`. */
const listed = (outcomes: readonly Outcome[]): string =>
  new Intl.ListFormat('en-GB').format(outcomes.map(({ who }) => who));
