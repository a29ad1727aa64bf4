/** Values apart from the manifests that use them. */
import { LABEL, sha256 } from '../../../crds/names.ts';
import type { EnvVar } from '../../../crds/environment.ts';
import type { Secret } from '../../../kube/kinds.ts';
import { CliError } from '../../failures/error.ts';
import { templateOf, type Template } from '../../../tasks/index.ts';
import { secretObjectName } from './names.ts';
import { looksSecret, type Variables } from './variables.ts';

interface SecretsOptions {
  run: string;
  namespace: string | undefined;
  /** Out of --env-file. */
  envFile: Variables;
  /** What may be read of the caller's environment: see host-variables.ts. */
  environment: Record<string, string | undefined>;
}

/**
 * What a run's manifests refer to instead of saying it: all that comes from --env-file or the caller's environment, and what was given on the
 * command line and looks secret. So a manifest is the same on every machine, and shows nobody's keys.
 */
export class RunSecrets {
  readonly #values: Map<string, string>;
  readonly #options: SecretsOptions;
  readonly #data = new Map<string, string>();

  constructor(options: SecretsOptions) {
    const { environment, envFile } = options;
    this.#options = options;
    this.#values = new Map(
      Object.entries({ ...environment, ...envFile }).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, value] as const],
      ),
    );
  }

  /** Variables of --env-file, as references. */
  envFile(): EnvVar[] {
    return Object.entries(this.#options.envFile).map(([name, value]) =>
      this.#reference(name, `var.${name}`, value),
    );
  }

  /** Variables of a flag or of the run file; `group` keeps those of agent and verifier apart. Throws CliError SB-E035 for one that is not set. */
  given(variables: Variables, group: string): EnvVar[] {
    return Object.entries(variables).map(([name, value]) => {
      const template = templateOf(value);
      if (template) return this.#filled(name, value, []) ?? unset(name, template, group);
      return looksSecret(name, value) ? this.#reference(name, `${group}.${name}`, value) : { name, value };
    });
  }

  /** Those of the names that have a value, be it the caller's or of --env-file. */
  known(names: readonly string[]): EnvVar[] {
    return names.flatMap((name) => this.#filled(name, `\${${name}}`, []) ?? []);
  }

  /** Those variables of a task's table that the run fills in; the others are the task's own. The ones that the run gives to the same phase may be asked for, too. */
  ofTask(table: Variables, given: readonly EnvVar[]): EnvVar[] {
    return Object.entries(table).flatMap(([name, value]) => this.#filled(name, value, given) ?? []);
  }

  #filled(name: string, text: string, given: readonly EnvVar[]): EnvVar | undefined {
    const variable = templateOf(text)?.variable;
    if (variable === undefined) return undefined;
    const known = given.findLast((one) => one.name === variable);
    if (known) return { ...known, name };
    const value = this.#values.get(variable);
    if (value === undefined) return undefined;
    const key = /^[\w.-]{1,200}$/.test(variable) ? variable : sha256(variable);
    return this.#reference(name, `var.${key}`, value);
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

/** The default of a variable that is not set. Throws CliError SB-E035 where it has none. */
function unset(name: string, { variable, fallback }: Template, group: string): EnvVar {
  if (fallback !== undefined) return { name, value: fallback };
  throw new CliError('SB-E035', {
    what: `cannot set ${name} of the ${group}`,
    why: `it is to be the variable ${variable}, which is not set`,
    fix: `export ${variable}=…, or put it into a file for --env-file`,
  });
}
