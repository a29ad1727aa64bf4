/**
 * IAM's simulator for the roles, users and groups that moto keeps: what their policies decide, by the evaluator that the other test doubles keep to.
 * Source: IAM API reference, SimulatePrincipalPolicy, EvaluationResult (one for each action, since 2026); User Guide, “Policy evaluation logic”.
 */
import { at, listAt, query, textAt } from '../../../../src/providers/account/query.ts';
import { ProviderError } from '../../../../src/providers/errors.ts';
import { AwsError } from '../../codebuild/errors.ts';
import { CREDENTIALS, REGION } from '../facts.ts';
import { decide, missingKeys, type Asked, type Decision, type Policy } from './evaluate.ts';

interface Named {
  id: string;
  policy: Policy;
}

/** What holds for somebody. */
interface Held {
  own: readonly Named[];
  boundary: Policy | undefined;
}

interface Wish {
  PolicySourceArn?: string;
  ActionNames?: string[];
  ResourceArns?: string[];
  ContextEntries?: { ContextKeyName: string; ContextKeyValues: string[] }[];
  Marker?: string;
}

type Kind = 'Role' | 'User' | 'Group';

const SOURCE = /^arn:aws:iam::\d{12}:(role|user|group)\/(?:.*\/)?([^/]+)$/;
const KINDS: Readonly<Record<string, Kind>> = { role: 'Role', user: 'User', group: 'Group' };
const WORST: readonly Decision[] = ['explicitDeny', 'implicitDeny', 'allowed'];

export class Simulator {
  /** Service control policies; without them the account is in no organization. */
  organization: Policy[] | undefined;
  /** Results of a page: IAM may give fewer than it is asked for. */
  pageSize = 100;
  readonly #moto: string;
  /** By ARN: one question is asked in many calls. */
  readonly #seen = new Map<string, Held>();

  constructor(moto: string) {
    this.#moto = moto;
  }

  /** Policies may be others from now on. */
  forget(): void {
    this.#seen.clear();
  }

  /** As it was in the beginning. */
  reset(): void {
    this.forget();
    this.organization = undefined;
    this.pageSize = 100;
  }

  async simulate(asked: object): Promise<object> {
    const {
      PolicySourceArn,
      ActionNames = [],
      ResourceArns = ['*'],
      Marker,
      ContextEntries = [],
    } = asked as Wish;
    const held = await this.#known(PolicySourceArn ?? '');
    const context = Object.fromEntries(
      ContextEntries.map((one) => [one.ContextKeyName, one.ContextKeyValues[0] ?? '']),
    );
    const from = Number(Marker ?? 0);
    const until = from + this.pageSize;
    const isMore = until < ActionNames.length;
    const askedOf = (action: string): Asked[] =>
      ResourceArns.map((resource) => ({ action, resource, context }));
    return {
      EvaluationResults: ActionNames.slice(from, until).map((action) => this.#result(held, askedOf(action))),
      IsTruncated: isMore,
      ...(isMore && { Marker: String(until) }),
    };
  }

  async #known(source: string): Promise<Held> {
    const [, kind = '', name = ''] = SOURCE.exec(source) ?? [];
    const what = `Invalid Entity Arn: ${source} does not clearly define entity type and name.`;
    if (name === '') throw new AwsError('InvalidInput', what);
    const held = this.#seen.get(source) ?? (await this.#held(KINDS[kind]!, name));
    this.#seen.set(source, held);
    return held;
  }

  /** Of one action on all resources. */
  #result(held: Held, asked: readonly Asked[]): object {
    const each = asked.map((one) => this.#decided(held, one));
    const all = asked.map(({ resource }) => resource);
    const decisions = each.map(({ decision }) => decision);
    const worst = WORST.find((one) => decisions.includes(one));
    const isAny = all.length === 1 && all[0] === '*';
    return {
      EvalActionName: asked[0]?.action,
      EvalResourceName: all.length === 1 ? all[0] : '*',
      EvalDecision: worst,
      ...(this.organization && {
        OrganizationsDecisionDetail: { AllowedByOrganizations: each.every(({ inside }) => inside) },
      }),
      ...(isAny
        ? each[0]?.details
        : {
            ResourceSpecificResults: each.map(({ decision, details }, index) => ({
              EvalResourceName: all[index],
              EvalResourceDecision: decision,
              ...details,
            })),
          }),
    };
  }

