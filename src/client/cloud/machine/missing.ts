/** What `sb cloud init` lacks, before anything is asked of AWS: pure, from what the shell and the user's files say. */
import { LONGEST_STACK, STACK_PATTERN } from '../../../installation/aws/names.ts';
import { REGION } from '../../../providers/aws/partition.ts';

/** What was seen. */
export interface AwsSeen {
  env: Readonly<Record<string, string | undefined>>;
  /** Names of the profiles in `~/.aws/config` and `~/.aws/credentials`. */
  profiles: readonly string[];
  /** As the options or variables say. */
  stack: string;
  region: string | undefined;
}

type Look = (seen: AwsSeen) => string | undefined;

const KEYS = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'] as const;
/** Where a machine of AWS, or a pipeline, finds credentials: several variables mean the same. */
const GIVEN = [
  'AWS_WEB_IDENTITY_TOKEN_FILE',
  'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
  'AWS_CONTAINER_CREDENTIALS_FULL_URI',
] as const;

const LOG_IN = 'run `aws sso login`, or set AWS_PROFILE, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY';

const credentials: Look = ({ env, profiles }) => {
  const [missing] = KEYS.filter((name) => !env[name]);
  if (!missing || GIVEN.some((name) => env[name])) return undefined;
  const present = KEYS.find((name) => env[name]);
  if (present) return `credentials: ${present} is set and ${missing} is not; set both or neither`;
  const profile = env['AWS_PROFILE'];
  if (profile) {
    return profiles.includes(profile)
      ? undefined
      : `credentials: AWS_PROFILE is ${JSON.stringify(profile)}, and ~/.aws has no such profile${among(profiles)}`;
  }
  return profiles.includes('default')
    ? undefined
    : `credentials: there are none${among(profiles)}; ${LOG_IN}`;
};

const MOST_NAMES = 5;
const among = (profiles: readonly string[]): string =>
  profiles.length === 0
    ? ''
    : `, only ${profiles.slice(0, MOST_NAMES).join(', ')}${profiles.length > MOST_NAMES ? ', …' : ''}`;

const region: Look = (seen) => {
  if (!seen.region) return 'region: set --region or SB_AWS_REGION, such as us-east-1';
  if (REGION.test(seen.region)) return undefined;
  return `region: ${JSON.stringify(seen.region)} is no region of AWS; set --region or SB_AWS_REGION, such as us-east-1`;
};

const stack: Look = (seen) => {
  if (new RegExp(`^${STACK_PATTERN}$`).test(seen.stack) && seen.stack.length <= LONGEST_STACK)
    return undefined;
  return `name: ${JSON.stringify(seen.stack)} cannot name an installation; --stack takes lower-case letters, digits and hyphens, at most ${LONGEST_STACK}`;
};

/** A line for each thing: what, why, and what to do. */
export const missing = (seen: AwsSeen): string[] =>
  [credentials, region, stack].flatMap((look) => look(seen) ?? []);

/** Names of the profiles in a file of the AWS CLI: `[name]` in credentials, `[profile name]` in config. */
export const profilesIn = (text: string): string[] =>
  [...text.matchAll(/^\[(?:profile\s+)?([^\]\s]+)\s*\]/gm)].map(([, name = '']) => name);
