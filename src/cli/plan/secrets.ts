/** Values apart from the manifests that use them. */
import { LABEL, sha256 } from '../../crds/names.ts';
import type { EnvVar } from '../../crds/environment.ts';
import type { Secret } from '../../kube/kinds.ts';
import { CliError } from '../failure/error.ts';
import { resolveEnv } from '../../tasks/index.ts';
import { secretObjectName } from './names.ts';
import { looksSecret, type Variables } from './variables.ts';

/** Stands in a manifest for the value of a variable of the caller's until `refer` replaces it. TOML and YAML know no NUL. */
const MARK = '\0variable:';

export interface SecretsOptions {
  run: string;
  namespace: string | undefined;
  /** Out of --env-file. */
  envFile: Variables;
  /** The caller's environment. */
  environment: Record<string, string | undefined>;
}

/**
 * What a run's manifests refer to instead of saying it: all that comes from --env-file or the caller's environment, and what was given on the
 * command line and looks secret. So a manifest is the same on every machine, and shows nobody's keys.
 */
export class RunSecrets {
  /** For `resolveEnv`: every variable there is, each with a mark in place of its value. */
  readonly marks: Variables;
  readonly #values: Record<string, string>;
  readonly #options: SecretsOptions;
  readonly #data = new Map<string, string>();

  constructor(options: SecretsOptions) {
    const { environment, envFile } = options;
    this.#options = options;
    const set = Object.entries({ ...environment, ...envFile }).filter(([, value]) => value !== undefined);
    this.#values = Object.fromEntries(set) as Variables;
    this.marks = Object.fromEntries(set.map(([name]) => [name, MARK + name]));
  }

  /** Variables of --env-file, as references. */
  envFile(): EnvVar[] {
    return Object.entries(this.#options.envFile).map(([name, value]) =>
      this.#reference(name, `var.${name}`, value),
    );
  }

  /** Variables of a flag or of the run file; `group` keeps those of agent and verifier apart. Throws CliError SB-E035 for one that is not set. */
  given(variables: Variables, group: string): EnvVar[] {
    const { env, missing } = resolveEnv(variables, this.marks);
    for (const { key, variable } of missing)
      throw new CliError('SB-E035', {
        what: `cannot set ${key} of the ${group}`,
        why: `it is to be the variable ${variable}, which is not set`,
        fix: `export ${variable}=…, or put it into a file for --env-file`,
      });
    return Object.entries(env).map(([name, value]) => {
      if (value.startsWith(MARK)) return this.refer({ name, value });
      return looksSecret(name, value) ? this.#reference(name, `${group}.${name}`, value) : { name, value };
    });
  }

  /** The variable with a reference in place of a mark. */
  refer(variable: EnvVar): EnvVar {
    if (!variable.value?.startsWith(MARK)) return variable;
    const source = variable.value.slice(MARK.length);
    const key = `var.${/^[\w.-]{1,200}$/.test(source) ? source : sha256(source)}`;
    return this.#reference(variable.name, key, this.#values[source] ?? '');
  }

  /** The Secret with everything that was referred to; undefined where nothing was. */
  manifest(): Secret | undefined {
    if (this.#data.size === 0) return undefined;
    const { run, namespace } = this.#options;
    const entries = [...this.#data].sort(([a], [b]) => (a < b ? -1 : 1));
    return {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        name: secretObjectName(run),
        ...(namespace !== undefined && { namespace }),
        labels: { [LABEL.run]: run },
      },
      type: 'Opaque',
      data: Object.fromEntries(entries.map(([key, value]) => [key, Buffer.from(value).toString('base64')])),
    };
  }

  #reference(name: string, key: string, value: string): EnvVar {
    this.#data.set(key, value);
    return { name, secretKeyRef: { name: secretObjectName(this.#options.run), key } };
  }
}
