/** `${VAR}` and `${VAR:-default}` in a task's env tables. A template is the whole value; anything else is literal, as in Harbor. */

const TEMPLATE = /^\$\{([^}:]+)(?::-(.*))?\}$/;

/** What a value asks for: a variable by its name, and what is taken where nobody set it. */
export interface Template {
  variable: string;
  fallback?: string;
}

/** The template that a value is; undefined for a literal. */
export function templateOf(value: string): Template | undefined {
  const [template, variable = '', fallback] = TEMPLATE.exec(value) ?? [];
  if (template === undefined) return undefined;
  return { variable, ...(fallback !== undefined && { fallback }) };
}

/** A variable that a task asks for and nobody set. */
export interface MissingVariable {
  /** Key in the env table. */
  key: string;
  /** Name between the braces. */
  variable: string;
}

/** Fills in the templates of one env table out of `variables`. A variable that is set, be it empty, goes before the default. */
export function resolveEnv(
  env: Record<string, string>,
  variables: Record<string, string | undefined>,
): { env: Record<string, string>; missing: MissingVariable[] } {
  const missing: MissingVariable[] = [];
  const resolved = Object.entries(env).map(([key, value]) => {
    const template = templateOf(value);
    if (!template) return [key, value];
    const { variable, fallback } = template;
    const set = Object.hasOwn(variables, variable) ? variables[variable] : undefined;
    if (set === undefined && fallback === undefined) missing.push({ key, variable });
    return [key, set ?? fallback ?? ''];
  });
  return { env: Object.fromEntries(resolved), missing };
}
