/** The environment → one checked, frozen Config. Nobody else reads `process.env`. */
import { commonConfig, type CommonConfig } from './config/common.ts';
import { reader, type Env } from './config/reader.ts';
import {
  PROFILE_NAMES,
  profileOf,
  type ProfileName,
  type ProfileSettings,
} from './providers/profiles/profiles.ts';

/** The settings of a profile: those of all, and its own (src/providers/profiles). */
export type Config<N extends ProfileName = ProfileName> = CommonConfig & ProfileSettings<N>;

/** Thrown with every problem at once, one line each: variable, value, reason. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

/** Reads and checks all settings; throws `ConfigError` naming each one that is missing or wrong. */
export function readConfig(env: Env): Config {
  const problems: string[] = [];
  const read = reader(env, problems);
  const name = read.choice('SB_PROFILE', PROFILE_NAMES);
  // A wrong name is a problem already; the others are read as the first profile's.
  const profile = profileOf(problems.length > 0 ? PROFILE_NAMES[0] : name);
  const own = profile.settings(read);
  const common = commonConfig(read, profile.defaults);
  problems.push(...ownRepositoryProblem(common.courierImage, profile.repository(own)));
  if (problems.length > 0) throw new ConfigError(problems.join('\n'));
  return Object.freeze({ profile: name, ...common, ...own }) as Config;
}

/** Builds of anybody go to the images' repository: not where the operator itself is pulled from. */
function ownRepositoryProblem(image: string, [variable, repository]: [string, string]): string[] {
  const own = image.replace(/(:[^/:]*)?@.*$/, '');
  const isOwn = own !== '' && (own === repository || own.endsWith(`/${repository}`));
  return isOwn ? [`${variable}: ${repository} is the repository of the operator's own image`] : [];
}
