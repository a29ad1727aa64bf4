/** pass@k as Harbor 0.25 computes it (utils/pass_at_k.py): the unbiased estimator, over rewards of one key that is 0 or 1. */

/** Chance that one of `k` attempts out of `n`, of which `c` were right, is right. */
function passAtK(n: number, c: number, k: number): number {
  if (n - c < k) return 1;
  let wrong = 1;
  for (let i = 0; i < k; i++) wrong *= (n - c - i) / (n - i);
  return 1 - wrong;
}

/** 2, 4, 8 … and 5, 10, 15 … up to `most`. */
function eligible(most: number): number[] {
  const ks = new Set<number>();
  for (let k = 2; k <= most; k *= 2) ks.add(k);
  for (let k = 5; k <= most; k += 5) ks.add(k);
  return [...ks].sort((a, b) => a - b);
}

/** Collects the rewards of one agent on one dataset. The order in which they come has no part in the result. */
export class PassAtK {
  readonly #tasks = new Map<string, { n: number; c: number }>();
  #fits = true;

  /** `rewards`: all keys of the reward file; undefined for a Trial without a reward, which counts as wrong. */
  add(task: string, rewards: Record<string, number> | undefined): void {
    const values = Object.values(rewards ?? { reward: 0 });
    const [value] = values;
    if (values.length !== 1 || (value !== 0 && value !== 1)) this.#fits = false;
    const seen = this.#tasks.get(task);
    const right = value === 1 ? 1 : 0;
    if (!seen) this.#tasks.set(task, { n: 1, c: right });
    else {
      seen.n += 1;
      seen.c += right;
    }
  }

  /** By k; empty where a reward is something else than right or wrong, or a task was tried once only. */
  result(): Record<string, number> {
    let least = Infinity;
    for (const { n } of this.#tasks.values()) least = Math.min(least, n);
    if (!this.#fits || this.#tasks.size === 0 || least < 2) return {};
    const groups = this.#groups();
    return Object.fromEntries(
      eligible(least).map((k) => [
        String(k),
        groups.reduce((sum, { n, c, tasks }) => sum + tasks * passAtK(n, c, k), 0) / this.#tasks.size,
      ]),
    );
  }

  /** Tasks with the same counts together, in one order, so that sums of fractions come out the same every time. */
  #groups(): { n: number; c: number; tasks: number }[] {
    const groups = new Map<string, { n: number; c: number; tasks: number }>();
    for (const { n, c } of this.#tasks.values()) {
      const tasks = (groups.get(`${n}/${c}`)?.tasks ?? 0) + 1;
      groups.set(`${n}/${c}`, { n, c, tasks });
    }
    return [...groups.values()].sort((a, b) => a.n - b.n || a.c - b.c);
  }
}

/** Harbor's key of an agent, its model and a dataset in a job's `evals`. `model` without its provider. */
export const evalKey = (agent: string, model: string | undefined, dataset: string): string =>
  [agent, ...(model === undefined ? [] : [model.slice(model.indexOf('/') + 1)]), dataset].join('__');
