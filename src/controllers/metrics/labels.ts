/** Values of labels, of which there are never many: a metric has a series for each, and Prometheus keeps them all in memory. */
import { agentFacts } from '../../crds/agents.ts';

/** What every value counts as that there is no room for. */
export const OTHER = 'other';

/** Values that a user invents, such as namespaces, and how many of each label are told apart. */
export const VALUES_MAX = 100;

/** The first values that come keep their own name for the life of the process. */
export class FirstValues {
  readonly #known = new Set<string>();

  of(value: string): string {
    if (this.#known.has(value)) return value;
    if (this.#known.size >= VALUES_MAX) return OTHER;
    this.#known.add(value);
    return value;
  }
}

/** A word of these lists: conditions may hold what another version of the operator wrote. */
export const listed =
  (...lists: object[]) =>
  (word: string): string =>
    lists.some((list) => Object.hasOwn(list, word)) ? word : OTHER;

/** An agent by its own name, never by its title or model: what users call things has no bound. */
export const agentLabel = ({ name }: { name: string }): string => (agentFacts(name) ? name : 'custom');
