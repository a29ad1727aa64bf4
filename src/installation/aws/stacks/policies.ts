/** The table of AWS permissions as policies of roles in a template. */
import { policyDocuments } from '../iam.ts';
import { NAMES, ref, sub, type ConditionName, type Resource } from './template.ts';

/** What stands for the placeholders of `config/aws/iam`. */
const PLACEHOLDERS: Record<string, string> = {
  AWS_PARTITION: '${AWS::Partition}',
  AWS_ACCOUNT_ID: '${AWS::AccountId}',
  SB_AWS_REGION: '${AWS::Region}',
  SB_STACK: '${Stack}',
  SB_S3_BUCKET: NAMES.bucket,
  SB_ECR_REPO: NAMES.images,
  SB_OPERATOR_REPO: NAMES.operator,
  SB_CODEBUILD_PROJECT: NAMES.project,
  SB_LOG_GROUP: '${LogGroup}',
  SB_PULL_THROUGH_PREFIX: '${PullThroughPrefix}',
  SB_KMS_KEY_ID: '${KeyId}',
};

type Document = { Version: string; Statement: { Resource: unknown }[] };

const documents = (): Record<string, Document | undefined> => policyDocuments();

/** The policy of a role, by the name of its file in `config/aws/iam`. */
export function policyOf(role: string) {
  const document = documents()[`${role}.json`];
  if (!document) throw new Error(`no policy of the table is called ${role}`);
  return { PolicyName: role, PolicyDocument: inTemplate(document) };
}

/** Policies that only some installations need: by the end of the file's name, when, and the end of the resource's. */
const OPTIONS: readonly (readonly [file: string, condition: ConditionName, resource: string])[] = [
  ['kms', 'HasKey', 'Key'],
  ['pull-through', 'HasPullThrough', 'PullThrough'],
  ['cost-explorer', 'HasCostExplorer', 'CostExplorer'],
];

/** Those of a role, as resources beside it. `id`: what the template calls the role. */
export function optionsOf(role: string, id: string): Record<string, Resource> {
  const options = OPTIONS.flatMap(([file, Condition, resource]) => {
    const PolicyName = `${role}-${file}`;
    const document = documents()[`${PolicyName}.json`];
    if (!document) return [];
    const Properties = { PolicyName, PolicyDocument: inTemplate(document), Roles: [ref(id)] };
    return [[`${id}${resource}`, { Type: 'AWS::IAM::Policy', Condition, Properties }] as const];
  });
  return Object.fromEntries(options);
}

const inTemplate = (document: Document): Document => filled(document) as Document;

/** The same with every placeholder filled, in resources and conditions alike. */
function filled(value: unknown): unknown {
  if (typeof value === 'string')
    return value.includes('${')
      ? sub(value.replace(/\$\{(\w+)\}/g, (_, name: string) => PLACEHOLDERS[name] ?? unknown(name)))
      : value;
  if (Array.isArray(value)) return value.map(filled);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, filled(part)]));
}

function unknown(name: string): never {
  throw new Error(`a policy says \${${name}}, for which no stack has a value`);
}
