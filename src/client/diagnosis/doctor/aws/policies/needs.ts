/** Pure: what somebody has to be allowed in this installation, by the one table of permissions. */
import { fileOf, policyDocuments, type Statement } from '../../../../../installation/aws/iam.ts';
import { partitionOf } from '../../../../../providers/aws/partition.ts';
import type { AwsOption, AwsRole } from '../../../../../providers/aws/permissions.ts';
import type { Simulation } from '../../../../../providers/account/port.ts';
import type { OperatorSettings } from '../place.ts';

export interface Need {
  /** As it would allow it, with this installation's names. */
  statement: Statement;
  /** One of the resources that it is about. */
  resource: string;
  /** Condition keys that such a request has. */
  context: Readonly<Record<string, string>>;
}

export interface Names {
  region: string;
  account: string;
  settings: OperatorSettings;
  /** Whose namespace it is. */
  researcher?: string;
}

/** Settings that the table names. A repository of the operator's image, and the prefix of a pull-through cache, the operator is not told. */
const SETTINGS = [
  'SB_STACK',
  'SB_S3_BUCKET',
  'SB_ECR_REPO',
  'SB_CODEBUILD_PROJECT',
  'SB_LOG_GROUP',
  'SB_KMS_KEY_ID',
] as const;

/** Names are asked about, and end in commands that an admin may run: one with a wildcard would allow anything. */
const NAME = /^[\w.\-/#]+$/;

function valuesOf({ region, account, settings, researcher = '' }: Names): ReadonlyMap<string, string> {
  const told = [
    ...SETTINGS.map((name) => [name, settings[name] ?? ''] as const),
    ['SB_RESEARCHER', researcher] as const,
  ];
  return new Map([
    ...told.filter(([, value]) => NAME.test(value)),
    ['AWS_PARTITION', partitionOf(region).name],
    ['AWS_ACCOUNT_ID', account],
    ['SB_AWS_REGION', region],
  ]);
}

/** The same with names in their places; undefined where one is not known, as of what this installation does not have. */
function filled(statement: Statement, values: ReadonlyMap<string, string>): Statement | undefined {
  const text = JSON.stringify(statement).replaceAll(
    /\$\{(\w+)\}/g,
    (whole, name: string) => values.get(name) ?? whole,
  );
  return text.includes('${') ? undefined : (JSON.parse(text) as Statement);
}

/** IAM takes a wildcard in what is asked for itself, so an example stands in its place. */
const exampleOf = (pattern: string): string =>
  pattern === '*' ? pattern : pattern.replace(/:\*$/, ':log-stream:sb-doctor').replace(/\*$/, 'sb-doctor');

/** What every request of ours has; without it, a policy for one region or for TLS alone seems to deny all. */
const contextOf = ({ Condition = {} }: Statement, region: string): Need['context'] => ({
  'aws:RequestedRegion': region,
  'aws:SecureTransport': 'true',
  ...Object.fromEntries(
    Object.values(Condition)
      .flatMap((keys) => Object.entries(keys))
      .map(([key, value]) => [key, value.replace('amazonaws.*', partitionOf(region).services)]),
  ),
});

export function needsOf(role: AwsRole, names: Names): Need[] {
  const documents = policyDocuments();
  const options: AwsOption[] = ['kms'];
  if (names.settings['SB_BUDGET_CORRECTION'] === 'CostExplorer') options.push('costExplorer');
  const files = [fileOf({ role }), ...options.map((option) => fileOf({ role, option }))];
  const values = valuesOf(names);
  return files
    .flatMap((file) => documents[file]?.Statement ?? [])
    .flatMap((one) => filled(one, values) ?? [])
    .map((statement) => ({
      statement,
      resource: exampleOf(statement.Resource),
      context: contextOf(statement, names.region),
    }));
}

/** As few questions as there can be: each action is asked about each resource of its question. */
export const simulationsOf = (needs: readonly Need[]): Simulation[] =>
  [
    ...Map.groupBy(needs, ({ statement, context }) => JSON.stringify([statement.Action, context])).values(),
  ].map((alike) => ({
    actions: alike[0]!.statement.Action,
    resources: alike.map(({ resource }) => resource),
    context: alike[0]!.context,
  }));
