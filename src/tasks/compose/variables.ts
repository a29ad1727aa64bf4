/** The variables that a docker-compose.yaml may name: those of `[environment.env]` and of the Trial, and Harbor’s own. */
import type { EnvVar } from '../../crds/environment.ts';
import type { EnvironmentConfig } from '../toml/schema.ts';
import type { Variables, VariableValue } from './types.ts';

/** What the paths of Harbor’s own folders for logs on its machine begin with: no such path is there. */
export const HARBOR_LOGS = '/harbor-logs/';
/** What an image that Harbor builds for main is called: no registry has it. */
export const MAIN_IMAGE = 'harbor-main';

const LOGS: Record<string, string> = {
  AGENT_LOGS: 'agent',
  VERIFIER_LOGS: 'verifier',
  ARTIFACTS: 'artifacts',
};

/** `env`: the variables of the environment, as its container has them. Harbor’s own go before them. */
export function composeVariables(
  {
    cpus,
    memory_mb: memory,
    docker_image: image,
  }: Pick<EnvironmentConfig, 'cpus' | 'memory_mb' | 'docker_image'>,
  env: readonly EnvVar[],
): Variables {
  const known = new Map<string, VariableValue>(
    env.map(({ name, value = '', secretKeyRef }) => [name, secretKeyRef ? { secretKeyRef } : value]),
  );
  known.set('CONTEXT_DIR', '.');
  known.set('MAIN_IMAGE_NAME', MAIN_IMAGE);
  if (image !== undefined) known.set('PREBUILT_IMAGE_NAME', image);
  if (cpus !== undefined) known.set('CPUS', String(cpus));
  if (memory !== undefined) known.set('MEMORY', `${memory}M`);
  for (const [name, folder] of Object.entries(LOGS)) {
    known.set(`HOST_${name}_PATH`, HARBOR_LOGS + folder);
    known.set(`ENV_${name}_PATH`, `/logs/${folder}`);
  }
  return (name) => known.get(name);
}
