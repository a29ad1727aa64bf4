/** A place in a docker-compose.yaml, and what is wrong there. */
import { fieldName, type Path } from '../toml/problems.ts';
import type { ComposeProblem } from './types.ts';

export class Place {
  readonly path: Path;
  readonly #problems: ComposeProblem[];

  /** Everything that is told of places within goes into the list. */
  constructor(problems: ComposeProblem[], path: Path = []) {
    this.#problems = problems;
    this.path = path;
  }

  at(...keys: Path): Place {
    return new Place(this.#problems, [...this.path, ...keys]);
  }

  /** Compose would not take it either. The sentence goes on after the field's name and a colon. */
  invalid(says: string): void {
    this.#tell({ kind: 'invalid', says });
  }

  /** It does not map to containers of one Pod. */
  unsupported(says: string): void {
    this.#tell({ kind: 'unsupported', says });
  }

  #tell(problem: Omit<ComposeProblem, 'field'>): void {
    const field = fieldName(this.path);
    if (!this.#problems.some((known) => known.field === field && known.says === problem.says))
      this.#problems.push({ field, ...problem });
  }
}
