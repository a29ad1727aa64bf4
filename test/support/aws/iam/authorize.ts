/** Which permissions a call needs, and on what. Source: Service Authorization Reference, by service. */
import { ACCOUNT, REGION } from '../facts.ts';
import { AwsError } from '../../codebuild/errors.ts';
import type { Asked } from './evaluate.ts';
import { refusalOf, type Role } from './roles.ts';

const arn = (service: string, rest: string): string => `arn:aws:${service}:${REGION}:${ACCOUNT}:${rest}`;

export const repositoryArn = (name: string): string => arn('ecr', `repository/${name}`);

interface Request {
  repositoryName?: string;
  repositoryNames?: string[];
  logGroupName?: string;
  logStreamName?: string;
  SecretId?: string;
}

/** Without a name all repositories are asked about. */
const repositoriesOf = ({ repositoryName, repositoryNames = [] }: Request): string[] => {
  const names = repositoryName === undefined ? repositoryNames : [repositoryName];
  return names.length > 0 ? names.map(repositoryArn) : [repositoryArn('*')];
};

/** Names of secrets end in six characters of AWS's. */
const secretArn = (id: string): string =>
  id.startsWith('arn:') ? id : arn('secretsmanager', `secret:${id}-AbCdEf`);

/** A login at ECR Public is made of two permissions; that of STS is asked for with the service that it is for. */
const PUBLIC_LOGIN: Asked[] = [
  { action: 'ecr-public:GetAuthorizationToken', resource: '*' },
  {
    action: 'sts:GetServiceBearerToken',
    resource: '*',
    context: { 'sts:AWSServiceName': 'ecr-public.amazonaws.com' },
  },
];

/** Services whose calls take no resource. */
const OF_ACCOUNTS = new Set<string | undefined>(['ce', 'servicequotas', 'tag']);

/** What a call of the JSON protocol asks for. */
export function askedBy(action: string, request: Request): Asked[] {
  if (action === 'ecr-public:GetAuthorizationToken') return PUBLIC_LOGIN;
  if (action === 'ecr:GetAuthorizationToken') return [{ action, resource: '*' }];
  const [service] = action.split(':');
  if (OF_ACCOUNTS.has(service)) return [{ action, resource: '*' }];
  if (service === 'ecr') return repositoriesOf(request).map((resource) => ({ action, resource }));
  if (service === 'secretsmanager') return [{ action, resource: secretArn(request.SecretId ?? '') }];
  if (service === 'logs')
    return [
      {
        action,
        resource: arn('logs', `log-group:${request.logGroupName}:log-stream:${request.logStreamName ?? ''}`),
      },
    ];
  throw new Error(`${action} has no rule here`);
}

/** Throws what AWS answers to a role that may not do all of it. */
export function authorize(role: Role | undefined, asked: Asked[]): void {
  for (const one of asked) {
    const why = refusalOf(role, one);
    if (why !== undefined) throw new AwsError('AccessDeniedException', why);
  }
}
