/** Researchers: namespaces with a budget, and who may work in them. */
import { dollars, spentIn } from '../../../budget/account.ts';
import { MICROS } from '../../../budget/prices.ts';
import { readAccounts } from '../../../budget/stored.ts';
import { LEDGER } from '../../../crds/names.ts';
import { budgetOf, MONTHLY_BUDGET, monthlyBudget, RESEARCHER } from '../../../crds/namespace-rules.ts';
import {
  groupOf,
  RESEARCHER_ROLE,
  researcherObjects,
  type Researcher,
} from '../../../installation/researcher.ts';
import { ConfigMap, Namespace } from '../../../kube/kinds.ts';
import type { KubeClient } from '../../../kube/types.ts';
import type { ClusterAccess } from '../../../providers/access/port.ts';
import { monthOf } from '../../../text/calendar.ts';
import { CliError } from '../../failures/error.ts';
import { applyAll } from '../cluster/apply.ts';

export { groupOf, type Bounds } from '../../../installation/researcher.ts';

type Access = Pick<ClusterAccess, 'grant' | 'revoke'>;

/** A researcher as they are, and what they have spent. */
export interface ResearcherFound {
  name: string;
  /** ARN. */
  role?: string;
  /** Millionths of a dollar; undefined where nobody can read it. */
  budget: number | undefined;
  month: string;
  spent: number;
}

const NAME = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const ROLE = /^arn:aws[\w-]*:iam::\d{12}:(role|user)\/[\w+=,.@/-]{1,512}$/;
const QUANTITY = /^[0-9]+(\.[0-9]+)?(m|[kMGTP]i?|Ki)?$/;

const wrong = (option: string, value: string, expected: string): CliError =>
  new CliError('SB-E036', {
    what: `${option} cannot be ${value}`,
    why: `expected ${expected}`,
    fix: 'sb cloud researcher add --help',
  });

/** US dollars as the annotation has them. Throws for what is no amount. */
export function checkedBudget(value: string): string {
  if (budgetOf(value) === undefined) throw wrong('--monthly', value, 'US dollars, such as 200 or 12.50');
  return value;
}

/** Throws for what the cluster or AWS would not take. */
export function checkResearcher({ name, role, monthly, bounds }: Researcher): void {
  if (!NAME.test(name))
    throw wrong(
      'the name',
      name,
      'lower-case letters, digits and hyphens, 63 at most: it is that of a namespace',
    );
  checkedBudget(monthly);
  if (role !== undefined && !ROLE.test(role))
    throw wrong('--role', role, 'the ARN of an IAM role, such as arn:aws:iam::123456789012:role/ada');
  for (const [bound, value] of Object.entries(bounds))
    if (!QUANTITY.test(value))
      throw wrong(`--${bound}`, value, 'an amount of Kubernetes, such as 64 or 256Gi');
}

/** Makes what is missing and puts right what differs. `access`: where an IAM role is to be let in. */
export async function addResearcher(
  kube: KubeClient,
  researcher: Researcher,
  access: Access | undefined,
): Promise<void> {
  const { name, role } = researcher;
  const before = await kube.get(Namespace, { namespace: '', name });
  if (before && before.metadata.labels?.[RESEARCHER] === undefined)
    throw new CliError('SB-E134', {
      what: `namespace ${name} is no researcher’s`,
      why: 'it was there before; what is in it would come under a budget and other rights',
      fix: `choose another name, or make it one: kubectl label namespace ${name} ${RESEARCHER}=${name}`,
    });
  await applyAll(kube, researcherObjects(researcher));
  // Last: who comes in finds everything there.
  if (role === undefined || !access) return;
  if ((await access.grant(role, [groupOf(name)])) === 'taken')
    throw new CliError('SB-E134', {
      what: `${role} is not let in as ${name}`,
      why: 'the cluster has an access entry for it already, which says that it is somebody else',
      fix: 'choose a role that nobody uses, or delete the entry: aws eks delete-access-entry',
    });
}

/** By name. `operatorNamespace`: where the ledger is. */
export async function findResearchers(
  kube: KubeClient,
  operatorNamespace: string,
  now: Date,
): Promise<ResearcherFound[]> {
  const [namespaces, ledger] = await Promise.all([
    kube.list(Namespace, { labelSelector: RESEARCHER }),
    kube.get(ConfigMap, { namespace: operatorNamespace, name: LEDGER }),
  ]);
  const accounts = readAccounts(ledger?.data);
  const month = monthOf(now.getTime());
  return namespaces
    .map(({ metadata }) => {
      const { name } = metadata;
      const budget = monthlyBudget(metadata);
      const account = accounts.get(name);
      const role = metadata.annotations?.[RESEARCHER_ROLE];
      return {
        name,
        month,
        budget: typeof budget === 'number' ? budget : undefined,
        // Of an earlier month nothing counts.
        spent: account?.month === month ? spentIn(account) : 0,
        ...(role !== undefined && { role }),
      };
    })
    .toSorted((a, b) => a.name.localeCompare(b.name));
}

export function oneOf(found: readonly ResearcherFound[], name: string): ResearcherFound {
  const one = found.find((researcher) => researcher.name === name);
  if (one) return one;
  throw new CliError('SB-E134', {
    what: `there is no researcher ${name}`,
    why: `no namespace of that name has the label ${RESEARCHER}`,
    fix: 'sb cloud researcher ls',
  });
}

export async function setBudget(kube: KubeClient, name: string, monthly: string): Promise<void> {
  const labels = { [MONTHLY_BUDGET]: checkedBudget(monthly) };
  await kube.patch(Namespace, { namespace: '', name }, { metadata: { labels } });
}

/** First the way in, then the namespace with all that is in it. Results in the bucket stay, and so does what this month has cost. */
export async function removeResearcher(
  kube: KubeClient,
  { name, role }: ResearcherFound,
  access: Access | undefined,
): Promise<void> {
  if (role !== undefined) await access?.revoke(role);
  await kube.delete(Namespace, { namespace: '', name });
}

export const isExceeded = ({ spent, budget }: ResearcherFound): boolean =>
  budget === undefined || spent >= budget;

/** `$1.20 of $200.00 (0 %)`. */
export function spentOf({ spent, budget }: ResearcherFound): string {
  if (budget === undefined) return `${dollars(spent)} of what nobody can read`;
  const share = budget === 0 ? 100 : Math.floor((spent / budget) * 100);
  return `${dollars(spent)} of ${dollars(budget)} (${share} %)`;
}

export const inDollars = (micros: number): number => Math.round((micros / MICROS) * 100) / 100;