  #decided({ own, boundary }: Held, asked: Asked): { decision: Decision; inside: boolean; details: object } {
    const policies = own.map(({ policy }) => policy);
    const limits = [this.organization, boundary && [boundary]].map((limit) =>
      limit ? decide(limit, asked) : 'allowed',
    );
    const [inside, bounded] = limits;
    const all = [decide(policies, asked), ...limits];
    const denying = own.filter(({ policy }) => decide([policy], asked) === 'explicitDeny');
    return {
      decision: WORST.find((one) => all.includes(one))!,
      inside: inside === 'allowed',
      details: {
        MatchedStatements: denying.map(({ id }) => ({ SourcePolicyId: id })),
        MissingContextValues: missingKeys(policies, asked),
        ...(boundary && {
          PermissionsBoundaryDecisionDetail: { AllowedByPermissionsBoundary: bounded === 'allowed' },
        }),
      },
    };
  }

  async #held(kind: Kind, name: string): Promise<Held> {
    const entity = await this.#ask(`Get${kind}`, { [`${kind}Name`]: name });
    const boundary = textAt(entity, kind, 'PermissionsBoundary', 'PermissionsBoundaryArn');
    const groups = kind === 'User' ? await this.#ask('ListGroupsForUser', { UserName: name }) : undefined;
    const ofGroups = listAt(groups, 'Groups', 'member').map((group) =>
      this.#policiesOf('Group', textAt(group, 'GroupName')),
    );
    return {
      own: (await Promise.all([this.#policiesOf(kind, name), ...ofGroups])).flat(),
      boundary: boundary === '' ? undefined : await this.#managed(boundary),
    };
  }

  async #policiesOf(kind: Kind, name: string): Promise<Named[]> {
    const of = { [`${kind}Name`]: name };
    const inline = listAt(await this.#ask(`List${kind}Policies`, of), 'PolicyNames', 'member');
    const attached = listAt(await this.#ask(`ListAttached${kind}Policies`, of), 'AttachedPolicies', 'member');
    return Promise.all([
      ...inline.map(async (id) => {
        const said = await this.#ask(`Get${kind}Policy`, { ...of, PolicyName: id as string });
        return { id: id as string, policy: documentOf(textAt(said, 'PolicyDocument')) };
      }),
      ...attached.map(async (one) => ({
        id: textAt(one, 'PolicyName'),
        policy: await this.#managed(textAt(one, 'PolicyArn')),
      })),
    ]);
  }

  async #managed(PolicyArn: string): Promise<Policy> {
    const VersionId = textAt(await this.#ask('GetPolicy', { PolicyArn }), 'Policy', 'DefaultVersionId');
    const said = await this.#ask('GetPolicyVersion', { PolicyArn, VersionId });
    return documentOf(textAt(said, 'PolicyVersion', 'Document'));
  }

  /** moto's answer, without what is around it. */
  async #ask(action: string, parameters: Readonly<Record<string, string>>) {
    const place = {
      region: REGION,
      env: { AWS_ENDPOINT_URL_IAM: this.#moto },
      credentials: async () => CREDENTIALS,
    };
    try {
      return at(await query(place, ['iam', action], parameters), `${action}Result`);
    } catch (error) {
      if (!(error instanceof ProviderError && error.reason === 'NotFound')) throw error;
      throw new AwsError('NoSuchEntity', (error.cause as Error).message, 404);
    }
  }
}

/** IAM writes documents as a part of an address; moto writes those that its own CloudFormation has made as Python does. */
function documentOf(text: string): Policy {
  const plain = text.startsWith('%') ? decodeURIComponent(text) : text;
  return JSON.parse(plain.startsWith(`{'`) ? plain.replaceAll(`'`, '"') : plain) as Policy;
}
