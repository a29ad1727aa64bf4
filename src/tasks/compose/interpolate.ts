/** `$NAME`, `${NAME:-otherwise}` and their kin, as Compose fills them in. */
import type { Place } from './place.ts';
import type { Variables, VariableValue } from './types.ts';

/** Characters of one value once it is filled in. */
const LENGTH_MAX = 32_768;
/** Templates within templates. */
const DEPTH_MAX = 8;

/** A text with its variables filled in. */
export function filled(text: string, variables: Variables, place: Place): string {
  if (!text.includes('$')) return text;
  const made = new Template(text, variables, place).whole();
  if (made.length <= LENGTH_MAX) return made;
  place.invalid(`has ${made.length} characters with its variables filled in; expected at most ${LENGTH_MAX}`);
  return '';
}

const ALONE = /^\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::?[-?][^$}]*)?\})$/;

/** The same for the value of a variable, which may be a Secret's as a whole. */
export function filledValue(text: string, variables: Variables, place: Place): VariableValue {
  const [, plain, braced] = ALONE.exec(text) ?? [];
  const name = plain ?? braced;
  const value = name === undefined ? undefined : variables(name);
  return typeof value === 'object' ? value : filled(text, variables, place);
}

const NAME = /[A-Za-z_]\w*/y;
const OPERATOR = /:?[-?+]/y;

class Template {
  readonly #text: string;
  readonly #variables: Variables;
  readonly #place: Place;
  #at = 0;
  #faulty = false;

  constructor(text: string, variables: Variables, place: Place) {
    this.#text = text;
    this.#variables = variables;
    this.#place = place;
  }

  whole(): string {
    return this.#read({ live: true, depth: 0 });
  }

  /** Up to the closing brace within a template, else to the end. Of what is not `live` nothing is told. */
  #read(within: { live: boolean; depth: number }): string {
    let made = '';
    while (this.#at < this.#text.length && !this.#faulty) {
      const next = this.#text[this.#at] ?? '';
      if (next === '}' && within.depth > 0) return made;
      if (next === '$') made += this.#template(within);
      else {
        made += next;
        this.#at += 1;
      }
    }
    if (within.depth > 0) this.#fail('has a "${" without its "}"');
    return made;
  }

  #template(within: { live: boolean; depth: number }): string {
    this.#at += 1;
    const next = this.#text[this.#at];
    if (next === '$') {
      this.#at += 1;
      return '$';
    }
    if (next !== '{') return this.#valueOf(this.#take(NAME), within.live);
    this.#at += 1;
    if (within.depth >= DEPTH_MAX)
      return this.#fail(`has more than ${DEPTH_MAX} templates within each other`);
    const made = this.#braced({ ...within, depth: within.depth + 1 });
    if (this.#text[this.#at] !== '}') return this.#fail('has a "${" without its "}"');
    this.#at += 1;
    return made;
  }

  #braced({ live, depth }: { live: boolean; depth: number }): string {
    const name = this.#take(NAME);
    const operator = this.#take(OPERATOR);
    if (name === undefined || operator === undefined) return this.#valueOf(name, live);
    const isSet = this.#isSet(name, operator);
    if (operator.endsWith('?')) {
      this.#word(false, depth);
      return isSet || !live ? this.#valueOf(name, live) : this.#missing(name);
    }
    const isOther = operator.endsWith('+');
    const word = this.#word(live && isSet === isOther, depth);
    return isSet && !isOther ? this.#valueOf(name, live) : word;
  }

  /** With a colon, empty is not set. */
  #isSet(name: string, operator: string): boolean {
    const value = this.#variables(name);
    return value !== undefined && (value !== '' || !operator.startsWith(':'));
  }

  /** What comes after an operator; empty where it is not taken. */
  #word(live: boolean, depth: number): string {
    const word = this.#read({ live, depth });
    return live ? word : '';
  }

  #valueOf(name: string | undefined, live: boolean): string {
    if (name === undefined)
      return this.#fail('has a "$" that begins no variable; write "$$" for the sign itself');
    const value = this.#variables(name);
    if (typeof value === 'string' || !live) return typeof value === 'string' ? value : '';
    if (value === undefined) return this.#missing(name);
    this.#place.invalid(
      `takes ${name} as a part of it, which is a Secret’s value; expected it as the whole value of a variable under environment`,
    );
    return '';
  }

  #missing(name: string): string {
    this.#place.invalid(
      `needs the variable ${name}: set it under [environment.env] in task.toml or in the Trial, or give a default as in \${${name}:-value}`,
    );
    return '';
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const [found] = pattern.exec(this.#text) ?? [];
    this.#at += found?.length ?? 0;
    return found;
  }

  /** Once: what comes after a fault of the text means nothing. */
  #fail(says: string): string {
    if (!this.#faulty) this.#place.invalid(says);
    this.#faulty = true;
    return '';
  }
}
